"""A window of bronze: its published state, and its state in the outbox."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from . import parts, quarantine, survey
from .compare import compare
from .contract import (
    BRONZE_ORDER,
    EVENTS,
    bronze_marker,
    bronze_prefix,
    history_prefix,
    silver_marker,
    spark_schema,
)
from .differences import NAMED, Differences, listed, with_unfit
from .errors import Failure, command, plural
from .fence import clock, count, explain_fence, read_fence
from .layers import BRONZE
from .marker import Commit, Part, total
from .names import Namer, is_part
from .progress import say
from .publish import Publication, read_marker, same_contract
from .ranges import ranges
from .schema import read_schema
from .session import spread
from .settings import OUTBOX_TABLE, window_of
from .source_record import confirm_source, record_source
from .sql import iso

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from .lake import Entry, Lake
    from .outbox import Outbox, Snapshot
    from .source import Source
    from .survey import Survey


# A task reads, sorts and writes ten files at a time.
ROWS_PER_RANGE = 10 * parts.ROWS_PER_FILE


class Run(NamedTuple):
    """The state of a run. The run reads the outbox in a single snapshot.

    `reasons` explain why the window can still grow. They are empty if it cannot.
    """

    spark: SparkSession
    outbox: Outbox
    snapshot: Snapshot
    day: str
    window: tuple[int, int]
    grace: int
    reasons: list[str]
    survey: Survey
    events: DataFrame
    publication: Publication
    source: Source

    @property
    def lake(self) -> Lake:
        """The bucket that contains bronze."""
        return self.publication.lake


def begin(spark: SparkSession, outbox: Outbox, lake: Lake, day: str, grace: int) -> Run:
    """Reads the schema, the marker, the listing, the fence, and then the snapshot.

    Publishing relies on this order: if another run publishes a newer state afterwards,
    it changes the marker, and the store then refuses the marker of this run.
    """
    began = time.monotonic()
    window = window_of(day)
    schema = read_schema(outbox.query)
    if schema.unknown:
        unknown = ", ".join(schema.unknown)
        text = f"not exported, because the contract does not contain them: {unknown}"
        say("bronze", "columns", text, warning=True)
    key = bronze_marker(day)
    previous = read_marker(lake, "bronze", key, day)
    listing = lake.list(bronze_prefix(day))
    if previous is None:
        confirm_never_published(lake, day, listing)
    commit = None if previous is None else previous.commit
    source = confirm_source(outbox.query, lake, day, commit)
    publication = Publication(
        lake, key, previous, listing, began, lambda: record_source(lake, source)
    )
    now = clock(outbox.query)
    if now < window[0]:
        raise not_begun(day, now)
    reasons = read_fence(outbox.query, day, window, grace)
    tell_fence(reasons, sealed=commit is not None and commit.state == "sealed")
    snapshot = outbox.begin_snapshot()
    found = survey.survey(outbox.query, day, window, schema)
    tell_survey(found, outbox, window)
    tell_unfit(found)
    rows = found.rows
    conditions = ranges(outbox.query, window, schema, rows, ROWS_PER_RANGE)
    events = snapshot.events(window, schema, conditions)
    return Run(
        spark,
        outbox,
        snapshot,
        day,
        window,
        grace,
        reasons,
        found,
        events,
        publication,
        source.current,
    )


def stored_events(run: Run, commit: Commit) -> DataFrame:
    """Verifies the parts of the window in bronze, and reads their events."""
    same_contract(commit, BRONZE.contract)
    schema = spark_schema(EVENTS)
    return parts.read(run.spark, run.lake, commit.parts, schema)


def compare_bronze(run: Run, commit: Commit) -> Differences:
    """Returns the differences between the outbox and bronze in one window."""
    stored = spread(stored_events(run, commit), commit.rows)
    events = spread(run.events, max(run.survey.rows, commit.rows))
    found = compare(stored, events, BRONZE, commit.day)
    known = quarantine.read(run.lake, commit.quarantine)
    return with_unfit(found, run.survey.unfit, known)


def store_events(
    run: Run, events: DataFrame, rows: int, amendment: int | None = None
) -> tuple[Part, ...]:
    """Stores events of the window as parts, sorted in the order of bronze.

    Each partition of the events has the rows of one range, in the order of bronze.
    """
    if rows == 0:
        return ()
    lake, begun = run.lake, run.publication
    namer = Namer(begun.previous, amendment, begun.listed)
    staging = parts.staging_prefix("bronze")
    order = [F.col(name).asc_nulls_last() for name in BRONZE_ORDER]
    try:
        layout = parts.Layout(order, lambda _: bronze_prefix(run.day))
        files = parts.stage(lake, staging, events, layout)
        stored = parts.store(lake, files, namer, tell_part)
    finally:
        parts.sweep(lake, staging)
    if total(stored) != rows:
        raise RuntimeError(f"{rows} events were found, and {total(stored)} copied")
    return stored


def still_complete(run: Run) -> bool:
    """Checks the fence again after all rows have been read."""
    copied = run.survey.rows + len(run.survey.unfit)
    reasons = read_fence(run.outbox.query, run.day, run.window, run.grace)
    more = count(run.outbox.query, run.window) - copied
    if more:
        word = "came" if more > 0 else "went"
        reasons = [f"{plural(abs(more), 'event')} {word} while the run was on"]
    if reasons:
        tell_fence(reasons, warning=True)
    return not reasons


def state_of(run: Run) -> str:
    """Ends the snapshot and returns the new state of the window."""
    run.outbox.end_snapshot()
    return "sealed" if not run.reasons and still_complete(run) else "open"


def tell_fence(
    reasons: list[str], *, sealed: bool = False, warning: bool = False
) -> None:
    """Prints whether events can still come."""
    say("bronze", "fence", explain_fence(reasons, sealed=sealed), warning=warning)


def tell_survey(found: Survey, outbox: Outbox, window: tuple[int, int]) -> None:
    """Prints the contents of the window."""
    low, high = found.seq
    if found.rows == 0:
        days = survey.neighbours(outbox.query, window)
        text = f"no events; {nearest(days)}"
    elif low is None:
        text = f"{plural(found.rows, 'event')}, none with an event_seq"
    else:
        text = f"{plural(found.rows, 'event')}, event_seq {low} to {high}"
    say("bronze", "snapshot", text)
    if found.unknown_types:
        types = ", ".join(found.unknown_types)
        text = f"copied, although the contract does not list them: {types}"
        say("bronze", "event-types", text, warning=True)


def tell_part(part: Part) -> None:
    """Prints that a part was stored."""
    size = f"{plural(part.rows, 'row')}, {plural(part.bytes, 'byte')}"
    say("bronze", "part", f"{part.key}, {size}")


def nearest(days: list[str]) -> str:
    """Returns a hint for an empty window: the nearest days with events."""
    if not days:
        hint = "Check DJANGO_DB_NAME and OUTBOX_TABLE"
        return f"{OUTBOX_TABLE} has no events on any other day. {hint}"
    if len(days) == 1:
        return f"the nearest day with events is {days[0]}"
    return f"the nearest days with events are {' and '.join(days)}"


def tell_unfit(found: Survey) -> None:
    """Prints the events that do not fit or that have no valid occurred_at."""
    events, total = found.unfit, len(found.unfit)
    if events:
        texts = [quarantine.describe(event) for event in events[:NAMED]]
        fit, goes = ("does", "goes") if total == 1 else ("do", "go")
        text = (
            f"{plural(total, 'event')} {fit} not fit the Parquet types and {goes} into "
            f"the quarantine: {listed(texts, total)}"
        )
        say("bronze", "quarantine", text, warning=True)
    total = found.stray_count
    if total:
        have, them = ("has", "it") if total == 1 else ("have", "them")
        more = total - len(found.strays)
        rest = f" and {more} more" if more > 0 else ""
        text = (
            f"{plural(total, 'event')} of {OUTBOX_TABLE} {have} no valid "
            f"occurred_at, so no run copies {them}: {', '.join(found.strays)}{rest}. "
            "Correct occurred_at in the outbox"
        )
        say("bronze", "strays", text, warning=True)


def not_begun(day: str, now: int) -> Failure:
    """Returns the failure for a day in the future."""
    return Failure(
        "configuration",
        f"Cannot export {day}: the day has not begun; the database's clock is at "
        f"{iso(now)}. Use an earlier day, or omit the day to run for today.",
    )


def confirm_never_published(lake: Lake, day: str, listing: list[Entry]) -> None:
    """Raises a failure if a day without a marker was published before.

    In this case the marker was removed, and the parts may contain events that the
    outbox has lost since. The toolkit compares the parts. A job would remove them.
    """
    if not any(is_part(entry.key) for entry in listing):
        return
    amended = any(e.key.startswith(history_prefix(day)) for e in listing)
    if not amended and lake.get(silver_marker(day)) is None:
        return
    raise Failure(
        "data",
        f"Cannot export {day}: the day was published before, but its commit marker "
        "is missing. Nothing was changed. Restore the commit marker from a backup, "
        "or let the toolkit compare the remaining parts: "
        f"{command('bronze --date', day)}",
    )
