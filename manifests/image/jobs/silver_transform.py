"""Replays one day of bronze into silver: one row per operation, its latest state.

The job reads exactly the parts that the bronze marker names, and publishes in the same
way as bronze. Silver is sealed if the bronze that it was made from is sealed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deep_storage import contract, parts, settings
from deep_storage.compare import compare
from deep_storage.differences import NAMED, listed
from deep_storage.errors import Failure, plural
from deep_storage.fence import clock
from deep_storage.history import was_current
from deep_storage.lake import Lake
from deep_storage.layers import SILVER
from deep_storage.marker import Commit, Link, Part, Stored, total
from deep_storage.names import Namer, folders
from deep_storage.outbox import Outbox
from deep_storage.progress import say
from deep_storage.publish import (
    Publication,
    list_folders,
    publish,
    read_marker,
    remove_beside_sealed,
    same_contract,
)
from deep_storage.replay import replay
from deep_storage.session import begin, explained, main

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Maximum number of attempts if bronze is published again during a run.
ATTEMPTS = 3


def run() -> None:
    """Reads the environment and replays the requested day, or today."""
    store, requested = settings.store(), settings.requested_day()
    by_clock = requested in ("today", "yesterday")
    database = settings.database() if by_clock else None
    spark = begin("silver-transform", store)
    try:
        explained(
            lambda: transform_day(spark, database, store, requested), database, store
        )
    finally:
        spark.stop()


def transform_day(
    spark: SparkSession,
    database: settings.Database | None,
    store: settings.Store,
    requested: str,
) -> None:
    """Replays one day, and repeats the replay if its bronze changes meanwhile."""
    day = requested if database is None else day_by(spark, database, requested)
    lake = Lake(spark, store)
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        # Silver's own marker is read first. If another run publishes from a newer
        # bronze, it changes this marker, and the store refuses the marker of this run.
        previous = read_marker(lake, "silver", contract.silver_marker(day), day)
        bronze = read_marker(lake, "bronze", contract.bronze_marker(day), day)
        if bronze is None:
            raise no_bronze(lake, day)
        try:
            transform(spark, lake, bronze, previous, began)
            return
        except Exception as error:
            now = read_marker(lake, "bronze", contract.bronze_marker(day), day)
            if now is not None and now.sha256 == bronze.sha256:
                raise
            if attempt == ATTEMPTS:
                raise bronze_kept_changing(day) from error
            text = "bronze was published again meanwhile; starting over"
            say("silver", "bronze", text, warning=True)


def day_by(spark: SparkSession, database: settings.Database, requested: str) -> str:
    """Resolves the day with the database's clock, as bronze does [timestamp-env]."""
    outbox = Outbox(spark, database)
    try:
        return settings.day_at(requested, clock(outbox.query))
    finally:
        outbox.close()


def transform(
    spark: SparkSession,
    lake: Lake,
    bronze: Stored,
    previous: Stored | None,
    began: float,
) -> None:
    """Builds silver from one bronze marker."""
    source, day = bronze.commit, bronze.commit.day
    same_contract(source, contract.EVENT_CONTRACT)
    events, files = plural(source.rows, "event"), plural(len(source.parts), "part")
    what = f"{lake.url(bronze.key)}, {source.state}, {events} in {files}"
    say("silver", "bronze", what)
    schema = contract.spark_schema(contract.EVENTS)
    executions = replay(parts.read(spark, lake, source.parts, schema)).cache()
    count = executions.count()
    say("silver", "replay", f"{events} to {plural(count, 'execution')}")

    clients = [
        row["client_id"] for row in executions.select("client_id").distinct().collect()
    ]
    before = previous.commit.parts if previous is not None else ()
    places = {contract.silver_prefix(client, day) for client in clients}
    listing = list_folders(lake, places | folders(before))
    key = contract.silver_marker(day)
    publication = Publication(lake, key, previous, listing, began)
    commit = Commit(
        layer="silver",
        day=day,
        state=source.state,
        rows=count,
        contract=contract.EXECUTION_CONTRACT,
        parts=(),
        bronze=Link(bronze.key, bronze.sha256),
    )
    if previous is not None and keeps(lake, bronze, previous):
        if verify(spark, executions, bronze, previous, publication):
            return
        # The rows are equal, but the bronze marker has other bytes: only the reference
        # changes.
        publish(commit._replace(parts=before), publication)
        return
    namer = Namer(previous, listed=publication.listed)
    stored = store(spark, lake, day, executions, namer) if count else ()
    what = f"{plural(len(stored), 'part')} for {plural(len(clients), 'client')}"
    say("silver", "parts", what)
    publish(commit._replace(parts=stored, rows=total(stored)), publication)


def store(
    spark: SparkSession,
    lake: Lake,
    day: str,
    executions: DataFrame,
    namer: Namer,
) -> tuple[Part, ...]:
    """Stores executions as parts, with a separate folder for each client."""
    staging = parts.staging_prefix("silver")
    try:
        layout = parts.Layout(
            ["operation_id"],
            lambda client: contract.silver_prefix(int(client or 0), day),
            folder="client_id",
        )
        files = parts.stage(spark, lake, staging, executions, layout)
        return parts.store(lake, files, namer, lambda _: None)
    finally:
        parts.sweep(lake, staging)


def keeps(lake: Lake, bronze: Stored, previous: Stored) -> bool:
    """Whether silver stays unchanged: sealed, without a later amendment of bronze."""
    commit = previous.commit
    if commit.state != "sealed":
        return False
    made_from = commit.bronze.sha256 if commit.bronze is not None else ""
    return made_from == bronze.sha256 or not was_current(
        lake, commit.day, bronze, made_from
    )


def verify(
    spark: SparkSession,
    executions: DataFrame,
    bronze: Stored,
    previous: Stored,
    publication: Publication,
) -> bool:
    """Compares a sealed silver with the replay.

    Returns False if the rows are equal, but silver's marker does not name the current
    sealed marker of bronze.
    """
    commit = previous.commit
    same_contract(commit, contract.EXECUTION_CONTRACT)
    schema = contract.spark_schema(contract.EXECUTIONS)
    stored = parts.read(spark, publication.lake, commit.parts, schema)
    found = compare(stored, executions, SILVER)
    texts = [text for kind in found[:3] for _, text in sorted(kind.items())]
    if texts:
        raise differs(commit, texts)
    link = Link(bronze.key, bronze.sha256)
    if commit.bronze != link and bronze.commit.state == "sealed":
        return False
    rows = plural(commit.rows, "row")
    text = f"already sealed; its {rows} match {SILVER.source}; nothing was written"
    say("silver", "verified", text)
    remove_beside_sealed(commit, publication)
    return True


def no_bronze(lake: Lake, day: str) -> Failure:
    """Returns the failure for a day without bronze to replay."""
    return Failure(
        "data",
        f"Cannot build silver for {day}: bronze has no commit marker for this day "
        f"({lake.url(contract.bronze_marker(day))}). Run bronze-ingest-manual first.",
    )


def bronze_kept_changing(day: str) -> Failure:
    """Returns the failure for a bronze that changed during every attempt."""
    return Failure(
        "unreachable",
        f"Cannot build silver for {day}: bronze was published again {ATTEMPTS} times "
        "during the run. Wait for the other runs to end, then run again.",
    )


def differs(commit: Commit, texts: list[str]) -> Failure:
    """Returns the failure for a sealed silver that differs from the replay."""
    count = len(texts)
    return Failure(
        "data",
        f"Cannot confirm silver of {commit.day}, which is sealed: it differs from "
        f"{SILVER.source} in {plural(count, 'row')}: {listed(texts[:NAMED], count)}. "
        "Nothing was changed. Find out who changed silver or bronze. To rebuild "
        f"silver from bronze: deno task amend --date {commit.day}",
    )


if __name__ == "__main__":
    main("silver-transform", run)
