"""The environment, read once. Nothing else in the jobs looks at it."""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass, field
from typing import Mapping
from urllib.parse import urlsplit

from .errors import Failure

SHELL = re.compile(r"\$\(|`|\$\{|\$[A-Za-z_]|%[A-Za-z]")


@dataclass(frozen=True)
class Database:
    """Where the outbox is."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """For JDBC. It holds no login."""
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.name}"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.user}@{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class Store:
    """Where the lake is."""

    endpoint: str
    region: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @property
    def label(self) -> str:
        """For people."""
        return f"s3://{self.bucket} at {self.endpoint}"


def database() -> Database:
    """Reads `DJANGO_DB_*`."""
    port = os.environ.get("DJANGO_DB_PORT") or "5432"
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise Failure(
            "configuration",
            f'Cannot use DJANGO_DB_PORT="{port}": a port is a number from 1 to 65535. '
            "Set it to the port of Postgres, usually 5432.",
        )
    return Database(
        host=os.environ.get("DJANGO_DB_HOST") or "paradedb.robson.svc.cluster.local",
        port=int(port),
        name=os.environ.get("DJANGO_DB_NAME") or "rbsdb",
        user=os.environ.get("DJANGO_DB_USER") or "robson",
        password=required("DJANGO_DB_PASSWORD", os.environ.get("DJANGO_DB_PASSWORD")),
    )


def store() -> Store:
    """Reads `S3_*` and `AWS_*`."""
    endpoint = os.environ.get("S3_ENDPOINT") or "https://eu2.contabostorage.com"
    url = urlsplit(endpoint)
    plain = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc
    if not plain or url.path not in ("", "/") or url.query or url.fragment:
        raise Failure(
            "configuration",
            "Cannot use S3_ENDPOINT: it is the store's address and nothing more, as in "
            "https://eu2.contabostorage.com. The bucket goes into S3_BUCKET.",
        )
    return Store(
        endpoint=f"{url.scheme}://{url.netloc}",
        region=os.environ.get("AWS_REGION") or "us-east-1",
        bucket=os.environ.get("S3_BUCKET") or "rbs",
        access_key=key("AWS_ACCESS_KEY_ID", os.environ.get("AWS_ACCESS_KEY_ID")),
        secret_key=key(
            "AWS_SECRET_ACCESS_KEY", os.environ.get("AWS_SECRET_ACCESS_KEY")
        ),
    )


def secrets(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What may stand in no message."""
    names = ("DJANGO_DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")
    return [environment[name] for name in names if environment.get(name)]


def requested_day() -> str | None:
    """Reads `JOB_DATE`; None where it is absent: the day is then today.

    Today is the database's, in UTC: the fallback cannot be a shell expression in the
    Job's env, for Kubernetes runs no shell over it.
    """
    text = os.environ.get("JOB_DATE")
    if text is None or parse_day(text) is not None:
        return text
    remedy = "Remove JOB_DATE to run for today in UTC, or set a day such as 2025-12-28."
    if SHELL.search(text):
        problem = (
            "that is a shell expression, not a day. Kubernetes runs no shell over a "
            "container's env, and leaves $(date +%F) as it is"
        )
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        problem = "the calendar has no such day"
    else:
        problem = "a day is written YYYY-MM-DD"
    raise Failure("configuration", f'Cannot use JOB_DATE="{text}": {problem}. {remedy}')


def grace_micros() -> int:
    """How long after its end a window waits for slow writers, in microseconds."""
    minutes = os.environ.get("SEAL_GRACE_MINUTES") or "15"
    if not re.fullmatch(r"[0-9]{1,6}", minutes):
        raise Failure(
            "configuration",
            f'Cannot use SEAL_GRACE_MINUTES="{minutes}": it is a whole number of '
            "minutes. Remove it for 15.",
        )
    return int(minutes) * 60_000_000


def parse_day(text: str) -> datetime.date | None:
    """A day in the one spelling that paths and markers use; None for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return datetime.date(*map(int, text.split("-")))
    except ValueError:
        return None


def window_of(day: str) -> tuple[int, int]:
    """A day's first instant and the next day's, in microseconds since 1970."""
    date = datetime.date(*map(int, day.split("-")))
    start = (date - datetime.date(1970, 1, 1)).days * 86_400_000_000
    return start, start + 86_400_000_000


def required(name: str, value: str | None) -> str:
    """A value that has no default."""
    if value:
        return value
    state = "empty" if value == "" else "not set"
    raise Failure(
        "configuration",
        f"Cannot start: {name} is {state}. Set it from the secret that holds it.",
    )


def key(name: str, value: str | None) -> str:
    """A key of the object store: told by its shape where it cannot be one."""
    value = required(name, value)
    if re.fullmatch(r"[\x21-\x7e]+", value):
        return value
    shape = (
        "ends with white space or a newline"
        if value[-1].isspace()
        else "has a character no key has"
    )
    raise Failure(
        "configuration",
        f"Cannot use {name}: its value {shape}. Set it again, without quotes or a "
        "line break.",
    )
