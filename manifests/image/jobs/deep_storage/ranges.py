"""Splits a large window into ranges that several tasks read at the same time.

A range is a number of consecutive rows in the order of bronze. The number is fixed, so
the files do not depend on the number of executors: equal rows give equal files.
"""

from __future__ import annotations

from typing import List, Optional

from .fit import unfit_row_condition
from .schema import Query, Schema
from .settings import OUTBOX_TABLE
from .sql import within

# The first row of a range: its event_seq and event_id.
Row = List[Optional[str]]


def ranges(
    query: Query, window: tuple[int, int], schema: Schema, rows: int, most: int
) -> list[str]:
    """Returns the SQL condition of each range, in the order of bronze.

    A range has at most `most` of the window's `rows`. Returns no condition if one range
    is enough, or if Postgres has no index on event_seq: each range would then read the
    whole window. Each event that fits belongs to exactly one range.
    """
    if rows <= most or "event_seq" not in schema.unique:
        return []
    first = query(
        f"""
SELECT event_seq, event_id FROM (
  SELECT event_seq, event_id,
         row_number() OVER (ORDER BY event_seq NULLS LAST, event_id) AS number
  FROM {OUTBOX_TABLE}
  WHERE {within(window)} AND NOT {unfit_row_condition(schema.wider)}) AS numbered
WHERE (number - 1) % {most} = 0 ORDER BY number"""
    )
    ends: list[Row | None] = [*first[1:], None]
    return [condition(begin, end) for begin, end in zip(first, ends)]


def condition(begin: Row, end: Row | None) -> str:
    """Returns the SQL condition for the rows from `begin` up to `end`.

    Rows without an event_seq come last. Without `end`, the range has all rows that
    follow.
    """
    if end is not None and end[0] is not None:
        return f"event_seq >= {seq(begin)} AND event_seq < {seq(end)}"
    nulls = "event_seq IS NULL"
    if end is not None:
        nulls += f" AND event_id::uuid < uuid '{end[1]}'"
    if begin[0] is None:
        return f"{nulls} AND event_id::uuid >= uuid '{begin[1]}'"
    return f"(event_seq >= {seq(begin)} OR {nulls})"


def seq(row: Row) -> str:
    """Returns the event_seq of a row as SQL."""
    return f"bigint '{row[0]}'"
