"""Settings of the jobs' connections, with any pooler and any role settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tls import driver_properties

if TYPE_CHECKING:
    from .settings import Database

# These settings remove time limits of the role, and fix the format of values. A pooler
# gives the connection to other clients afterwards, so each setting, including the
# application name, ends with the transaction. Row-level security must not hide rows.
LOCAL_SETTINGS = """
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL lock_timeout = '30s';
SET LOCAL application_name = 'deep-storage-spark';
SET LOCAL row_security = off;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SELECT set_config('transaction_timeout', '0', true) FROM pg_settings
WHERE name = 'transaction_timeout'"""


def begin(isolation: str) -> str:
    """Returns the SQL that begins a read-only transaction."""
    mode = f"ISOLATION LEVEL {isolation} READ ONLY NOT DEFERRABLE"
    return f"BEGIN {mode}; {LOCAL_SETTINGS}"


def adopt(snapshot: str) -> str:
    """Returns the SQL that imports a snapshot into a new transaction."""
    mode = "ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE"
    imported = f"SET TRANSACTION SNAPSHOT '{snapshot}'"
    return f"SET TRANSACTION {mode}; {imported}; {LOCAL_SETTINGS}"


# A connection counts as broken after this many seconds without a byte.
SILENCE = "300"


def connection_properties(database: Database) -> dict[str, str]:
    """Returns the driver's properties for every connection, including executors."""
    return {
        "user": database.user,
        "password": database.password,
        # With an empty name, the driver does not send its own name at the login.
        "ApplicationName": "",
        "connectTimeout": "10",
        "socketTimeout": SILENCE,
        "tcpKeepAlive": "true",
        # A named prepared statement would stay on a pooled connection.
        "prepareThreshold": "0",
        # Without this, the driver sets two values on the session after the login.
        "assumeMinServerVersion": "12",
        **driver_properties(database.tls, database.host),
    }
