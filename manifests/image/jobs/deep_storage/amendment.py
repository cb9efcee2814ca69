"""Adds late events to a published window of bronze.

The existing parts stay, and late events become additional parts. A history key keeps
the marker that the amendment replaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import quarantine
from .contract import history_key
from .errors import plural
from .marker import Amended, Link, Stored, acknowledge, total
from .progress import say
from .publish import publish
from .window import Run, state_of, store_events, stored_events

if TYPE_CHECKING:
    from .differences import Differences


def publish_amendment(run: Run, previous: Stored, found: Differences) -> None:
    """Publishes a window again with the late events of the snapshot."""
    before = previous.commit
    version = (before.amended.version if before.amended else 0) + 1
    late = run.events.join(
        stored_events(run, before).select("event_id"), "event_id", "left_anti"
    ).select(*run.events.columns)
    late = late.repartition(1)
    added = store_events(run, late, len(found.late), amendment=version)
    named = quarantine.store(run.lake, run.day, found.unfit)
    state = state_of(run)
    key = history_key(run.day, version - 1, previous.sha256)
    # A second try stores the same bytes.
    run.lake.put(key, previous.body)
    parts = (*before.parts, *added)
    lows, highs = zip(before.seq, run.survey.seq)
    ends = [[n for n in each if n is not None] for each in (lows, highs)]
    commit = before._replace(
        state=state,
        rows=total(parts),
        seq=(min(ends[0], default=None), max(ends[1], default=None)),
        source=run.source,
        quarantine=named,
        amended=Amended(
            version,
            Link(key, previous.sha256),
            acknowledge(found.lost),
            acknowledge(found.altered),
        ),
        parts=parts,
    )
    if added:
        text = (
            f"number {version}: {plural(len(found.late), 'late event')} in "
            f"{plural(len(added), 'additional part')}"
        )
        say("bronze", "amendment", text)
    publish(commit, run.publication)
