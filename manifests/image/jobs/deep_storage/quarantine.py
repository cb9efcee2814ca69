"""The quarantine: events that do not fit the Parquet types, with their full text."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from .contract import EVENTS, MARKER, quarantine_key
from .errors import Failure
from .marker import Quarantine
from .marker_reader import as_list, as_object, expect, parse_json

if TYPE_CHECKING:
    from .lake import Lake

FORMAT: str = MARKER["quarantineFormat"]
NO_EVENTS = "its events are not a list of events"


class UnfitEvent(NamedTuple):
    """An event with a value that its column in Parquet cannot hold.

    `problems` are pairs of a column's name and what is wrong, such as `is NaN`; `row`
    has every column of the table, each as Postgres's own text.
    """

    event_id: str | None
    problems: list[tuple[Any, Any]]
    row: dict[str, str | None]


def render(day: str, events: list[UnfitEvent]) -> bytes:
    """The document's bytes: equal events give equal bytes, whichever engine wrote."""
    document = {
        "format": FORMAT,
        "date": day,
        "events": [
            {
                "event_id": event.event_id,
                "problems": [
                    {"column": column, "problem": problem}
                    for column, problem in event.problems
                ],
                "row": event.row,
            }
            for event in sorted(events, key=identity)
        ],
    }
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def identity(event: UnfitEvent) -> tuple[bool, str, bytes]:
    """Orders events by event_id, those without one last, then by what they hold."""
    # As UTF-16, because that is how the toolkit's other engine compares texts.
    text = row_text(event).encode("utf-16-be")
    return event.event_id is None, event.event_id or "", text


def row_text(event: UnfitEvent) -> str:
    """What an event's row holds, as one text."""
    return json.dumps(event.row, separators=(",", ":"), ensure_ascii=False)


def contract_text(event: UnfitEvent) -> str:
    """An event by what the contract knows of it: a column that was added later makes
    no other event of it."""
    return json.dumps([event.row.get(column.name) for column in EVENTS])


def ids(events: list[UnfitEvent]) -> set[str]:
    """The identities of events, as far as they have one."""
    return {event.event_id for event in events if event.event_id is not None}


def describe(event: UnfitEvent) -> str:
    """What is wrong with an event, for people: `018f… (fill_price is NaN)`."""
    problems = ", ".join(" ".join(pair) for pair in event.problems)
    return f"{event.event_id or 'an event without event_id'} ({problems})"


def link(day: str, events: list[UnfitEvent]) -> tuple[Quarantine | None, bytes]:
    """What a day's marker says of its unfit events, and the document that it names."""
    if not events:
        return None, b""
    body = render(day, events)
    sha256 = hashlib.sha256(body).hexdigest()
    key = quarantine_key(day, sha256)
    return Quarantine(key, len(events), len(body), sha256), body


def store(lake: Lake, day: str, events: list[UnfitEvent]) -> Quarantine | None:
    """Stores a day's unfit events; None where there are none."""
    named, body = link(day, events)
    if named is not None:
        lake.put(named.key, body)
    return named


def read(lake: Lake, named: Quarantine | None) -> list[UnfitEvent]:
    """Reads the quarantine that a marker names."""
    if named is None:
        return []
    found = lake.get(named.key)
    if found is None:
        raise unusable(lake, named, "it is missing")
    if hashlib.sha256(found[0]).hexdigest() != named.sha256:
        raise unusable(lake, named, "its sha256 differs from the commit marker")
    try:
        return parse(found[0])
    except ValueError as error:
        raise unusable(lake, named, str(error)) from error


def parse(body: bytes) -> list[UnfitEvent]:
    """Reads a quarantine's bytes. Raises ValueError if they are not a quarantine."""
    document = as_object(parse_json(body), "the quarantine")
    expect(document.get("format") == FORMAT, f"its format is not {FORMAT}")
    return [parse_event(entry) for entry in as_list(document.get("events"), NO_EVENTS)]


def parse_event(entry: object) -> UnfitEvent:
    """Reads one entry of a quarantine's events."""
    event = as_object(entry, "an event")
    row = as_object(event.get("row"), "an event's row")
    problems = [
        as_object(each, "a problem")
        for each in as_list(event.get("problems"), NO_EVENTS)
    ]
    pairs = [(each.get("column"), each.get("problem")) for each in problems]
    texts = [event.get("event_id"), *row.values(), *(t for pair in pairs for t in pair)]
    expect(all(t is None or isinstance(t, str) for t in texts), NO_EVENTS)
    return UnfitEvent(event.get("event_id"), pairs, row)


def unusable(lake: Lake, named: Quarantine, problem: str) -> Failure:
    """The failure that a quarantine is not what its marker says."""
    return Failure(
        "data",
        f"Cannot use the quarantine {lake.url(named.key)}: {problem}. Restore it from "
        "a backup.",
    )
