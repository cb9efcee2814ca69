"""What the outbox holds, and whether Parquet can hold it, before a row is read."""

from __future__ import annotations

import re
from typing import NamedTuple

from .contract import EVENTS, KNOWN_EVENT_TYPES, OUTBOX_TABLE, UNEXPORTED_COLUMNS
from .errors import Failure
from .outbox import Outbox, instant, within

NAMED = 5
TEXTS = ("character varying", "text")

TABLE = f"""
SELECT has_table_privilege(c.oid, 'SELECT'), current_user,
       current_setting('server_encoding')
FROM pg_class c WHERE c.oid = to_regclass('{OUTBOX_TABLE}')"""

COLUMNS = f"""
SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod)
FROM pg_attribute
WHERE attrelid = to_regclass('{OUTBOX_TABLE}') AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""


class Survey(NamedTuple):
    """What a window holds. The smallest and largest event_seq as text, or None."""

    rows: int
    seq: tuple[str | None, str | None]
    unknown_types: list[str]


def read_schema(outbox: Outbox) -> tuple[set[str], list[str]]:
    """Compares the outbox with the contract.

    Returns the columns whose Postgres type is wider than Parquet's, and those that the
    contract does not know.
    """
    table = outbox.rows(TABLE)
    if not table:
        raise Failure(
            "configuration",
            f"Cannot find table {OUTBOX_TABLE}: no such table in the user's "
            "search_path. Set DJANGO_DB_NAME to the database of Robson's backend.",
        )
    readable, user, encoding = table[0]
    if readable != "t":
        raise Failure(
            "configuration",
            f"Cannot read {OUTBOX_TABLE} as {user}: permission denied. Let a superuser "
            f'run: GRANT SELECT ON {OUTBOX_TABLE} TO "{user}";',
        )
    if encoding == "SQL_ASCII":
        raise Failure(
            "data",
            "Cannot export from a database whose encoding is SQL_ASCII: nobody knows "
            "which characters its texts hold. Move it to one with encoding UTF8.",
        )
    declared = {name: (kind, full) for name, kind, full in outbox.rows(COLUMNS)}
    wider = set()
    for column in EVENTS:
        kind, full = declared.get(column.name, (None, None))
        same_text = kind in TEXTS and column.postgres in TEXTS
        if kind != column.postgres and not same_text:
            actual = "is missing" if kind is None else f"is of type {kind}"
            raise Failure(
                "data",
                f"Cannot export {OUTBOX_TABLE}: column {column.name} {actual}, and the "
                f"contract says {column.postgres}. Nothing was published. Undo the "
                "migration that changed it, or bring the contract up to date first.",
            )
        if kind == "numeric" and full != column.type.replace("DECIMAL", "numeric"):
            wider.add(column.name)
    known = {column.name for column in EVENTS} | set(UNEXPORTED_COLUMNS)
    return wider, [name for name in declared if name not in known]


def survey(outbox: Outbox, window: tuple[int, int], wider: set[str]) -> Survey:
    """Counts a window's rows, and refuses what Parquet could not hold, by event id."""
    tests = {column.name: unfit(column, wider) for column in EVENTS}
    tests = {name: test for name, test in tests.items() if test is not None}
    where = f"{within(window)} AND ({' OR '.join(tests.values())})"
    values = [
        f"CASE WHEN {test} THEN '{name} ' || coalesce({name}::text, 'null') END"
        for name, test in tests.items()
    ]
    refuse(outbox, where, values, "do not fit the contract")
    refuse(
        outbox,
        "occurred_at IN ('-infinity', 'infinity')",
        ["'occurred_at ' || occurred_at"],
        "fall on no day, so none would export them",
    )
    rows, low, high = outbox.rows(
        f"SELECT count(*), min(event_seq), max(event_seq) FROM {OUTBOX_TABLE} "
        f"WHERE {within(window)}"
    )[0]
    types = outbox.rows(
        f"SELECT DISTINCT event_type FROM {OUTBOX_TABLE} WHERE {within(window)} "
        "ORDER BY 1"
    )
    unknown = [name for (name,) in types if name not in KNOWN_EVENT_TYPES]
    return Survey(int(rows), (low, high), unknown)


def unfit(column, wider: set[str]) -> str | None:
    """The test that finds what a column of Parquet could not hold."""
    name = column.name
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    if decimal is None:
        return None if column.nullable else f"({name} IS NULL)"
    if name not in wider:
        return f"({name} = 'NaN')"
    precision, scale = int(decimal[1]), int(decimal[2])
    # NaN sorts above every number, so it is too large as well.
    too_large = f"abs({name}) >= 1e{precision - scale}"
    return f"({too_large} OR {name} <> trunc({name}, {scale}))"


def refuse(outbox: Outbox, where: str, values: list[str], problem: str) -> None:
    """Raises a failure that names the events for which a condition holds."""
    found = outbox.rows(
        f"SELECT event_id, concat_ws(', ', {', '.join(values)}), count(*) OVER () "
        f"FROM {OUTBOX_TABLE} WHERE {where} ORDER BY event_id LIMIT {NAMED}"
    )
    if not found:
        return
    events = [f"{event} ({value})" for event, value, _ in found]
    more = int(found[0][2]) - len(found)
    if more > 0:
        events.append(f"and {more} more")
    raise Failure(
        "data",
        f"Cannot export {OUTBOX_TABLE}: these events {problem}: {'; '.join(events)}. "
        "Nothing was published. Correct them in the outbox, then run again.",
    )


def empty(outbox: Outbox, day: str, window: tuple[int, int]) -> Failure:
    """The failure that a day has no events, with the nearest days that have some."""
    near = outbox.rows(
        f"""
SELECT (SELECT to_char(max(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        FROM {OUTBOX_TABLE} WHERE occurred_at < {instant(window[0])}),
       (SELECT to_char(min(occurred_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        FROM {OUTBOX_TABLE} WHERE occurred_at >= {instant(window[1])})"""
    )[0]
    days = [other for other in near if other is not None]
    hint = (
        f"The nearest days with events are {' and '.join(days)}. Set JOB_DATE to one."
        if days
        else f"{OUTBOX_TABLE} has no events at all. Check DJANGO_DB_NAME."
    )
    return Failure(
        "data",
        f"Cannot export {day}: no event of {OUTBOX_TABLE} falls on it, so nothing was "
        f"published. {hint}",
    )
