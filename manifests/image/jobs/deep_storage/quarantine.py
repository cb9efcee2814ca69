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

    `problems` are pairs of a column's name and its fault, such as `is NaN`. `row` has
    every column of the table, as text in the form that Postgres gives it.
    """

    event_id: str | None
    problems: list[tuple[Any, Any]]
    row: dict[str, str | None]


def render(day: str, events: list[UnfitEvent]) -> bytes:
    """Returns the document's bytes. Both engines write equal events as equal bytes."""
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
    """Returns the sort key of an event: its event_id, then its content."""
    # In UTF-16, because the toolkit's TypeScript compares texts in this encoding.
    text = row_text(event).encode("utf-16-be")
    return event.event_id is None, event.event_id or "", text


def row_text(event: UnfitEvent) -> str:
    """Returns the whole row of an event as one text."""
    return json.dumps(event.row, separators=(",", ":"), ensure_ascii=False)


def contract_text(event: UnfitEvent) -> str:
    """Returns the values of an event's contract columns as one text.

    A column that is added to the table later does not change the text.
    """
    return json.dumps([event.row.get(column.name) for column in EVENTS])


def ids(events: list[UnfitEvent]) -> set[str]:
    """Returns the identities of events. Events without an identity are left out."""
    return {event.event_id for event in events if event.event_id is not None}


def describe(event: UnfitEvent) -> str:
    """Describes an event in a message, such as `018f… (fill_price is NaN)`."""
    problems = ", ".join(" ".join(pair) for pair in event.problems)
    return f"{event.event_id or 'an event without event_id'} ({problems})"


def link(day: str, events: list[UnfitEvent]) -> tuple[Quarantine | None, bytes]:
    """Returns the quarantine field of a day's marker, and its document."""
    if not events:
        return None, b""
    body = render(day, events)
    sha256 = hashlib.sha256(body).hexdigest()
    key = quarantine_key(day, sha256)
    return Quarantine(key, len(events), len(body), sha256), body


def store(lake: Lake, day: str, events: list[UnfitEvent]) -> Quarantine | None:
    """Stores a day's unfit events. Returns None if there are none."""
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
    """Parses a quarantine's bytes. Raises ValueError if they are invalid."""
    document = as_object(parse_json(body), "the quarantine")
    expect(document.get("format") == FORMAT, f"its format is not {FORMAT}")
    return [parse_event(entry) for entry in as_list(document.get("events"), NO_EVENTS)]


def parse_event(entry: object) -> UnfitEvent:
    """Parses one event of a quarantine."""
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
    """Returns the failure for a quarantine that does not match its marker."""
    return Failure(
        "data",
        f"Cannot use the quarantine {lake.url(named.key)}: {problem}. Restore it from "
        "a backup.",
    )
