"""The contents of a window of the outbox, before a run reads the rows."""

from __future__ import annotations

from typing import NamedTuple

from .contract import KNOWN_EVENT_TYPES
from .errors import Failure, plural
from .fit import (
    NO_VALID_TIME,
    explain_misfit,
    misfit_conditions,
    unfit_row_condition,
)
from .quarantine import UnfitEvent
from .schema import Query, Schema
from .settings import OUTBOX_TABLE
from .sql import identifier, instant, within

NAMED = 5
# With more unfit events than this, the table or the contract is wrong. A run keeps the
# unfit events in memory, and stores them in one object of the lake.
MOST_UNFIT = 10_000
MOST_UNFIT_BYTES = 64 << 20


class Survey(NamedTuple):
    """The contents of a window.

    `rows` is the number of events that fit the contract. `seq` is their smallest and
    largest event_seq. `strays` names a few events of the table without a valid day.
    """

    rows: int
    seq: tuple[int | None, int | None]
    unfit: list[UnfitEvent]
    strays: list[str]
    stray_count: int
    unknown_types: list[str]


def survey(query: Query, day: str, window: tuple[int, int], schema: Schema) -> Survey:
    """Counts the events of a window that fit, and reads those that do not.

    Raises a failure if an event_id or event_seq is not unique, or if too many events
    do not fit.
    """
    groups = query(
        f"""
SELECT {unfit_row_condition(schema.wider)}, count(*), min(event_seq), max(event_seq)
FROM {OUTBOX_TABLE} WHERE {within(window)} GROUP BY 1"""
    )
    by_fit = {group[0]: group[1:] for group in groups}
    rows, low, high = by_fit.get("f", ["0", None, None])
    for column in ("event_id", "event_seq"):
        if column not in schema.unique:
            refuse_duplicates(query, day, window, column, schema)
    strays = query(
        f"""
SELECT coalesce(event_id::text, 'without an id'), count(*) OVER ()
FROM {OUTBOX_TABLE} WHERE {NO_VALID_TIME} ORDER BY event_id LIMIT {NAMED}"""
    )
    return Survey(
        int(rows or 0),
        (as_integer(low), as_integer(high)),
        read_unfit(query, day, window, schema) if "t" in by_fit else [],
        [str(event) for event, _ in strays],
        int(strays[0][1] or 0) if strays else 0,
        unknown_types(query, window),
    )


def read_unfit(
    query: Query, day: str, window: tuple[int, int], schema: Schema
) -> list[UnfitEvent]:
    """Reads the events that do not fit, with every column as Postgres's text."""
    where = f"{within(window)} AND {unfit_row_condition(schema.wider)}"
    found = query(
        f"""
SELECT count(*), sum(octet_length(stored::text))
FROM {OUTBOX_TABLE} AS stored WHERE {where}"""
    )[0]
    rows, size = (int(number or 0) for number in found)
    if rows > MOST_UNFIT or size > MOST_UNFIT_BYTES:
        raise too_many_unfit(day, rows, size)
    tests = misfit_conditions(schema.wider)
    selected = [f"{identifier(name)}::text" for name in schema.columns]
    selected += [f"({test}) IS TRUE" for _, test in tests]
    events = []
    for answer in query(
        f"""
SELECT {", ".join(selected)} FROM {OUTBOX_TABLE}
WHERE {where} ORDER BY event_id"""
    ):
        flags = answer[len(schema.columns) :]
        row = dict(zip(schema.columns, answer))
        problems = [
            (column.name, explain_misfit(column, row[column.name]))
            for (column, _), flag in zip(tests, flags)
            if flag == "t"
        ]
        events.append(UnfitEvent(row["event_id"], problems, row))
    return events


def refuse_duplicates(
    query: Query, day: str, window: tuple[int, int], column: str, schema: Schema
) -> None:
    """Raises a failure if several events of a window share an identity."""
    values = query(
        f"""
SELECT {column}, count(*),
       array_to_string((array_agg(event_id ORDER BY event_id))[1:{NAMED}], ', '),
       count(*) OVER ()
FROM {OUTBOX_TABLE} WHERE {within(window)} AND {column} IS NOT NULL
GROUP BY {column} HAVING count(*) > 1 ORDER BY {column} LIMIT {NAMED}"""
    )
    if not values:
        return
    named = [
        f"{value} ({rows} rows)" if column == "event_id" else f"{value} (events {ids})"
        for value, rows, ids, _ in values
    ]
    more = int(values[0][3] or 0) - len(values)
    if more > 0:
        named.append(f"and {more} more")
    key = "PRIMARY KEY (event_id)" if column == "event_id" else "UNIQUE (event_seq)"
    constraint = (
        f"give each partition a unique index on {column}."
        if schema.partitioned
        else f"run: ALTER TABLE {OUTBOX_TABLE} ADD {key};"
    )
    raise Failure(
        "data",
        f"Cannot export {day}: on that day, several rows of {OUTBOX_TABLE} have the "
        f"same {column}: {'; '.join(named)}. The table has no unique constraint on "
        f"{column}, so Postgres accepted them. Nothing was published. Correct them in "
        f"the outbox, then {constraint}",
    )


def unknown_types(query: Query, window: tuple[int, int]) -> list[str]:
    """Lists the window's event types that the contract does not name."""
    types = query(
        f"SELECT DISTINCT event_type FROM {OUTBOX_TABLE} WHERE {within(window)} "
        "AND event_type IS NOT NULL ORDER BY 1"
    )
    return [str(name) for (name,) in types if name not in KNOWN_EVENT_TYPES]


def neighbours(query: Query, window: tuple[int, int]) -> list[str]:
    """Lists the nearest days with events. The message of an empty window uses them."""
    near = query(
        f"""
SELECT (SELECT to_char(max(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        FROM {OUTBOX_TABLE} WHERE occurred_at < {instant(window[0])}
          AND NOT {NO_VALID_TIME}),
       (SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        FROM {OUTBOX_TABLE} WHERE occurred_at >= {instant(window[1])}
          AND NOT {NO_VALID_TIME})"""
    )[0]
    return [day for day in near if day is not None]


def too_many_unfit(day: str, count: int, size: int) -> Failure:
    """Returns the failure for too many events that do not fit."""
    return Failure(
        "data",
        f"Cannot export {day}: {plural(count, 'event')} with {plural(size, 'byte')} do "
        f"not fit the contract, and the quarantine holds at most "
        f"{plural(MOST_UNFIT, 'event')} with {plural(MOST_UNFIT_BYTES, 'byte')}. "
        "Nothing was published. "
        "Find out which change to the backend writes these events, correct them in "
        "the outbox, then run again.",
    )


def as_integer(text: str | None) -> int | None:
    """Parses an integer of Postgres. None for null."""
    return None if text is None else int(text)
