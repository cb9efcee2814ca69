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
from deep_storage.errors import Failure, command, plural
from deep_storage.fence import clock
from deep_storage.history import was_current
from deep_storage.lake import Lake
from deep_storage.layers import SILVER
from deep_storage.listing import list_folders
from deep_storage.marker import Commit, Link, Stored, total
from deep_storage.names import Namer, folders
from deep_storage.outbox import Outbox
from deep_storage.progress import say
from deep_storage.publish import (
    Publication,
    publish,
    read_marker,
    remove_beside_sealed,
    same_contract,
)
from deep_storage.replay import replay
from deep_storage.session import ROWS_PER_TASK, begin, explained, main, spread
from deep_storage.source_record import confirm_day_of_lake

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
        confirm_day_of_lake(lake, bronze.commit, f"build silver of {day}")
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
    if previous is not None and keeps(lake, bronze, previous):
        confirm(spark, lake, bronze, previous, began)
        return
    before = previous.commit.parts if previous is not None else ()
    staging = parts.staging_prefix("silver")
    try:
        staged = stage(spark, lake, source, staging)
        # Parts are stored after this listing, so that no other run removes them.
        places = {file.folder for file in staged} | folders(before)
        listing = list_folders(lake, places)
        namer = Namer(previous, listed=listing)
        stored = parts.store(lake, staged, namer, lambda _: None)
    finally:
        parts.sweep(lake, staging)
    commit = Commit(
        layer="silver",
        day=day,
        state=source.state,
        rows=total(stored),
        contract=contract.EXECUTION_CONTRACT,
        parts=stored,
        bronze=Link(bronze.key, bronze.sha256),
    )
    tell_replay(source, commit)
    clients = len(folders(stored))
    what = f"{plural(len(stored), 'part')} for {plural(clients, 'client')}"
    say("silver", "parts", what)
    key = contract.silver_marker(day)
    publish(commit, Publication(lake, key, previous, listing, began))


def replayed(spark: SparkSession, lake: Lake, source: Commit) -> DataFrame:
    """Verifies the parts of bronze, and replays their events."""
    schema = contract.spark_schema(contract.EVENTS)
    events = parts.read(spark, lake, source.parts, schema)
    return replay(spread(events, source.rows))


def stage(
    spark: SparkSession, lake: Lake, source: Commit, staging: str
) -> list[parts.Staged]:
    """Writes executions to files, with a separate folder for each client."""
    if source.rows == 0:
        return []
    executions = replayed(spark, lake, source)
    if source.rows > ROWS_PER_TASK:
        # One task writes all executions of a client, so equal rows give equal files.
        executions = executions.repartition("client_id")
    layout = parts.Layout(
        ["operation_id"],
        lambda client: contract.silver_prefix(int(client or 0), source.day),
        folder="client_id",
    )
    return parts.stage(lake, staging, executions, layout)


def tell_replay(source: Commit, commit: Commit) -> None:
    """Prints the number of events and of executions."""
    events, executions = plural(source.rows, "event"), plural(commit.rows, "execution")
    say("silver", "replay", f"{events} to {executions}")


def keeps(lake: Lake, bronze: Stored, previous: Stored) -> bool:
    """Whether silver stays unchanged: sealed, without a later amendment of bronze."""
    commit = previous.commit
    if commit.state != "sealed":
        return False
    made_from = commit.bronze.sha256 if commit.bronze is not None else ""
    return made_from == bronze.sha256 or not was_current(
        lake, commit.day, bronze, made_from
    )


def confirm(
    spark: SparkSession, lake: Lake, bronze: Stored, previous: Stored, began: float
) -> None:
    """Compares a sealed silver with the replay.

    If the rows are equal, but the bronze marker has other bytes, only the reference to
    it changes.
    """
    commit, source = previous.commit, bronze.commit
    same_contract(commit, contract.EXECUTION_CONTRACT)
    executions = replayed(spark, lake, source)
    schema = contract.spark_schema(contract.EXECUTIONS)
    stored = parts.read(spark, lake, commit.parts, schema)
    stored = spread(stored, max(source.rows, commit.rows))
    found = compare(stored, executions, SILVER, commit.day)
    texts = [text for kind in found[:3] for _, text in sorted(kind.items())]
    if texts:
        raise differs(commit, texts)
    tell_replay(source, commit)
    listing = list_folders(lake, folders(commit.parts))
    publication = Publication(lake, previous.key, previous, listing, began)
    link = Link(bronze.key, bronze.sha256)
    if commit.bronze != link and source.state == "sealed":
        updated = commit._replace(state=source.state, bronze=link)
        publish(updated, publication)
        return
    rows = plural(commit.rows, "row")
    text = f"{SILVER.source} has the same {rows}; nothing was written"
    say("silver", "verified", f"{lake.url(previous.key)}, already sealed; {text}")
    remove_beside_sealed(commit, publication)


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
        f"silver from bronze: {command('amend --date', commit.day)}",
    )


if __name__ == "__main__":
    main("silver-transform", run)
