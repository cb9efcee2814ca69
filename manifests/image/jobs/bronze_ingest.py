"""Copies one day of stop_events into bronze: fence, snapshot, parts, marker.

A reader that follows the marker sees the old state of the day or the new one, never a
mixture. A run that is killed at any point can simply be run again. A day that was
sealed is compared with the outbox instead, and not written to.
"""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from deep_storage import contract, parts, settings, survey
from deep_storage.errors import Failure, plural
from deep_storage.lake import Lake
from deep_storage.marker import bronze_commit
from deep_storage.outbox import Outbox, iso, not_begun
from deep_storage.publish import (
    publish,
    read_marker,
    remove_leftovers,
    same_contract,
    verify,
)
from deep_storage.session import begin, explained, main, say


def run() -> None:
    """Reads the environment, and copies the day that it names, or today."""
    database, store = settings.database(), settings.store()
    requested, grace = settings.requested_day(), settings.grace_micros()
    spark = begin("bronze-ingest", store)
    try:
        explained(
            lambda: ingest(spark, database, store, requested, grace), database, store
        )
    finally:
        spark.stop()


def ingest(spark, database, store, requested: str | None, grace: int) -> None:
    """Copies one day over one session, which also holds the snapshot."""
    outbox = Outbox(spark, database)
    try:
        # Today is the database's, in UTC [timestamp-env].
        day = requested or iso(outbox.clock())[:10]
        say("bronze", "outbox", f"{contract.OUTBOX_TABLE} in {database.label}")
        copy_window(spark, outbox, Lake(spark, store), day, grace)
    finally:
        outbox.close()


def copy_window(
    spark: SparkSession, outbox: Outbox, lake: Lake, day: str, grace: int
) -> None:
    """Copies the window of a day."""
    window = settings.window_of(day)
    wider, unknown = survey.read_schema(outbox)
    if unknown:
        say(
            "bronze",
            "columns",
            f"not exported, for the contract does not know them: {', '.join(unknown)}",
        )

    # The marker is read before the snapshot is taken: whoever publishes a newer state
    # in between changes the marker, and ours is then refused.
    key = contract.bronze_marker(day)
    previous = read_marker(lake, "bronze", key, day)
    listed = lake.list(contract.bronze_prefix(day))
    now = outbox.clock()
    if now < window[0]:
        raise not_begun(day, now)
    reasons = fence(outbox, day, window, grace)
    tell_fence(reasons)

    snapshot = outbox.begin_snapshot()
    found = survey.survey(outbox, window, wider)
    say(
        "bronze",
        "snapshot",
        f"{plural(found.rows, 'event')}, event_seq {found.seq[0]} to {found.seq[1]}",
    )
    if found.unknown_types:
        types = ", ".join(found.unknown_types)
        say(
            "bronze",
            "event-types",
            f"copied, though the contract does not know them: {types}",
        )
    events = outbox.events(window, snapshot)
    if previous is not None and previous.commit.state == "sealed":
        same_contract(previous.commit, contract.EVENT_CONTRACT)
        stored = parts.read(
            spark, lake, previous.commit.parts, contract.spark_schema(contract.EVENTS)
        )
        verify(
            previous.commit, stored, events, contract.EVENTS, "event_id", "the outbox"
        )
        remove_leftovers(lake, previous.commit, listed)
        return
    if previous is not None and found.rows < previous.commit.rows:
        raise shrunk(day, previous.commit.rows, found.rows)
    if found.rows == 0:
        raise survey.empty(outbox, day, window)

    staging = parts.staging_prefix("bronze")
    try:
        order = [F.col("event_seq").asc_nulls_last(), F.col("event_id").asc()]
        files = parts.stage(
            spark, lake, staging, events, order, lambda _: contract.bronze_prefix(day)
        )
        stored = parts.store(lake, files, tell_part)
    finally:
        parts.sweep(lake, staging)
    copied = sum(part.rows for part in stored)
    if copied != found.rows:
        raise RuntimeError(
            f"the snapshot has {found.rows} rows, and {copied} were copied"
        )
    outbox.end_snapshot()

    sealed = not reasons and still_complete(outbox, day, window, grace, copied)
    commit = bronze_commit(
        day, "sealed" if sealed else "open", found.seq, contract.EVENT_CONTRACT, stored
    )
    publish(lake, key, commit, previous, listed)


def fence(outbox: Outbox, day: str, window: tuple[int, int], grace: int) -> list[str]:
    """Why a window can still grow, one sentence each; empty where it cannot."""
    bound = window[1] + grace
    now = outbox.clock()
    if now >= bound:
        return outbox.holders(bound)
    when = (
        "is not over"
        if now < window[1]
        else "is over, the grace for slow writers is not"
    )
    return [f"{day} {when}; it can be sealed from {iso(bound)} on"]


def still_complete(
    outbox: Outbox, day: str, window: tuple[int, int], grace: int, copied: int
) -> bool:
    """Looks at the fence once more, after everything was read."""
    reasons = fence(outbox, day, window, grace)
    rows = outbox.count(window)
    if rows != copied:
        reasons = [f"{plural(rows - copied, 'event')} came while the run was on"]
    if reasons:
        tell_fence(reasons)
    return not reasons


def tell_fence(reasons: list[str]) -> None:
    """Says whether the day can be sealed."""
    sealing = "the day is over, no earlier transaction is open"
    say(
        "bronze",
        "fence",
        f"the day stays open: {'; '.join(reasons)}" if reasons else sealing,
    )


def tell_part(part) -> None:
    """Says that a part was stored."""
    say(
        "bronze",
        "part",
        f"{part.key}, {plural(part.rows, 'row')}, {plural(part.bytes, 'byte')}",
    )


def shrunk(day: str, before: int, rows: int) -> Failure:
    """The failure that the outbox has fewer rows than bronze."""
    return Failure(
        "data",
        f"Cannot export {day}: bronze has {plural(before, 'event')} of it, and "
        f"{contract.OUTBOX_TABLE} only {rows} now. Nothing was changed, so bronze "
        "keeps what the outbox lost. Find out who removed events from the outbox.",
    )


if __name__ == "__main__":
    main("bronze-ingest", run)
