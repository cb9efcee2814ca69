"""How the jobs' connections behave, behind a pooler and whatever the role has set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .tls import driver_properties

if TYPE_CHECKING:
    from .settings import Database

# A transaction reads for as long as it must, whatever limits the role has, and writes
# values in the one form that we expect, whatever the database's habits are. A pooler
# gives its connection to other clients afterwards, so each setting ends with it, our
# name too. Row-level security may not hide rows.
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
    """Begins a transaction that can change nothing."""
    mode = f"ISOLATION LEVEL {isolation} READ ONLY NOT DEFERRABLE"
    return f"BEGIN {mode}; {LOCAL_SETTINGS}"


def adopt(snapshot: str) -> str:
    """Lets a transaction that has just begun see what an exported snapshot saw."""
    mode = "ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE"
    imported = f"SET TRANSACTION SNAPSHOT '{snapshot}'"
    return f"SET TRANSACTION {mode}; {imported}; {LOCAL_SETTINGS}"


# Seconds without a byte from the server after which a connection counts as broken.
SILENCE = "300"


def connection_properties(database: Database) -> dict[str, str]:
    """The driver's properties for every connection, the executors' too."""
    return {
        "user": database.user,
        "password": database.password,
        # Otherwise the driver gives its own name at the login.
        "ApplicationName": "",
        "connectTimeout": "10",
        "socketTimeout": SILENCE,
        "tcpKeepAlive": "true",
        # A prepared statement with a name stays on a pooled connection.
        "prepareThreshold": "0",
        # Otherwise the driver sets two values on the session after the login.
        "assumeMinServerVersion": "12",
        **driver_properties(database.tls, database.host),
    }
