"""Commit markers: the small JSON objects that name the parts of a window."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Iterable, NamedTuple

from .contract import MARKER
from .source import Source

FORMAT: str = MARKER["format"]
FIELDS: dict[str, list[str]] = MARKER["fields"]


class Part(NamedTuple):
    """One Parquet file that a marker names.

    `amendment` is the number of the amendment that added it, from 1.
    """

    key: str
    rows: int
    bytes: int
    sha256: str
    amendment: int | None = None


class Link(NamedTuple):
    """Another marker, and the digest of its bytes."""

    key: str
    sha256: str


class Acknowledged(NamedTuple):
    """Events that an amendment acknowledged: their number and their digest."""

    events: int
    sha256: str


class Quarantine(NamedTuple):
    """The document with the quarantined events of a day."""

    key: str
    events: int
    bytes: int
    sha256: str


class Amended(NamedTuple):
    """The history of an amended marker.

    `lost` are events that the outbox no longer has. `altered` are events that have
    different values in the outbox. Bronze keeps the original rows of both.
    """

    version: int
    previous: Link
    lost: Acknowledged
    altered: Acknowledged


class Commit(NamedTuple):
    """The content of a marker.

    Only bronze has `seq` and the fields after it; only silver has `bronze`.

    `seq` is the smallest and the largest event_seq. Both are None without events.
    `source` is None in a marker of an earlier version.
    """

    layer: str
    day: str
    state: str
    rows: int
    contract: str
    parts: tuple[Part, ...]
    bronze: Link | None = None
    seq: tuple[int | None, int | None] = (None, None)
    source: Source | None = None
    quarantine: Quarantine | None = None
    amended: Amended | None = None


class Stored(NamedTuple):
    """A marker as it is stored in the lake."""

    key: str
    commit: Commit
    body: bytes
    etag: str

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the marker's bytes."""
        return hashlib.sha256(self.body).hexdigest()


def total(parts: Iterable[Part]) -> int:
    """The number of rows in all parts."""
    return sum(part.rows for part in parts)


def acknowledge(event_ids: Iterable[str]) -> Acknowledged:
    """Returns the acknowledgement of a set of events."""
    ids = sorted(event_ids)
    digest = hashlib.sha256("".join(f"{each}\n" for each in ids).encode())
    return Acknowledged(len(ids), digest.hexdigest())


def render(commit: Commit) -> bytes:
    """Returns a marker's bytes. Equal content produces equal bytes in every run.

    64-bit integers are strings, because many JSON readers round large numbers.
    """
    values: dict[str, object] = {
        "format": FORMAT,
        "layer": commit.layer,
        "date": commit.day,
        "state": commit.state,
        "rows": commit.rows,
        "contract": commit.contract,
        "parts": [ordered("part", part._asdict()) for part in commit.parts],
    }
    if commit.bronze is None:
        low, high = (None if end is None else str(end) for end in commit.seq)
        values["event_seq"] = dict(zip(FIELDS["event_seq"], (low, high)))
    else:
        values["bronze"] = ordered("link", commit.bronze._asdict())
    if commit.source is not None:
        values["source"] = ordered("source", commit.source._asdict())
    if commit.quarantine is not None:
        values["quarantine"] = ordered("quarantine", commit.quarantine._asdict())
    if commit.amended is not None:
        values["amended"] = ordered(
            "amended",
            {
                "version": commit.amended.version,
                "previous": ordered("link", commit.amended.previous._asdict()),
                "lost": ordered("acknowledged", commit.amended.lost._asdict()),
                "altered": ordered("acknowledged", commit.amended.altered._asdict()),
            },
        )
    document = ordered(commit.layer, values)
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def ordered(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Returns the values that are set, in the field order of the contract."""
    there = {field: values.get(field) for field in FIELDS[name]}
    return {field: value for field, value in there.items() if value is not None}
