"""The table that events are copied from, as Postgres itself names it."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional

from .settings import OUTBOX_OID, OUTBOX_TABLE
from .table_name import identifier_sql

# Runs a query and returns its rows, every value as Postgres's own text.
Query = Callable[[str], List[List[Optional[str]]]]

# Postgres resolves the name of the table: the search_path, the quotes and the case do
# not matter. A server without pg_control_system has no identifier.
SOURCE = f"""
SELECT current_database(), nspname, relname,
       has_function_privilege(to_regprocedure('pg_control_system()'), 'EXECUTE')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = {OUTBOX_OID}"""

SYSTEM = "SELECT system_identifier::text FROM pg_control_system()"


class Source(NamedTuple):
    """A table and its database.

    `system` is the identifier that Postgres gave to the server's data directory: a
    64-bit integer. It is None if the role may not read it.
    """

    database: str
    system: str | None
    schema: str
    table: str

    def __str__(self) -> str:
        """Writes a source as `database@system/schema.table`."""
        system = "" if self.system is None else f"@{self.system}"
        names = [identifier_sql(name) for name in (self.schema, self.table)]
        return f"{identifier_sql(self.database)}{system}/{'.'.join(names)}"


def read_source(query: Query) -> Source:
    """Reads the source of a session. The table exists: its schema was read before."""
    rows = query(SOURCE)
    if not rows:
        raise RuntimeError(f"there is no table {OUTBOX_TABLE}")
    database, schema, table, identified = rows[0]
    found = query(SYSTEM) if identified == "t" else [[None]]
    return Source(str(database), found[0][0], str(schema), str(table))


def same_table(one: Source, other: Source) -> bool:
    """Whether two sources have the same table, in any database."""
    return (one.schema, one.table) == (other.schema, other.table)


def same_database(one: Source, other: Source) -> bool:
    """Whether two sources may have the same database.

    The names are equal, and so are the identifiers of the server, if both are known.
    """
    known = one.system is not None and other.system is not None
    return one.database == other.database and (not known or one.system == other.system)


def same_source(one: Source, other: Source) -> bool:
    """Whether two sources have the same table, and may have the same database."""
    return same_table(one, other) and same_database(one, other)
