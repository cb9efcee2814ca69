"""The outbox: its clock, its fence, and one snapshot for every connection."""

from __future__ import annotations

import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .contract import EVENTS, OUTBOX_TABLE, TIMESTAMP, spark_type
from .errors import Failure
from .settings import Database

# The session reads for as long as it must, and can change nothing.
SESSION = """
SET default_transaction_read_only = on;
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET lock_timeout = '30s';
SET timezone = 'UTC'"""

# Autovacuum workers and WAL senders write no rows; a parallel worker's leader is
# listed itself.
HOLDERS = """
SELECT 'this server is a standby: it cannot see who writes on the primary' AS reason
WHERE pg_is_in_recovery()
UNION ALL
SELECT format('transaction of %s (pid %s, %s) began at %s, before the window could '
              'close',
              coalesce(usename, 'unknown'), pid, state,
              to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type NOT IN ('autovacuum worker', 'walsender', 'parallel worker')
  AND xact_start < {bound}
UNION ALL
SELECT format('session of %s (pid %s) cannot be looked into; '
              'GRANT pg_read_all_stats TO %I', coalesce(usename, 'unknown'), pid,
              current_user)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND query = '<insufficient privilege>' AND state IS NULL
UNION ALL
SELECT format('prepared transaction %s of %s waits since %s', gid, owner,
              to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
FROM pg_prepared_xacts WHERE database = current_database()"""


class Outbox:
    """One session with Postgres, which can read and cannot write."""

    def __init__(self, spark: SparkSession, database: Database) -> None:
        self._spark = spark
        self._database = database
        properties = spark._jvm.java.util.Properties()
        for name, value in {
            "user": database.user,
            "password": database.password,
            "ApplicationName": "deep-storage-spark",
            "connectTimeout": "10",
            "tcpKeepAlive": "true",
        }.items():
            properties.setProperty(name, value)
        manager = spark._jvm.java.sql.DriverManager
        self._connection = manager.getConnection(database.url, properties)
        self.run(SESSION)

    def run(self, sql: str) -> None:
        """Runs statements that return nothing."""
        statement = self._connection.createStatement()
        statement.execute(sql)
        statement.close()

    def rows(self, sql: str) -> list[list[str | None]]:
        """Runs a query and returns its rows, every value as Postgres's own text."""
        statement = self._connection.createStatement()
        result = statement.executeQuery(sql)
        width = range(1, result.getMetaData().getColumnCount() + 1)
        rows = []
        while result.next():
            rows.append([result.getString(i) for i in width])
        statement.close()
        return rows

    def close(self) -> None:
        """Ends the session."""
        self._connection.close()

    def clock(self) -> int:
        """The database's clock, in microseconds since 1970."""
        sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        return int(self.rows(sql)[0][0])

    def holders(self, bound: int) -> list[str]:
        """Who could still add a row that was stamped before `bound`.

        `occurred_at` is stamped before the commit, so a transaction that began in time
        can add to a day that is over. Sessions that cannot be read count as open.
        """
        sql = HOLDERS.replace("{bound}", instant(bound))
        return [reason for (reason,) in self.rows(sql)]

    def begin_snapshot(self) -> str:
        """Begins the transaction that every read of the run sees; returns its name.

        The snapshot lives as long as this transaction does. Spark reads over
        connections of its own, also on other machines and again after a failed task:
        each imports the snapshot by its name, so all of them see the same rows.
        """
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return self.rows("SELECT pg_export_snapshot()")[0][0]

    def end_snapshot(self) -> None:
        """Ends that transaction."""
        self.run("COMMIT")

    def count(self, window: tuple[int, int]) -> int:
        """Counts a window's rows."""
        sql = f"SELECT count(*) FROM {OUTBOX_TABLE} WHERE {within(window)}"
        return int(self.rows(sql)[0][0])

    def events(self, window: tuple[int, int], snapshot: str) -> DataFrame:
        """A window's rows as Spark reads them, in the contract's columns and types.

        Nothing passes through a type that could alter it: a uuid and jsonb leave the
        database as its own text, a time as its count of microseconds, a numeric with
        the precision that Parquet will have.
        """
        selected = ", ".join(sql_value(column) for column in EVENTS)
        query = f"SELECT {selected} FROM {OUTBOX_TABLE} WHERE {within(window)}"
        # Runs on each new connection, inside the transaction that Spark reads in.
        adopt = (
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
            f"SET TRANSACTION SNAPSHOT '{snapshot}'; SET LOCAL statement_timeout = 0"
        )
        frame = (
            self._spark.read.format("jdbc")
            .option("driver", "org.postgresql.Driver")
            .option("url", self._database.url)
            .option("user", self._database.user)
            .option("password", self._database.password)
            .option("ApplicationName", "deep-storage-spark")
            .option("query", query)
            .option("sessionInitStatement", adopt)
            # With a fetch size the driver reads in one transaction, through a cursor.
            .option("fetchsize", "5000")
            .load()
        )
        return frame.select(
            *(
                F.timestamp_micros(F.col(column.name)).alias(column.name)
                if column.type == TIMESTAMP
                else F.col(column.name).cast(spark_type(column)).alias(column.name)
                for column in EVENTS
            )
        )


def sql_value(column) -> str:
    """A column of the outbox as Spark shall receive it."""
    name = column.name
    if column.type == TIMESTAMP:
        return f"(extract(epoch FROM {name}) * 1000000)::bigint AS {name}"
    if column.type.startswith("DECIMAL"):
        return f"{name}::{column.type.replace('DECIMAL', 'numeric')} AS {name}"
    return f"{name}::text AS {name}" if column.type == "STRING" else name


def within(window: tuple[int, int]) -> str:
    """The rows of a window, half-open, as a condition in SQL."""
    start, end = window
    return f"occurred_at >= {instant(start)} AND occurred_at < {instant(end)}"


def instant(micros: int) -> str:
    """Microseconds since 1970 as SQL that no setting of the session changes."""
    return f"timestamptz '{iso(micros)}'"


def iso(micros: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC."""
    epoch = datetime.datetime(1970, 1, 1)
    return (epoch + datetime.timedelta(microseconds=micros)).isoformat() + "Z"


def not_begun(day: str, now: int) -> Failure:
    """The failure that a day lies in the future."""
    return Failure(
        "configuration",
        f"Cannot export {day}: that day has not begun; the database's clock says "
        f"{iso(now)}. Give a day that has, or none for today.",
    )
