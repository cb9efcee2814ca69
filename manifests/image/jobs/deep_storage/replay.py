"""The replay: turns one day's events into one row per operation."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from .contract import (
    EVENT_TIMES,
    EXECUTION_STATUS,
    EXECUTIONS,
    REPLAY_ORDER,
    spark_type,
)

# Every event has these columns. The operation's last event sets them.
OF_LAST_EVENT = ("client_id", "symbol", "source")


def replay(events: DataFrame) -> DataFrame:
    """Replays events into the rows of silver.

    Events are replayed in the order that the contract sets. Events without an
    event_seq come first.
    """
    operation = Window.partitionBy("operation_id").orderBy(
        *(F.col(name).asc_nulls_first() for name in REPLAY_ORDER)
    )
    whole = operation.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    place = Window.partitionBy("operation_id").orderBy(
        *(F.col(name).desc_nulls_last() for name in REPLAY_ORDER)
    )
    values = {
        "execution_id": F.col("event_id"),
        "operation_id": F.col("operation_id"),
        "status": status(),
        **{name: F.col(name) for name in OF_LAST_EVENT},
        **{name: time_of(kind) for name, kind in EVENT_TIMES.items()},
    }
    columns = []
    for column in EXECUTIONS:
        value = values.get(column.name, F.col(column.name))
        last = F.last(value, ignorenulls=True).over(whole)
        columns.append(last.cast(spark_type(column)).alias(column.name))
    executing = events.where(F.col("event_type").isin(*EXECUTION_STATUS))
    folded = executing.select(*columns, F.row_number().over(place).alias("_place"))
    return folded.where("_place = 1").drop("_place")


def status() -> Column:
    """The status of an operation after an event."""
    pairs = [F.lit(text) for pair in EXECUTION_STATUS.items() for text in pair]
    return F.create_map(*pairs)[F.col("event_type")]


def time_of(kind: str) -> Column:
    """The time of an event of one type.

    A null without a type would become a VOID column, which Parquet readers do not
    support [parquet-void].
    """
    none = F.lit(None).cast("timestamp")
    return F.when(F.col("event_type") == kind, F.col("occurred_at")).otherwise(none)
