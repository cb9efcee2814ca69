"""Differences between a published window and its source."""

from __future__ import annotations

from typing import NamedTuple

from .errors import Failure, command, plural
from .marker import Acknowledged, Commit, acknowledge
from .quarantine import UnfitEvent, contract_text, describe

NAMED = 5


class Differences(NamedTuple):
    """Rows by their identity, each with its description.

    `late` rows are only in the source, `lost` rows only in the layer, and `altered`
    rows in both with different values. `unfit` are events that do not fit the contract
    and have no row in bronze. `newly_unfit` are the unfit events that are not in the
    quarantine. `gone` are events of the quarantine that the source no longer has.
    """

    late: dict[str, str]
    lost: dict[str, str]
    altered: dict[str, str]
    unfit: list[UnfitEvent]
    newly_unfit: list[UnfitEvent]
    gone: list[UnfitEvent]


class Unacknowledged(NamedTuple):
    """The kinds of differences; True if a marker has not acknowledged the kind."""

    late: bool
    lost: bool
    altered: bool
    unfit: bool
    gone: bool


def with_unfit(
    found: Differences, unfit: list[UnfitEvent], known: list[UnfitEvent]
) -> Differences:
    """Adds the events of the source that do not fit the contract.

    An event that is in bronze and no longer fits is altered, not lost. `known` are the
    events in the quarantine of the window.
    """
    ours = {event.event_id: event for event in unfit if event.event_id in found.lost}
    outside = [event for event in unfit if event.event_id not in ours]
    texts = {
        str(name): f"event {describe(event)} no longer fits the contract"
        for name, event in ours.items()
    }
    rows = {contract_text(event) for event in known}
    present = {contract_text(event) for event in unfit}
    here = {event.event_id for event in unfit} | set(found.late)
    return found._replace(
        lost={name: text for name, text in found.lost.items() if name not in ours},
        altered={**found.altered, **texts},
        unfit=outside,
        newly_unfit=[event for event in outside if contract_text(event) not in rows],
        gone=[
            event
            for event in known
            if (
                contract_text(event) not in present
                if event.event_id is None
                else event.event_id not in here
            )
        ],
    )


def unacknowledged(found: Differences, commit: Commit) -> Unacknowledged:
    """Returns which differences the window's marker does not acknowledge."""

    def is_new(ids: dict[str, str], known: Acknowledged | None) -> bool:
        return bool(ids) if known is None else known != acknowledge(ids)

    amended = commit.amended
    return Unacknowledged(
        bool(found.late),
        is_new(found.lost, amended.lost if amended else None),
        is_new(found.altered, amended.altered if amended else None),
        bool(found.newly_unfit),
        bool(found.gone),
    )


def differs(found: Differences, commit: Commit) -> Failure:
    """Returns the failure for a published day that differs from the outbox."""
    texts = [
        text
        for kind in (found.late, found.lost, found.altered)
        for _, text in sorted(kind.items())[:NAMED]
    ]
    for event in found.newly_unfit[:NAMED]:
        texts.append(f"event {event.event_id} came late and does not fit the contract")
    for event in found.gone[:NAMED]:
        texts.append(f"event {event.event_id} is in quarantine but not in the outbox")
    count = sum(map(len, found)) - len(found.unfit)
    difference = (
        f"it differs from the outbox in {plural(count, 'row')}: {listed(texts, count)}"
        if count
        else "its marker records events as lost or altered, but the outbox and "
        "bronze agree on them again"
    )
    return Failure(
        "data",
        f"Cannot confirm bronze of {commit.day}, which is {commit.state}: {difference}"
        ". Nothing was changed. To add the late events and keep the events of bronze: "
        f"{command('amend --date', commit.day)}",
    )


def listed(texts: list[str], count: int) -> str:
    """Joins a few texts, and adds the number of those left out."""
    more = count - len(texts)
    return "; ".join([*texts, *([f"and {more} more"] if more > 0 else [])])
