"""The identity of the rows of each layer, and the name of its source."""

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
    """A layer. `ident` is the column that tells rows apart; `label` is a row's name for
    people, with columns between braces."""

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
