"""The layers: the identity of their rows, and the names of their sources."""

from __future__ import annotations

from typing import NamedTuple

from .contract import (
    EVENT_CONTRACT,
    EVENTS,
    EXECUTION_CONTRACT,
    EXECUTIONS,
    Column,
)


class Layer(NamedTuple):
    """A layer.

    `ident` is the column that identifies a row. `label` is a template for the name of
    a row in messages, with column names between braces.
    """

    name: str
    columns: tuple[Column, ...]
    contract: str
    ident: str
    label: str
    source: str


BRONZE = Layer(
    "bronze", EVENTS, EVENT_CONTRACT, "event_id", "event {event_id}", "the outbox"
)
SILVER = Layer(
    "silver",
    EXECUTIONS,
    EXECUTION_CONTRACT,
    "operation_id",
    "operation {operation_id} of client {client_id}",
    "the replay of bronze",
)
