"""Pieces of SQL that several queries share, and how instants are written in it."""

from __future__ import annotations

import datetime

from .contract import OUTBOX_TABLE

# The oid of the outbox and of what is below it, at any depth: partitions, and tables
# that inherit from it.
DESCENDANTS = f"""
WITH RECURSIVE below AS (
  SELECT to_regclass('{OUTBOX_TABLE}')::oid AS oid
  UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid)
SELECT oid FROM below"""

# The same, and what is above it. What is written to one of them can be the outbox's.
RELATIVES = f"""
WITH RECURSIVE above AS (
  SELECT to_regclass('{OUTBOX_TABLE}')::oid AS oid
  UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = above.oid)
SELECT oid FROM above UNION ({DESCENDANTS})"""


def identifier(name: str) -> str:
    """A name as SQL may always have it: between double quotes."""
    return '"' + name.replace('"', '""') + '"'


def within(window: tuple[int, int]) -> str:
    """The condition for the rows of a window, which is half-open."""
    start, end = window
    return f"occurred_at >= {instant(start)} AND occurred_at < {instant(end)}"


def instant(micros: int) -> str:
    """Microseconds since 1970 as SQL that no setting of the session changes."""
    return f"timestamptz '{iso(micros)}'"


def iso(micros: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC."""
    epoch = datetime.datetime(1970, 1, 1)
    return (epoch + datetime.timedelta(microseconds=micros)).isoformat() + "Z"
