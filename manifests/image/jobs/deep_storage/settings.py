"""Reads the environment. No other module of the jobs reads it."""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass, field
from typing import Mapping
from urllib.parse import urlsplit

from .contract import OUTBOX_TABLE as DEFAULT_TABLE
from .errors import Failure
from .table_name import literal, table_fault, table_sql
from .tls import Tls, tls_of
from .variable_rules import (
    Rule,
    bucket_fault,
    endpoint_fault,
    host_fault,
    key_fault,
    minutes_fault,
    port_fault,
    quoted,
    region_fault,
    required_value,
    url_fault,
    value_of,
)

SHELL = re.compile(r"\$\(|`|\$\{|\$[A-Za-z_]|%[A-Za-z]")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MICROS_PER_DAY = 86_400_000_000

HOST = Rule(
    "Set it to a host name or an address and nothing more, as in db.example; the port "
    "goes into DJANGO_DB_PORT.",
    host_fault,
)
PORT = Rule(
    "A port is a number from 1 to 65535; Postgres usually has 5432.", port_fault
)
NAME = Rule("Set it to the database's name alone, as in app.", url_fault, blanks=True)
USER = Rule(
    "Set it to the name of the role alone, as in app_user.", url_fault, blanks=True
)
PASSWORD = Rule(
    "Set it again, on one line; echo adds a line break, printf '%s' does not.",
    blanks=True,
    hidden=True,
)
ENDPOINT = Rule(
    "Set it to the store's address and nothing more, as in "
    "https://s3.example.com. The bucket goes into S3_BUCKET.",
    endpoint_fault,
)
BUCKET = Rule(
    "Set it to the bucket's name alone, as in my-lake; the address goes into "
    "S3_ENDPOINT.",
    bucket_fault,
)
TABLE = Rule(
    'Set it to a table as in SQL: events, shop.events or shop."Stop Events".',
    table_fault,
    blanks=True,
    quotes=True,
)
REGION = Rule(
    "Set it to the store's region, as in us-east-1, or remove it.", region_fault
)
KEY = Rule("Set it again, without quotes or a line break.", key_fault, hidden=True)
GRACE = Rule(
    "Set it to a whole number of minutes, or remove it to use 15.", minutes_fault
)


# The table of the outbox, as SQL writes its name. `database` refuses an invalid name
# before the first statement.
OUTBOX_TABLE = table_sql(os.environ.get("OUTBOX_TABLE") or DEFAULT_TABLE)
# SQL for the OID of the table. NULL if there is no such table.
OUTBOX_OID = f"to_regclass({literal(OUTBOX_TABLE)})"


@dataclass(frozen=True)
class Database:
    """The address and login of the outbox. Messages show `label`."""

    host: str
    port: int
    name: str
    user: str
    label: str
    tls: Tls
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The URL for JDBC, without a login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"jdbc:postgresql://{host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class Store:
    """The address and keys of the lake. Messages show `label`."""

    endpoint: str
    region: str
    bucket: str
    label: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


def database() -> Database:
    """Reads `DJANGO_DB_*`, `OUTBOX_TABLE` and the variables for TLS."""
    host = value_of("DJANGO_DB_HOST", os.environ.get("DJANGO_DB_HOST"), HOST)
    port = value_of("DJANGO_DB_PORT", os.environ.get("DJANGO_DB_PORT"), PORT)
    name = value_of("DJANGO_DB_NAME", os.environ.get("DJANGO_DB_NAME"), NAME)
    user = value_of("DJANGO_DB_USER", os.environ.get("DJANGO_DB_USER"), USER)
    value_of("OUTBOX_TABLE", os.environ.get("OUTBOX_TABLE") or DEFAULT_TABLE, TABLE)
    tls = tls_of(
        os.environ.get("DJANGO_DB_SSLMODE") or None,
        os.environ.get("PGSSLMODE") or None,
        os.environ.get("PGSSLROOTCERT") or None,
    )
    password = required_value(
        "DJANGO_DB_PASSWORD",
        os.environ.get("DJANGO_DB_PASSWORD"),
        "the password of DJANGO_DB_USER",
        PASSWORD,
    )
    shown_host = marked(host, "paradedb.robson.svc.cluster.local")
    shown_name, shown_user = marked(name, "rbsdb"), marked(user, "robson")
    number = int(port or "5432")
    return Database(
        host=host or "paradedb.robson.svc.cluster.local",
        port=number,
        name=name or "rbsdb",
        user=user or "robson",
        label=f"{shown_user}@{shown_host}:{number}/{shown_name}",
        tls=tls,
        password=password,
    )


def store() -> Store:
    """Reads `S3_*` and `AWS_*`."""
    address = value_of("S3_ENDPOINT", os.environ.get("S3_ENDPOINT"), ENDPOINT)
    bucket = value_of("S3_BUCKET", os.environ.get("S3_BUCKET"), BUCKET)
    region = value_of("AWS_REGION", os.environ.get("AWS_REGION"), REGION)
    token = os.environ.get("AWS_SESSION_TOKEN") or None
    meaning = "the lake's key"
    url = urlsplit(address or "https://eu2.contabostorage.com")
    endpoint = f"{url.scheme}://{url.netloc}"
    shown = endpoint if address else f"{endpoint} (default)"
    return Store(
        endpoint=endpoint,
        region=region or "us-east-1",
        bucket=bucket or "rbs",
        label=f"s3://{marked(bucket, 'rbs')} at {shown}",
        access_key=required_value(
            "AWS_ACCESS_KEY_ID", os.environ.get("AWS_ACCESS_KEY_ID"), meaning, KEY
        ),
        secret_key=required_value(
            "AWS_SECRET_ACCESS_KEY",
            os.environ.get("AWS_SECRET_ACCESS_KEY"),
            meaning,
            KEY,
        ),
        session_token=value_of("AWS_SESSION_TOKEN", token, KEY),
    )


def marked(value: str | None, default: str) -> str:
    """Formats a value for messages, with `(default)` after a default value."""
    return value or f"{default} (default)"


def secrets(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Lists the values that must not appear in messages."""
    names = (
        "DJANGO_DB_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
    )
    return [environment[name] for name in names if environment.get(name)]


def requested_day() -> str:
    """Reads `JOB_DATE`: a day, `today` or `yesterday`. The default is `today`.

    The database's clock determines both words, in UTC. The Job's env cannot contain a
    shell expression as the default, because Kubernetes does not run a shell on it.
    """
    text = os.environ.get("JOB_DATE")
    if text is None:
        return "today"
    if text in ("today", "yesterday") or parse_day(text) is not None:
        return text
    if SHELL.search(text):
        problem = (
            "it is a shell expression, not a day. Kubernetes does not run a shell "
            "on a container's env: it expands $(NAME) for variables that are "
            "declared earlier, and leaves everything else, such as $(date +%F), "
            "unchanged"
        )
    elif text != text.strip():
        problem = "it begins or ends with a blank or a line break"
    elif DAY.fullmatch(text):
        problem = "the calendar has no such day"
    else:
        problem = "the format of a day is YYYY-MM-DD"
    raise Failure(
        "configuration",
        f"Cannot use JOB_DATE={quoted(text)}: {problem}. Remove JOB_DATE to run for "
        "today in UTC, or set a day such as 2025-12-28, today or yesterday.",
    )


def grace_micros() -> int:
    """Reads how long a window waits for slow writers, in microseconds."""
    minutes = os.environ.get("SEAL_GRACE_MINUTES") or "15"
    return int(value_of("SEAL_GRACE_MINUTES", minutes, GRACE) or 0) * 60_000_000


def parse_day(text: str) -> datetime.date | None:
    """Parses a day such as `2024-01-31`. Returns None for any other format."""
    if not DAY.fullmatch(text):
        return None
    try:
        return datetime.date(*map(int, text.split("-")))
    except ValueError:
        return None


def day_at(requested: str, now: int) -> str:
    """Resolves a requested day at an instant in microseconds since 1970."""
    if requested not in ("today", "yesterday"):
        return requested
    back = 1 if requested == "yesterday" else 0
    epoch = datetime.date(1970, 1, 1)
    days = now // MICROS_PER_DAY - back
    return (epoch + datetime.timedelta(days=days)).isoformat()


def window_of(day: str) -> tuple[int, int]:
    """Returns the starts of a day and of the next, in microseconds since 1970."""
    date = datetime.date(*map(int, day.split("-")))
    start = (date - datetime.date(1970, 1, 1)).days * MICROS_PER_DAY
    return start, start + MICROS_PER_DAY
