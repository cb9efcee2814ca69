"""The outbox: one session for its questions, and one snapshot for every connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .contract import EVENTS, OUTBOX_TABLE, STRING, TIMESTAMP, Column, spark_type
from .fit import unfit
from .sql import within
from .transaction import adopt, begin, connection_properties

if TYPE_CHECKING:
    from .schema import Schema
    from .settings import Database


class Outbox:
    """One session with Postgres, which can read and cannot write.

    A pooler may hand the connection to another client after each transaction, so
    nothing is set that outlives one.
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
        """Begins the transaction that every read of the run sees.

        The snapshot lives as long as this transaction does. Spark reads over
        connections of its own, also on other machines and again after a failed task:
        each imports the snapshot by its name, so all of them see the same rows.
        """
        self._run(begin("REPEATABLE READ"))
        self._in_snapshot = True
        name = str(self._rows("SELECT pg_export_snapshot()")[0][0])
        return Snapshot(self._spark, self._database, name)

    def end_snapshot(self) -> None:
        """Ends that transaction."""
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
    """What the outbox held at one instant, as Spark reads it."""

    def __init__(self, spark: SparkSession, database: Database, name: str) -> None:
        self._spark = spark
        self._database = database
        # Runs on each new connection, inside the transaction that Spark reads in.
        self._adopt = adopt(name)

    def events(self, window: tuple[int, int], schema: Schema) -> DataFrame:
        """A window's events that fit, in the contract's columns and types.

        Nothing passes through a type that could alter it: a uuid and jsonb leave the
        database as its own text, a time as its count of microseconds, a numeric with
        the precision that Parquet will have.
        """
        selected = ", ".join(sql_value(column) for column in EVENTS)
        frame = self._read(
            f"SELECT {selected} FROM {OUTBOX_TABLE} "
            f"WHERE {within(window)} AND NOT {unfit(schema.wider)}"
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
        """The event_ids of a window, also of events that do not fit."""
        return self._read(
            f"SELECT event_id::text AS event_id FROM {OUTBOX_TABLE} "
            f"WHERE {within(window)}"
        )

    def _read(self, query: str) -> DataFrame:
        reader = self._spark.read.format("jdbc").options(
            driver="org.postgresql.Driver",
            url=self._database.url,
            query=query,
            sessionInitStatement=self._adopt,
            # With a fetch size the driver reads in one transaction, through a cursor.
            fetchsize="5000",
        )
        return reader.options(**connection_properties(self._database)).load()


def sql_value(column: Column) -> str:
    """A column of the outbox as Spark shall receive it."""
    name = column.name
    if column.type == TIMESTAMP:
        return f"(extract(epoch FROM {name}) * 1000000)::bigint AS {name}"
    if column.type.startswith("DECIMAL"):
        return f"{name}::{column.type.replace('DECIMAL', 'numeric')} AS {name}"
    return f"{name}::text AS {name}" if column.type == STRING else name
