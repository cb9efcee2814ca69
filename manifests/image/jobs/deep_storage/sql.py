"""Fragments of SQL that several queries share, and the format of instants."""

from __future__ import annotations

import datetime

from .settings import OUTBOX_OID


# The oids of the outbox and of its descendants at any depth: partitions, and tables
# that inherit from it.
DESCENDANTS = f"""
WITH RECURSIVE below AS (
  SELECT {OUTBOX_OID}::oid AS oid
  UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid)
SELECT oid FROM below"""

# The descendants and the ancestors. A row written to any of them can be an outbox row.
RELATIVES = f"""
WITH RECURSIVE above AS (
  SELECT {OUTBOX_OID}::oid AS oid
  UNION SELECT inhparent FROM pg_inherits JOIN above ON inhrelid = above.oid)
SELECT oid FROM above UNION ({DESCENDANTS})"""


def identifier(name: str) -> str:
    """Quotes a name for SQL, with double quotes."""
    return '"' + name.replace('"', '""') + '"'


def within(window: tuple[int, int]) -> str:
    """Returns the condition for the rows of a half-open window."""
    start, end = window
    return f"occurred_at >= {instant(start)} AND occurred_at < {instant(end)}"


def instant(micros: int) -> str:
    """Formats microseconds since 1970 as SQL, independent of session settings."""
    return f"timestamptz '{iso(micros)}'"


def iso(micros: int) -> str:
    """Formats microseconds since 1970 as ISO 8601 in UTC, with the decimals needed."""
    epoch = datetime.datetime(1970, 1, 1)
    text = (epoch + datetime.timedelta(microseconds=micros)).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
