"""The outbox's table, compared with the contract before a row is read."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional

from .contract import EVENTS, UNEXPORTED_COLUMNS
from .errors import Failure
from .failures import TABLE_REMEDY, rows_hidden
from .settings import OUTBOX_OID, OUTBOX_TABLE
from .sql import DESCENDANTS, identifier
from .table_name import has_schema

# Runs a query and returns its rows, every value as Postgres's own text.
Query = Callable[[str], List[List[Optional[str]]]]

TEXTS = ("character varying", "text")

TABLE = f"""
SELECT c.oid::regclass, c.relkind, c.relpersistence,
       has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid), current_user,
       current_database(), current_setting('server_encoding')
FROM pg_class c WHERE c.oid = {OUTBOX_OID}"""

COLUMNS = f"""
SELECT attname, format_type(atttypid, NULL), format_type(atttypid, atttypmod)
FROM pg_attribute
WHERE attrelid = {OUTBOX_OID} AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""

# An index of a table does not apply to the tables that inherit from it.
UNIQUE_COLUMNS = f"""
SELECT attname
FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indrelid = {OUTBOX_OID} AND indisunique AND indisvalid
  AND indnkeyatts = 1 AND indpred IS NULL AND indexprs IS NULL
  AND NOT EXISTS (SELECT FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
                  WHERE inhparent = indrelid AND c.relkind <> 'p')"""

FOREIGN = f"""
SELECT oid::regclass::text FROM ({DESCENDANTS}) AS family JOIN pg_class USING (oid)
WHERE relkind = 'f' AND oid <> {OUTBOX_OID} ORDER BY 1"""

NEAR_MISSES = """
SELECT oid::regclass::text AS name
FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
  AND relname ~ 'stop_?(loss_?)?events?'
ORDER BY name"""

# Kinds of relations, by their letter in pg_class.
TABLES = ("r", "p")
KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "a partitioned index",
    "c": "a composite type",
}


class Schema(NamedTuple):
    """The columns of an outbox that fits the contract.

    `wider` are columns with a Postgres type that can hold values that the Parquet type
    cannot. `unknown` are columns that the contract does not name. `unique` are columns
    whose values Postgres itself keeps unique.
    """

    wider: set[str]
    unknown: list[str]
    columns: list[str]
    unique: set[str]
    partitioned: bool


def read_schema(query: Query) -> Schema:
    """Compares the outbox with the contract.

    Raises a failure if the table is missing, cannot be read, has rows that this user
    cannot see, or has other columns.
    """
    table = query(TABLE)
    if not table:
        raise table_missing(query)
    name, kind, persistence, readable, hidden, user, database, encoding = table[0]
    problem = not_a_table(query, kind or "", persistence or "")
    if problem is not None:
        raise Failure(
            "configuration",
            f"Cannot export {name}: {problem}. A run can find all rows and all open "
            f"writers only in a table. Set DJANGO_DB_NAME, and OUTBOX_TABLE "
            "or the role's search_path, to the table that the backend writes.",
        )
    if readable != "t":
        raise Failure(
            "configuration",
            f"Cannot read {name} as {user}: permission denied. Let a superuser run: "
            f"GRANT SELECT ON {name} TO {identifier(str(user))};",
        )
    if hidden == "t":
        raise Failure("configuration", rows_hidden(f"Cannot export {name}", str(user)))
    if encoding == "SQL_ASCII":
        raise Failure(
            "data",
            f"Cannot export from database {database}: its encoding is SQL_ASCII, so "
            f"the character set of its text is unknown. Move it to a database with "
            "encoding UTF8.",
        )
    declared = {str(n): (k, full) for n, k, full in query(COLUMNS)}
    wider = wider_columns(declared)
    known = {column.name for column in EVENTS} | set(UNEXPORTED_COLUMNS)
    return Schema(
        wider,
        [column for column in declared if column not in known],
        list(declared),
        {str(column) for (column,) in query(UNIQUE_COLUMNS)},
        kind == "p",
    )


def table_missing(query: Query) -> Failure:
    """Returns the failure for a missing table, with the names of similar tables."""
    near = ", ".join(str(name) for (name,) in query(NEAR_MISSES))
    missing = "there is no such table"
    if not has_schema(OUTBOX_TABLE):
        missing = "no such table in the user's search_path"
    hint = f" Tables with similar names: {near}." if near else ""
    return Failure(
        "configuration",
        f"Cannot find table {OUTBOX_TABLE}: {missing}."
        f"{hint} {TABLE_REMEDY}",
    )


def not_a_table(query: Query, kind: str, persistence: str) -> str | None:
    """Explains why a run cannot know the rows or the writers of a relation."""
    if kind not in TABLES:
        return f"it is {KINDS.get(kind, f'a relation of kind {kind}')}"
    if persistence == "t":
        return "it is a temporary table, which hides the table that other sessions see"
    foreign = [str(name) for (name,) in query(FOREIGN)]
    if foreign:
        return f"part of it is a foreign table: {', '.join(foreign)}"
    return None


def wider_columns(declared: dict[str, tuple[str | None, str | None]]) -> set[str]:
    """Returns the columns that can hold values that do not fit in Parquet.

    Raises a failure if a column is missing or has another type.
    """
    wider = set()
    for column in EVENTS:
        kind, full = declared.get(column.name, (None, None))
        same_text = kind in TEXTS and column.postgres in TEXTS
        if kind != column.postgres and not same_text:
            problem = (
                f"has no column {column.name}"
                if kind is None
                else f"has column {column.name} of type {kind}, but the contract says "
                f"{column.postgres}"
            )
            raise Failure(
                "data",
                f"Cannot export {OUTBOX_TABLE}: it {problem}. Nothing was published. "
                "Revert the migration that changed the column, or update the "
                "contract first.",
            )
        if kind == "numeric" and full != column.type.replace("DECIMAL", "numeric"):
            wider.add(column.name)
    return wider
