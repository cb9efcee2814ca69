"""Copies one day of the outbox into bronze: fence, snapshot, parts, marker.

A reader that follows the marker sees either the old state of the day or the new one,
never a mixture. A run that is killed at any point can be repeated. A run compares a
sealed day with the outbox, but never changes it. A day without events is published like
any other day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deep_storage import contract, quarantine, settings, window
from deep_storage.amendment import publish_amendment
from deep_storage.differences import differs, unacknowledged
from deep_storage.errors import Failure, command, plural
from deep_storage.fence import clock
from deep_storage.lake import Lake
from deep_storage.lost import Lost, lost_events
from deep_storage.marker import Commit, Stored, total
from deep_storage.outbox import Outbox
from deep_storage.progress import say
from deep_storage.publish import (
    publish,
    remove_beside_sealed,
    while_marker_stands,
)
from deep_storage.session import begin, explained, main

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run() -> None:
    """Reads the environment and copies the requested day, or today."""
    database, store = settings.database(), settings.store()
    requested, grace = settings.requested_day(), settings.grace_micros()
    spark = begin("bronze-ingest", store)
    try:
        explained(
            lambda: ingest(spark, database, store, requested, grace), database, store
        )
    finally:
        spark.stop()


def ingest(
    spark: SparkSession,
    database: settings.Database,
    store: settings.Store,
    requested: str,
    grace: int,
) -> None:
    """Copies one day in one session, which also holds the snapshot."""
    outbox = Outbox(spark, database)
    try:
        # The database's clock determines today, in UTC [timestamp-env].
        day = settings.day_at(requested, clock(outbox.query))
        say("bronze", "outbox", f"{settings.OUTBOX_TABLE} in {database.label}")
        found = window.begin(spark, outbox, Lake(spark, store), day, grace)
        while_marker_stands(found.publication, lambda: bring(found))
    finally:
        outbox.close()


def bring(found: window.Run) -> None:
    """Publishes, refreshes or verifies the window, depending on the state of bronze."""
    previous = found.publication.previous
    if previous is None:
        copy(found)
    elif previous.commit.state == "sealed":
        verify(found, previous.commit)
    elif previous.commit.amended is not None:
        grow(found, previous)
    else:
        refresh(found, previous.commit)


def copy(found: window.Run) -> None:
    """Copies all events of a window."""
    stored = window.store_events(found, found.events, found.survey.rows)
    named = quarantine.store(found.lake, found.day, found.survey.unfit)
    commit = Commit(
        layer="bronze",
        day=found.day,
        state=window.state_of(found),
        rows=total(stored),
        contract=contract.EVENT_CONTRACT,
        parts=stored,
        seq=found.survey.seq,
        source=found.source,
        quarantine=named,
    )
    publish(commit, found.publication)


def refresh(found: window.Run, commit: Commit) -> None:
    """Copies an open window again, unless the outbox has lost events of bronze."""
    lost = lost_events(found, commit)
    if lost.events:
        raise lost_since(commit, lost)
    copy(found)


def verify(found: window.Run, commit: Commit) -> None:
    """Compares a sealed window with the outbox."""
    differences = window.compare_bronze(found, commit)
    if any(unacknowledged(differences, commit)):
        raise differs(differences, commit)
    kept = len(differences.lost) + len(differences.altered)
    known = f", except {kept} that an amendment acknowledged" if kept else ""
    rows = plural(commit.rows, "row")
    publication = found.publication
    text = f"the outbox has the same {rows}{known}; nothing was written"
    url = publication.lake.url(publication.key)
    say("bronze", "verified", f"{url}, already sealed; {text}")
    remove_beside_sealed(commit, publication)


def grow(found: window.Run, previous: Stored) -> None:
    """Adds new events to an open window that was amended before."""
    commit = previous.commit
    differences = window.compare_bronze(found, commit)
    unknown = unacknowledged(differences, commit)
    if unknown.lost or unknown.altered or unknown.gone:
        raise differs(differences, commit)
    if unknown.late or unknown.unfit:
        publish_amendment(found, previous, differences)
        return
    state = window.state_of(found)
    publish(commit._replace(source=found.source, state=state), found.publication)


def lost_since(commit: Commit, lost: Lost) -> Failure:
    """Returns the failure for events of an open day that the outbox has lost."""
    left = lost.events - len(lost.named)
    more = f" and {left} more" if left > 0 else ""
    return Failure(
        "data",
        f"Cannot export {commit.day}: bronze has {plural(lost.events, 'event')} that "
        f"{settings.OUTBOX_TABLE} no longer has: {', '.join(lost.named)}{more}. "
        "Nothing was changed, so bronze keeps them. Find out who removed them, or "
        "check DJANGO_DB_NAME and OUTBOX_TABLE. To keep them and add the new "
        f"events: {command('amend --date', commit.day)}",
    )


if __name__ == "__main__":
    main("bronze-ingest", run)
