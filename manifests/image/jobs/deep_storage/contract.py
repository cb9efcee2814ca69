"""The columns of bronze and silver, and where a day of each lies in the lake."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

OUTBOX_TABLE = "stop_events"
UNEXPORTED_COLUMNS = ("request_payload_hash",)


class Column(NamedTuple):
    """A column: its name, its type in Parquet, and whether a value may be absent."""

    name: str
    type: str
    nullable: bool = False
    postgres: str = ""


STRING = "STRING"
INT32 = "INT32"
INT64 = "INT64"
TIMESTAMP = "TIMESTAMP(MICROS,UTC)"
PRICE = "DECIMAL(20,8)"
PERCENT = "DECIMAL(10,4)"

# Those that Spark has under another name; STRING is the same in both.
SPARK_TYPE = {INT32: "INT", INT64: "BIGINT", TIMESTAMP: "TIMESTAMP"}

EVENTS = (
    Column("event_id", STRING, False, "uuid"),
    Column("event_seq", INT64, True, "bigint"),
    Column("occurred_at", TIMESTAMP, False, "timestamp with time zone"),
    Column("operation_id", INT64, False, "bigint"),
    Column("client_id", INT64, False, "bigint"),
    Column("symbol", STRING, False, "character varying"),
    Column("event_type", STRING, False, "character varying"),
    Column("trigger_price", PRICE, True, "numeric"),
    Column("stop_price", PRICE, True, "numeric"),
    Column("quantity", PRICE, True, "numeric"),
    Column("side", STRING, True, "character varying"),
    Column("execution_token", STRING, True, "character varying"),
    Column("payload_json", STRING, True, "jsonb"),
    Column("exchange_order_id", STRING, True, "character varying"),
    Column("fill_price", PRICE, True, "numeric"),
    Column("slippage_pct", PERCENT, True, "numeric"),
    Column("source", STRING, False, "character varying"),
    Column("error_message", STRING, True, "text"),
    Column("retry_count", INT32, True, "integer"),
)

EXECUTIONS = (
    Column("execution_id", STRING),
    Column("operation_id", INT64),
    Column("client_id", INT64),
    Column("symbol", STRING),
    Column("stop_price", PRICE, True),
    Column("trigger_price", PRICE, True),
    Column("quantity", PRICE, True),
    Column("side", STRING, True),
    Column("status", STRING),
    Column("triggered_at", TIMESTAMP, True),
    Column("submitted_at", TIMESTAMP, True),
    Column("executed_at", TIMESTAMP, True),
    Column("exchange_order_id", STRING, True),
    Column("fill_price", PRICE, True),
    Column("slippage_pct", PERCENT, True),
    Column("source", STRING),
)

# The events that make up an execution, and the status that each leaves it in.
EXECUTION_STATUS = {
    "STOP_TRIGGERED": "PENDING",
    "EXECUTION_SUBMITTED": "SUBMITTED",
    "EXECUTED": "EXECUTED",
    "FAILED": "FAILED",
    "BLOCKED": "BLOCKED",
}
# Which event's time each of silver's three times is.
EVENT_TIMES = {
    "triggered_at": "STOP_TRIGGERED",
    "submitted_at": "EXECUTION_SUBMITTED",
    "executed_at": "EXECUTED",
}
KNOWN_EVENT_TYPES = frozenset(EXECUTION_STATUS) | {
    "STALE_PRICE",
    "KILL_SWITCH",
    "SLIPPAGE_BREACH",
    "CIRCUIT_BREAKER",
}


def spark_type(column: Column) -> str:
    """A column's type in Spark's SQL."""
    return SPARK_TYPE.get(column.type, column.type)


def spark_schema(columns: tuple[Column, ...]) -> str:
    """Columns as a schema for Spark's readers."""
    return ", ".join(f"{column.name} {spark_type(column)}" for column in columns)


def fingerprint(columns: tuple[Column, ...]) -> str:
    """What markers carry, so that a change of contract is noticed."""
    lines = (
        f"{column.name} {column.type}{'' if column.nullable else ' not null'}\n"
        for column in columns
    )
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


EVENT_CONTRACT = fingerprint(EVENTS)
EXECUTION_CONTRACT = fingerprint(EXECUTIONS)


def bronze_prefix(day: str) -> str:
    """The folder of a day's events."""
    return f"bronze/events/date={day}/"


def bronze_marker(day: str) -> str:
    """The commit marker of a day's bronze."""
    return f"{bronze_prefix(day)}_commit.json"


def history_key(day: str, version: int, sha256: str) -> str:
    """The copy of a bronze marker that an amendment replaced."""
    return f"{bronze_prefix(day)}_history/{version:05}-{sha256[:32]}.json"


def quarantine_key(day: str, sha256: str) -> str:
    """The document with the events of a day that the contract cannot hold."""
    return f"{bronze_prefix(day)}_quarantine/{sha256[:32]}.json"


def silver_prefix(client: int, day: str) -> str:
    """The folder of one client's executions on one day."""
    return f"silver/stop_executions/client_id={client}/date={day}/"


def silver_marker(day: str) -> str:
    """The commit marker of a day's silver, all clients together."""
    return f"silver/stop_executions/_commits/date={day}.json"
