"""The contract of both engines from contract.json: columns, events, keys, limits.

The toolkit's TypeScript reads the same file. Only the name of the table is a constant
here, because the check `table-name` reads it in the code of the jobs.
"""

from __future__ import annotations

import hashlib
import json
import pkgutil
import re
from typing import Any, NamedTuple


class Column(NamedTuple):
    """A column: its name, its type in Parquet, and whether a value may be absent.

    `postgres` is the type in the outbox. Columns of silver have no such type.
    """

    name: str
    type: str
    nullable: bool
    postgres: str = ""


def read_contract() -> dict[str, Any]:
    """Reads contract.json from the folder of this module."""
    return dict(json.loads(pkgutil.get_data("deep_storage", "contract.json") or b""))


def fingerprint(columns: tuple[Column, ...]) -> str:
    """Returns a digest of the columns. Markers store it to detect changes."""
    lines = (
        f"{column.name} {column.type}{'' if column.nullable else ' not null'}\n"
        for column in columns
    )
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


CONTRACT = read_contract()

OUTBOX_TABLE = "stop_events"
# Columns of the outbox that the contract names and that no run exports.
UNEXPORTED_COLUMNS: tuple[str, ...] = tuple(CONTRACT["columnsNotExported"])

EVENTS = tuple(Column(**each) for each in CONTRACT["bronze"]["columns"])
EXECUTIONS = tuple(Column(**each) for each in CONTRACT["silver"]["columns"])
EVENT_CONTRACT = fingerprint(EVENTS)
EXECUTION_CONTRACT = fingerprint(EXECUTIONS)
# Bronze is sorted by these columns. Rows without a value come last.
BRONZE_ORDER: tuple[str, ...] = tuple(CONTRACT["bronze"]["order"])

# The types of execution events, and the status of the execution after each of them.
EXECUTION_STATUS: dict[str, str] = CONTRACT["silver"]["statuses"]
# Each time column of silver, and the event that sets it.
EVENT_TIMES: dict[str, str] = CONTRACT["silver"]["times"]
# A replay sorts events by these columns. Events without a value come first.
REPLAY_ORDER: tuple[str, ...] = tuple(CONTRACT["silver"]["replayOrder"])
KNOWN_EVENT_TYPES = frozenset(EXECUTION_STATUS) | set(CONTRACT["otherEventTypes"])

KEYS: dict[str, Any] = CONTRACT["keys"]
PARTS: dict[str, Any] = CONTRACT["parts"]
MARKER: dict[str, Any] = CONTRACT["marker"]
LONGEST_RUN_HOURS: int = CONTRACT["ages"]["longestRunHours"]
ABANDONED_AFTER_HOURS: int = CONTRACT["ages"]["abandonedAfterHours"]

STRING = "STRING"
TIMESTAMP = "TIMESTAMP(MICROS,UTC)"
# Types with a different name in Spark's SQL. STRING and DECIMAL have the same name.
SPARK_TYPES = {"INT32": "INT", "INT64": "BIGINT", TIMESTAMP: "TIMESTAMP"}


def spark_type(column: Column) -> str:
    """Returns a column's type in Spark's SQL."""
    return SPARK_TYPES.get(column.type, column.type)


def spark_schema(columns: tuple[Column, ...]) -> str:
    """Formats columns as a schema for Spark's readers."""
    return ", ".join(f"{column.name} {spark_type(column)}" for column in columns)


def key(name: str, **values: str) -> str:
    """Returns a key of the contract with placeholders such as `{day}` filled in."""
    template: str = KEYS[name]
    return template.format(**values)


def numbered(number: int) -> str:
    """Formats a number for use in keys, with leading zeros."""
    return str(number).zfill(KEYS["numberDigits"])


def shortened(sha256: str) -> str:
    """Shortens a digest for use in keys."""
    return sha256[: KEYS["digestDigits"]]


def bronze_prefix(day: str) -> str:
    """The folder of a day's events."""
    return key("bronzeFolder", day=day)


def bronze_marker(day: str) -> str:
    """The key of the commit marker of a day's bronze."""
    return key("bronzeMarker", day=day)


def bronze_day(key: str) -> str | None:
    """Reads the day from a key in the folder of a day's events."""
    start, end = KEYS["bronzeFolder"].split("{day}")
    pattern = f"{re.escape(start)}([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){re.escape(end)}"
    found = re.match(pattern, key)
    return found[1] if found else None


def history_prefix(day: str) -> str:
    """The folder of the bronze markers that amendments replaced."""
    return key("bronzeHistoryFolder", day=day)


def history_key(day: str, version: int, sha256: str) -> str:
    """The key of the copy of a bronze marker that an amendment replaced."""
    number, digest = numbered(version), shortened(sha256)
    return key("bronzeHistory", day=day, number=number, digest=digest)


def quarantine_key(day: str, sha256: str) -> str:
    """The key of the document with a day's quarantined events."""
    return key("bronzeQuarantine", day=day, digest=shortened(sha256))


def silver_prefix(client: int, day: str) -> str:
    """The folder of one client's executions on one day."""
    return key("silverFolder", client=str(client), day=day)


def silver_root() -> str:
    """The folder of all of silver."""
    return key("silverRoot")


def silver_marker(day: str) -> str:
    """The key of the commit marker of a day's silver, for all clients."""
    return key("silverMarker", day=day)


def staging_root(layer: str) -> str:
    """The folder for the unpublished files that Spark writes for a layer."""
    return key(f"{layer}Staging")


def silver_day(key: str) -> str | None:
    """Reads the day from the key of a silver part. None for a part of bronze."""
    start, end = KEYS["silverFolder"].split("{day}")
    folder = re.escape(start).replace(re.escape("{client}"), "[^/]+")
    found = re.match(f"{folder}([^/]+){re.escape(end)}", key)
    return found[1] if found else None


def part_pattern(layer: str, day: str) -> str:
    """Returns a regular expression for the keys of the parts of a window."""
    folder = re.escape(bronze_prefix(day))
    if layer == "silver":
        start, end = KEYS["silverFolder"].replace("{day}", day).split("{client}")
        integer = MARKER["integerPattern"]
        folder = f"{re.escape(start)}(?:{integer}){re.escape(end)}"
    return folder + str(PARTS["namePattern"])
