"""Reads commit markers as strictly as the toolkit's TypeScript does."""

from __future__ import annotations

import json
import re
from typing import Any

from .contract import MARKER, history_key, part_pattern, quarantine_key
from .marker import (
    FORMAT,
    Acknowledged,
    Amended,
    Commit,
    Link,
    Part,
    Quarantine,
    total,
)
from .source import Source

STATES: list[str] = MARKER["states"]
# Many JSON readers, such as JavaScript's, round larger integers.
MOST: int = MARKER["mostCount"]
LEVELS: int = MARKER["mostLevels"]
DIGEST = re.compile(MARKER["digestPattern"])
INTEGER = re.compile(MARKER["integerPattern"])
# Half of a character outside the basic plane. JSON can escape a half on its own.
SURROGATE = re.compile("[\ud800-\udfff]")
TOO_DEEP = f"it has more than {LEVELS} levels"
# No exact integer has more digits. Python refuses integers with thousands of digits.
LONG = 20


def parse(body: bytes, layer: str, day: str) -> Commit:
    """Parses a marker's bytes. Raises ValueError if they are invalid."""
    marker = as_object(parse_json(body), "the marker")
    expect(marker.get("format") == FORMAT, f"its format is not {FORMAT}")
    expect(marker.get("layer") == layer, f"its layer is not {layer}")
    expect(marker.get("date") == day, f"its date is not {day}")
    state = marker.get("state")
    if not isinstance(state, str) or state not in STATES:
        states = " or ".join(f'"{each}"' for each in STATES)
        raise ValueError(f"its state is not {states}")
    entries = as_list(marker.get("parts"), "its parts are not a list")
    parts = tuple(
        parse_part(entry, f"parts[{i}]", layer, day) for i, entry in enumerate(entries)
    )
    expect(len({p.key for p in parts}) == len(parts), "it lists a part twice")
    rows = as_count(marker.get("rows"), "rows")
    expect(rows == total(parts), "its row count differs from the total of its parts")
    contract = as_text(marker.get("contract"), "contract")
    commit = Commit(layer, day, state, rows, contract, parts)
    if layer == "silver" or "amended" not in marker:
        amended = any(part.amendment is not None for part in parts)
        expect(not amended, "a part has an amendment number, but the marker has no "
        "amendment")
    if layer == "silver":
        source = as_object(marker.get("bronze"), "bronze")
        link = Link(as_text(source.get("key"), "bronze.key"), digest(source, "bronze"))
        return commit._replace(bronze=link)
    return commit._replace(
        seq=parse_seq(marker.get("event_seq")),
        source=parse_source(marker["source"]) if "source" in marker else None,
        quarantine=parse_quarantine(marker, day),
        amended=parse_amended(marker, day, parts),
    )


def parse_json(body: bytes) -> object:
    """Parses JSON, but refuses text that JSON readers parse differently."""
    try:
        # Only Python accepts NaN and Infinity, and refuses a byte order mark.
        text = body.decode("utf-8-sig")
        document: object = json.loads(
            text, parse_constant=refuse_constant, parse_int=parse_int
        )
    except ValueError:
        raise ValueError("it is not JSON") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    confirm_levels(document, LEVELS)
    return document


def parse_int(text: str) -> int | float:
    """Parses a JSON integer. A very long one becomes a float, as in JavaScript."""
    return int(text) if len(text) < LONG else float(text)


def confirm_levels(value: object, levels: int) -> None:
    """Raises ValueError if objects and lists are nested too deeply."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        expect(levels > 0, TOO_DEEP)
        for each in value:
            confirm_levels(each, levels - 1)


def refuse_constant(name: str) -> object:
    """Refuses constants such as NaN, which only Python accepts as JSON."""
    raise ValueError(name)


def parse_part(entry: object, place: str, layer: str, day: str) -> Part:
    """Parses one part of a marker."""
    part = as_object(entry, place)
    key = as_text(part.get("key"), f"{place}.key")
    inside = re.fullmatch(part_pattern(layer, day), key)
    expect(inside is not None, f"{place} is outside the window")
    rows = as_count(part.get("rows"), f"{place}.rows")
    size = as_count(part.get("bytes"), f"{place}.bytes")
    sha256, amendment = digest(part, place), part.get("amendment")
    if "amendment" in part:
        amendment = as_count(amendment, f"{place}.amendment")
        expect(amendment > 0, f"{place}.amendment is 0")
    return Part(key, rows, size, sha256, amendment)


def parse_seq(value: object) -> tuple[int | None, int | None]:
    """Parses the smallest and the largest event_seq."""
    seq = as_object(value, "event_seq")
    low = as_integer(seq.get("min", ""), "event_seq.min")
    high = as_integer(seq.get("max", ""), "event_seq.max")
    together = low is high is None or (
        low is not None and high is not None and low <= high
    )
    expect(together, "event_seq.min and event_seq.max do not match")
    return low, high


def parse_source(value: object, place: str = "source") -> Source:
    """Parses the source of a marker, or of the record of the lake."""
    source = as_object(value, place)
    database = as_text(source.get("database"), f"{place}.database")
    system = None
    if "system" in source:
        number = as_integer(source["system"] or "", f"{place}.system")
        system = str(number)
    schema, table = (
        as_text(source.get(name), f"{place}.{name}") for name in ("schema", "table")
    )
    return Source(database, system, schema, table)


def parse_quarantine(marker: dict[str, Any], day: str) -> Quarantine | None:
    """Parses the quarantine of a marker. None if the marker has none."""
    if "quarantine" not in marker:
        return None
    link = as_object(marker["quarantine"], "quarantine")
    key = as_text(link.get("key"), "quarantine.key")
    events = as_count(link.get("events"), "quarantine.events")
    size = as_count(link.get("bytes"), "quarantine.bytes")
    sha256 = digest(link, "quarantine")
    expect(events > 0, "quarantine.events is 0")
    matches = key == quarantine_key(day, sha256)
    expect(matches, "quarantine.key does not match its sha256")
    return Quarantine(key, events, size, sha256)


def parse_amended(
    marker: dict[str, Any], day: str, parts: tuple[Part, ...]
) -> Amended | None:
    """Parses the history of an amended marker. None if it was not amended."""
    if "amended" not in marker:
        return None
    amended = as_object(marker["amended"], "amended")
    version = as_count(amended.get("version"), "amended.version")
    expect(version > 0, "amended.version is 0")
    kept = as_object(amended.get("previous"), "amended.previous")
    sha256 = digest(kept, "amended.previous")
    key = as_text(kept.get("key"), "amended.previous.key")
    own = key == history_key(day, version - 1, sha256)
    expect(own, "amended.previous.key is not its history key")
    numbers = [part.amendment or 0 for part in parts]
    in_order = numbers == sorted(numbers) and all(n <= version for n in numbers)
    expect(in_order, "parts are not in the order of amendments")
    lost, altered = (
        parse_acknowledged(amended.get(name), f"amended.{name}")
        for name in ("lost", "altered")
    )
    return Amended(version, Link(key, sha256), lost, altered)


def parse_acknowledged(value: object, place: str) -> Acknowledged:
    """Parses the events that an amendment acknowledged."""
    noted = as_object(value, place)
    events = as_count(noted.get("events"), f"{place}.events")
    return Acknowledged(events, digest(noted, place))


def expect(holds: bool, problem: str) -> None:
    """Raises ValueError if a condition does not hold."""
    if not holds:
        raise ValueError(problem)


def as_object(value: object, place: str) -> dict[str, Any]:
    """Returns the value if it is a JSON object; raises ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError(f"{place} is not an object")
    return value


def as_list(value: object, problem: str) -> list[Any]:
    """Returns the value if it is a JSON list; raises ValueError otherwise."""
    if not isinstance(value, list):
        raise ValueError(problem)
    return value


def as_text(value: object, place: str) -> str:
    """Returns the value if it is a non-empty text that UTF-8 can encode."""
    if not isinstance(value, str) or not value or SURROGATE.search(value):
        raise ValueError(f"{place} is not a text")
    return value


def as_count(value: object, place: str) -> int:
    """Returns the value if it is an exact integer of at least 0, such as 3 or 3.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MOST:
        raise ValueError(f"{place} is not a count")
    return value


def digest(owner: dict[str, Any], place: str) -> str:
    """Returns the `sha256` of a JSON object."""
    value = owner.get("sha256")
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise ValueError(f"{place}.sha256 is not a digest")
    return value


def as_integer(value: object, place: str) -> int | None:
    """Parses a string that contains a 64-bit integer. Returns None for null."""
    if value is None:
        return None
    if isinstance(value, str) and INTEGER.fullmatch(value):
        number = int(value)
        if -(1 << 63) <= number < 1 << 63:
            return number
    raise ValueError(f"{place} is not a 64-bit integer in a string")
