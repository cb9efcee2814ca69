"""Tests whether a store honours the conditions that publishing requires."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import TYPE_CHECKING

from .errors import Failure

if TYPE_CHECKING:
    from .lake import Lake

# Settings of a bucket that make its store ignore conditions, and their remedies.
REMEDY = {
    "object-locked": "The bucket has object lock, which implies versioning, and "
    "stores such as Ceph RGW 16 ignore conditions there. Set S3_BUCKET to a bucket "
    "without object lock.",
    "versioned": "The bucket has versioning, and stores such as Ceph RGW 16 ignore "
    "conditions there. Set S3_BUCKET to a bucket that never had versioning.",
    None: "Set S3_ENDPOINT to the store itself, without a proxy, or to a "
    "store that honours If-None-Match and If-Match.",
}


def confirm_conditions(lake: Lake) -> None:
    """Raises a failure unless the store honours If-None-Match and If-Match."""
    key = f"_preflight/{int(time.time() * 1000)}-{uuid.uuid4()}/conditions"
    try:
        problem = try_conditions(lake, key)
    finally:
        # Only the first error is reported.
        with contextlib.suppress(Exception):
            lake.remove(key)
    if problem is not None:
        raise Failure(
            "configuration",
            f"Cannot publish in {lake.name}: {problem}. {REMEDY[lake.state()]} "
            "Nothing was published.",
        )


def try_conditions(lake: Lake, key: str) -> str | None:
    """Returns the problem if the store did not honour a condition.

    A put that was sent twice may report a conflict with itself, so only the object that
    exists afterwards counts.
    """
    first, second, third, fourth = b"first", b"second", b"third", b"fourth"
    lake.put(key, first, {"If-None-Match": "*"})
    created = lake.get(key)
    if created is None or created[0] != first:
        return "a put with If-None-Match: * did not store its content"
    if lake.put(key, second, {"If-None-Match": "*"}) or not holds(lake, key, first):
        return (
            "a put with If-None-Match: * overwrote an object: the condition is ignored"
        )
    match = {"If-Match": created[1]}
    if not lake.put(key, third, match) and not holds(lake, key, third):
        return (
            "a put with If-Match was refused, although it had the object's current ETag"
        )
    if lake.put(key, fourth, match) or not holds(lake, key, third):
        return (
            "a put with If-Match and an old ETag overwrote an object: the "
            "condition is ignored"
        )
    return None


def holds(lake: Lake, key: str, body: bytes) -> bool:
    """Whether the object has exactly these bytes."""
    found = lake.get(key)
    return found is not None and found[0] == body
