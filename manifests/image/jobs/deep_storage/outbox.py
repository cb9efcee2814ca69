"""The outbox: one session for queries, and one snapshot for all connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .contract import EVENTS, STRING, TIMESTAMP, Column, spark_type
from .fit import unfit_row_condition
from .settings import OUTBOX_TABLE
from .sql import within
from .transaction import adopt, begin, connection_properties

if TYPE_CHECKING:
    from .schema import Schema
    from .settings import Database


class Outbox:
    """A read-only session with Postgres.

    A pooler may give the connection to another client after each transaction, so the
    session changes no setting for longer than one transaction.
    """

    def __init__(self, spark: SparkSession, database: Database) -> None:
        self._spark = spark
        self._database = database
        self._in_snapshot = False
        jvm: Any = spark._jvm
        properties = jvm.java.util.Properties()
        for name, value in connection_properties(database).items():
            properties.setProperty(name, value)
        manager = jvm.java.sql.DriverManager
        self._connection = manager.getConnection(database.url, properties)

    def query(self, sql: str) -> list[list[str | None]]:
        """Runs a query and returns its rows, every value as Postgres's own text."""
        if self._in_snapshot:
            return self._rows(sql)
        self._run(begin("READ COMMITTED"))
        rows = self._rows(sql)
        self._run("COMMIT")
        return rows

    def close(self) -> None:
        """Ends the session."""
        self._connection.close()

    def begin_snapshot(self) -> Snapshot:
        """Begins the transaction that holds the snapshot for all reads of the run.

        The snapshot exists until this transaction ends. Spark reads over its own
        connections, on other machines too, and again after a failed task. Each
        connection imports the snapshot by its name, so all of them see the same rows.
        """
        self._run(begin("REPEATABLE READ"))
        self._in_snapshot = True
        name = str(self._rows("SELECT pg_export_snapshot()")[0][0])
        return Snapshot(self._spark, self._database, name)

    def end_snapshot(self) -> None:
        """Ends the transaction of the snapshot."""
        self._run("COMMIT")
        self._in_snapshot = False

    def _run(self, sql: str) -> None:
        statement = self._connection.createStatement()
        try:
            statement.execute(sql)
        finally:
            statement.close()

    def _rows(self, sql: str) -> list[list[str | None]]:
        statement = self._connection.createStatement()
        try:
            result = statement.executeQuery(sql)
            width = range(1, result.getMetaData().getColumnCount() + 1)
            rows = []
            while result.next():
                rows.append([result.getString(i) for i in width])
            return rows
        finally:
            statement.close()


class Snapshot:
    """The state of the outbox at one instant, for Spark to read."""

    def __init__(self, spark: SparkSession, database: Database, name: str) -> None:
        self._spark = spark
        self._database = database
        # Runs on each new connection, in the transaction that Spark reads in.
        self._adopt = adopt(name)

    def events(
        self, window: tuple[int, int], schema: Schema, conditions: list[str]
    ) -> DataFrame:
        """Reads a window's events that fit, in the contract's columns and types.

        Each condition has its own partition and connection. Without conditions, one
        connection reads all events.

        No value passes through a type that could change it. A uuid or jsonb leaves the
        database as text, a time as a number of microseconds, and a numeric with the
        precision that it has in Parquet.
        """
        selected = ", ".join(sql_value(column) for column in EVENTS)
        frame = self._read(
            f"SELECT {selected} FROM {OUTBOX_TABLE} "
            f"WHERE {within(window)} AND NOT {unfit_row_condition(schema.wider)}",
            conditions,
        )
        return frame.select(
            *(
                F.timestamp_micros(F.col(column.name)).alias(column.name)
                if column.type == TIMESTAMP
                else F.col(column.name).cast(spark_type(column)).alias(column.name)
                for column in EVENTS
            )
        )

    def identities(self, window: tuple[int, int]) -> DataFrame:
        """Reads the event_ids of a window, including those of unfit events."""
        return self._read(
            f"SELECT event_id::text AS event_id FROM {OUTBOX_TABLE} "
            f"WHERE {within(window)}",
            [],
        )

    def _read(self, query: str, conditions: list[str]) -> DataFrame:
        return self._spark.read.jdbc(
            self._database.url,
            f"({query}) AS events",
            predicates=conditions or ["true"],
            properties={
                "driver": "org.postgresql.Driver",
                "sessionInitStatement": self._adopt,
                # With a fetch size the driver reads in one transaction, by a cursor.
                "fetchsize": "5000",
                **connection_properties(self._database),
            },
        )


def sql_value(column: Column) -> str:
    """Returns the SQL that converts a column of the outbox for Spark."""
    name = column.name
    if column.type == TIMESTAMP:
        return f"(extract(epoch FROM {name}) * 1000000)::bigint AS {name}"
    if column.type.startswith("DECIMAL"):
        return f"{name}::{column.type.replace('DECIMAL', 'numeric')} AS {name}"
    return f"{name}::text AS {name}" if column.type == STRING else name
