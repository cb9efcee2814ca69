"""Commit markers: the small JSON objects that say which parts make up a window."""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

FORMAT = "deep-storage-commit/1"


class Part(NamedTuple):
    """One Parquet file that a marker names."""

    key: str
    rows: int
    bytes: int
    sha256: str


class Commit(NamedTuple):
    """What a marker says. `own` is what only its layer has: `event_seq` or `bronze`."""

    layer: str
    day: str
    state: str
    rows: int
    own: dict
    contract: str
    parts: tuple[Part, ...]


class Stored(NamedTuple):
    """A marker as it lies in the lake."""

    key: str
    commit: Commit
    body: bytes
    etag: str

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of the marker's bytes."""
        return hashlib.sha256(self.body).hexdigest()


def bronze_commit(
    day: str,
    state: str,
    seq: tuple[str | None, str | None],
    contract: str,
    parts: tuple[Part, ...],
) -> Commit:
    """The commit of a day's bronze. `seq` is the smallest and largest event_seq."""
    own = {"event_seq": {"min": seq[0], "max": seq[1]}}
    return Commit("bronze", day, state, total(parts), own, contract, parts)


def silver_commit(
    day: str, state: str, bronze: Stored, contract: str, parts: tuple[Part, ...]
) -> Commit:
    """The commit of a day's silver, which names the bronze that it was made from."""
    own = {"bronze": {"key": bronze.key, "sha256": bronze.sha256}}
    return Commit("silver", day, state, total(parts), own, contract, parts)


def total(parts: tuple[Part, ...]) -> int:
    """Rows in all parts."""
    return sum(part.rows for part in parts)


def render(commit: Commit) -> bytes:
    """A marker's bytes. Nothing of the run is in them: equal content, equal bytes."""
    document = {
        "format": FORMAT,
        "layer": commit.layer,
        "date": commit.day,
        "state": commit.state,
        "rows": commit.rows,
        **commit.own,
        "contract": commit.contract,
        "parts": [part._asdict() for part in commit.parts],
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def parse(body: bytes, layer: str, day: str) -> Commit:
    """Reads a marker's bytes. Raises ValueError where they are none of that window."""
    document = json.loads(body.decode("utf-8"))
    expect(isinstance(document, dict), "it is no object")
    for name, value in (("format", FORMAT), ("layer", layer), ("date", day)):
        expect(document.get(name) == value, f"its {name} is not {value}")
    expect(document.get("state") in ("open", "sealed"), "its state is unknown")
    expect(isinstance(document.get("contract"), str), "it names no contract")
    expect(isinstance(document.get("parts"), list), "its parts are not a list")
    parts = tuple(parse_part(entry, layer, day) for entry in document["parts"])
    keys = {part.key for part in parts}
    expect(len(keys) == len(parts), "it names a part twice")
    expect(document.get("rows") == total(parts), "its rows are not its parts' rows")
    name = "event_seq" if layer == "bronze" else "bronze"
    expect(isinstance(document.get(name), dict), f"it has no {name}")
    own = {name: document[name]}
    state, contract = document["state"], document["contract"]
    return Commit(layer, day, state, document["rows"], own, contract, parts)


def parse_part(entry: object, layer: str, day: str) -> Part:
    """Reads one entry of a marker's parts."""
    expect(isinstance(entry, dict), "a part is no object")
    part = Part(*(entry.get(name) for name in Part._fields))
    folder = (
        f"bronze/events/date={day}/"
        if layer == "bronze"
        else f"silver/stop_executions/client_id=[^/]+/date={day}/"
    )
    inside = re.fullmatch(rf"{folder}[^/]+\.parquet", str(part.key))
    expect(inside is not None, "a part lies outside the window")
    for count in (part.rows, part.bytes):
        expect(type(count) is int and count >= 0, "a part's size is no count")
    digest = re.fullmatch(r"[0-9a-f]{64}", str(part.sha256))
    expect(digest is not None, "a part's sha256 is no digest")
    return part


def expect(holds: bool, problem: str) -> None:
    """Raises ValueError where a condition does not hold."""
    if not holds:
        raise ValueError(problem)
