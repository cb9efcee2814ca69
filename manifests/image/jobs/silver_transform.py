"""Replays one day of bronze into silver: one row per operation, its latest state.

It reads exactly the parts that the bronze marker names, and publishes as bronze does.
Silver is sealed when the bronze that it was made from is.
"""

from __future__ import annotations

from pyspark.sql import SparkSession

from deep_storage import contract, parts, settings
from deep_storage.errors import Failure, plural
from deep_storage.lake import Lake
from deep_storage.marker import Stored, silver_commit
from deep_storage.outbox import Outbox, iso
from deep_storage.publish import (
    folders,
    list_folders,
    publish,
    read_marker,
    remove_leftovers,
    same_contract,
    verify,
)
from deep_storage.replay import replay
from deep_storage.session import begin, explained, main, say

# How often a run begins anew because bronze was published again under it.
ATTEMPTS = 3


def run() -> None:
    """Reads the environment, and replays the day that it names, or today."""
    store, requested = settings.store(), settings.requested_day()
    database = settings.database() if requested is None else None
    spark = begin("silver-transform", store)
    try:
        explained(
            lambda: transform_day(spark, database, store, requested), database, store
        )
    finally:
        spark.stop()


def transform_day(spark, database, store, requested: str | None) -> None:
    """Replays one day, again where its bronze changes meanwhile."""
    day = requested or today(spark, database)
    lake = Lake(spark, store)
    for attempt in range(1, ATTEMPTS + 1):
        # Silver's own marker is read first: whoever publishes from a newer bronze
        # changes it, and ours is then refused.
        previous = read_marker(lake, "silver", contract.silver_marker(day), day)
        bronze = read_marker(lake, "bronze", contract.bronze_marker(day), day)
        if bronze is None:
            raise no_bronze(lake, day)
        try:
            transform(spark, lake, day, bronze, previous)
            return
        except Exception:
            now = read_marker(lake, "bronze", contract.bronze_marker(day), day)
            same = now is not None and now.sha256 == bronze.sha256
            if same or attempt == ATTEMPTS:
                raise
            say(
                "silver",
                "bronze",
                "bronze was published again meanwhile; beginning anew",
            )


def today(spark: SparkSession, database: settings.Database) -> str:
    """Today in UTC, by the same clock as bronze: the database's [timestamp-env]."""
    outbox = Outbox(spark, database)
    try:
        return iso(outbox.clock())[:10]
    finally:
        outbox.close()


def transform(
    spark: SparkSession, lake: Lake, day: str, bronze: Stored, previous: Stored | None
) -> None:
    """Makes silver of one bronze marker."""
    source = bronze.commit
    same_contract(source, contract.EVENT_CONTRACT)
    events, files = plural(source.rows, "event"), plural(len(source.parts), "part")
    what = f"{lake.url(bronze.key)}, {source.state}, {events} in {files}"
    say("silver", "bronze", what)
    schema = contract.spark_schema(contract.EVENTS)
    executions = replay(parts.read(spark, lake, source.parts, schema)).cache()
    say(
        "silver",
        "replay",
        f"{events} to {plural(executions.count(), 'execution')}",
    )

    clients = [
        row["client_id"] for row in executions.select("client_id").distinct().collect()
    ]
    before = previous.commit.parts if previous is not None else ()
    places = {contract.silver_prefix(client, day) for client in clients}
    listed = list_folders(lake, places | folders(before))
    if previous is not None and previous.commit.state == "sealed":
        same_contract(previous.commit, contract.EXECUTION_CONTRACT)
        schema = contract.spark_schema(contract.EXECUTIONS)
        stored = parts.read(spark, lake, before, schema)
        verify(
            previous.commit,
            stored,
            executions,
            contract.EXECUTIONS,
            "operation_id",
            "the replay of bronze",
        )
        remove_leftovers(lake, previous.commit, listed)
        return

    staging = parts.staging_prefix("silver")
    try:
        files = parts.stage(
            spark,
            lake,
            staging,
            executions,
            ["operation_id"],
            lambda client: contract.silver_prefix(int(client), day),
            folder="client_id",
        )
        stored = parts.store(lake, files, lambda _: None)
    finally:
        parts.sweep(lake, staging)
    say(
        "silver",
        "parts",
        f"{plural(len(stored), 'part')} for {plural(len(clients), 'client')}",
    )
    commit = silver_commit(
        day, source.state, bronze, contract.EXECUTION_CONTRACT, stored
    )
    publish(lake, contract.silver_marker(day), commit, previous, listed)


def no_bronze(lake: Lake, day: str) -> Failure:
    """The failure that there is nothing to replay."""
    return Failure(
        "data",
        f"Cannot make silver of {day}: bronze has no commit marker for it "
        f"({lake.url(contract.bronze_marker(day))}). Run bronze-ingest-manual first.",
    )


if __name__ == "__main__":
    main("silver-transform", run)
