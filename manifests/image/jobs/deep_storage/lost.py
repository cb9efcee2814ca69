"""Events of an open day that the outbox has lost since the last run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import functions as F

from . import parts, quarantine
from .differences import NAMED
from .session import spread

if TYPE_CHECKING:
    from .marker import Commit
    from .window import Run


class Lost(NamedTuple):
    """Events that the outbox has lost: their number, and the names of a few."""

    events: int
    named: list[str]


def lost_events(run: Run, commit: Commit) -> Lost:
    """Finds the events that bronze has and the outbox no longer has.

    A count cannot show this: an outbox that lost two events and gained three has one
    event more. Events in quarantine are included.
    """
    # Bronze has identities under every version of the contract.
    stored = parts.read(run.spark, run.lake, commit.parts, "event_id STRING")
    largest = max(commit.rows, run.survey.rows)
    stored = spread(stored, largest)
    there = spread(run.snapshot.identities(run.window), largest)
    lost = stored.join(there, "event_id", "left_anti")
    waiting: set[str] = set()
    nameless: set[str] = set()
    # The run stores an unchanged quarantine again, so the document may be missing.
    if commit.quarantine != quarantine.link(run.day, run.survey.unfit)[0]:
        before = quarantine.read(run.lake, commit.quarantine)
        waiting = quarantine.ids(before)
        present = {quarantine.contract_text(event) for event in run.survey.unfit}
        nameless = {
            quarantine.describe(event)
            for event in before
            if event.event_id is None
            and quarantine.contract_text(event) not in present
        }
    if waiting:
        still = there.where(F.col("event_id").isin(*waiting)).collect()
        waiting -= {row["event_id"] for row in still}
        lost = lost.where(~F.col("event_id").isin(*waiting))
    lost = lost.cache()
    try:
        events = lost.count()
        first = lost.orderBy("event_id").limit(NAMED).collect() if events else []
    finally:
        lost.unpersist()
    others = waiting | nameless
    named = sorted(others | {row["event_id"] for row in first})[:NAMED]
    return Lost(events + len(others), named)
