"""The end of a run: stores the marker and removes parts that it does not name."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from .conditions import confirm_conditions
from .contract import LONGEST_RUN_HOURS
from .errors import Failure, command, plural
from .listing import list_folders
from .marker import Commit, Part, Quarantine, Stored, render
from .marker_reader import parse
from .names import folder_of, is_late, is_part
from .progress import say

if TYPE_CHECKING:
    from .lake import Entry, Lake

# Number of attempts to put a marker if the store refuses a condition that holds.
ATTEMPTS = 3


class Publication(NamedTuple):
    """The state that a run needs to publish a window.

    `previous` is the marker that existed before the run read anything. `listed` are the
    objects of the window before the run stored its first part. `began` is the time at
    which the run read the marker, by `time.monotonic`. `record` records the source of
    the lake, right before the run puts the marker.
    """

    lake: Lake
    key: str
    previous: Stored | None
    listed: list[Entry]
    began: float
    record: Callable[[], None] = lambda: None


def read_marker(lake: Lake, layer: str, key: str, day: str) -> Stored | None:
    """Reads the marker of a window. None if the window has no marker."""
    found = lake.get(key)
    if found is None:
        return None
    body, etag = found
    try:
        return Stored(key, parse(body, layer, day), body, etag)
    except ValueError as error:
        remedy = (
            "restore it from a backup."
            if layer == "bronze"
            else f"rebuild silver from bronze: {command('amend --date', day)}"
        )
        raise Failure(
            "data",
            f"Cannot use the commit marker {lake.url(key)}: {error}. Find out who "
            f"changed it, and {remedy}",
        ) from error


def publish(commit: Commit, publication: Publication) -> None:
    """Stores the marker if the marker that the run began with is still current.

    This run removes parts only after it has written the marker conditionally and read
    it back. Another run that stored a part before this run listed the window holds an
    older marker, so it can no longer publish. A name that a marker no longer uses is
    never used again. If the marker does not change, or another run may have stored it,
    no part is proven unused, and this run removes none.
    """
    lake, key, previous = publication.lake, publication.key, publication.previous
    body = render(commit)
    unchanged = previous is not None and previous.body == body
    if not unchanged:
        confirm_conditions(lake)
    confirm_stored(lake, commit)
    confirm_age(publication)
    if unchanged:
        confirm_marker(publication)
        say(commit.layer, "commit", f"{lake.url(key)}, {commit.state}, unchanged")
        tell_leftovers(commit, publication)
        return
    publication.record()
    proven = put_marker(lake, key, body, previous)
    stands = read_back(lake, key, body, previous)
    say(commit.layer, "commit", f"{lake.url(key)}, {commit.state}")
    if not stands:
        text = f"another run published {lake.url(key)} immediately afterwards"
        say(commit.layer, "commit", f"{text}; its result is in effect", warning=True)
    elif proven:
        remove_unnamed(commit.layer, leftovers(commit, publication), lake)
    else:
        tell_leftovers(commit, publication)


def confirm_stored(lake: Lake, commit: Commit) -> None:
    """Raises a failure unless all objects that the new marker names exist."""
    named: list[Part | Quarantine] = [*commit.parts]
    if commit.quarantine is not None:
        named.append(commit.quarantine)
    places = {folder_of(each.key) for each in named}
    there = {entry.key: entry.bytes for entry in list_folders(lake, places)}
    for each in named:
        if there.get(each.key) != each.bytes:
            raise Failure(
                "unreachable",
                f"Cannot publish: {lake.url(each.key)} was stored but no longer "
                "exists. Another run may be working on the same day. Nothing was "
                "published. Run again.",
            )


def confirm_age(publication: Publication) -> None:
    """Raises a failure if the run is so old that its parts may be removed."""
    if time.monotonic() - publication.began < LONGEST_RUN_HOURS * 3600:
        return
    raise Failure(
        "unreachable",
        f"Cannot publish {publication.lake.url(publication.key)}: this run began more "
        f"than {LONGEST_RUN_HOURS} hours ago, so its parts may have been cleaned "
        "up. Nothing was published. Run again.",
    )


def confirm_marker(publication: Publication) -> None:
    """Raises a failure unless the run's first marker is still current."""
    now = publication.lake.get(publication.key)
    if etag_of(now) is None or etag_of(now) != before(publication.previous):
        raise another_run(publication.lake, publication.key)


def while_marker_stands(publication: Publication, judge: Callable[[], None]) -> None:
    """Checks the parts of the marker that a run began with.

    If another run replaced this marker in the meantime, it may have removed the parts.
    In this case, the result of the check does not count.
    """
    try:
        judge()
    except Failure as error:
        if error.kind == "data" and publication.previous is not None:
            confirm_marker(publication)
        raise


def put_marker(lake: Lake, key: str, body: bytes, previous: Stored | None) -> bool:
    """Stores the marker, unless another run has stored one in the meantime.

    Returns whether this run provably stored the marker. There is no proof if the answer
    to the first attempt was lost: another run may have stored the same bytes, and a
    third run may have read them before this run listed the window.
    """
    condition = (
        {"If-None-Match": "*"} if previous is None else {"If-Match": previous.etag}
    )
    for _ in range(ATTEMPTS):
        if lake.put(key, body, condition):
            return True
        now = lake.get(key)
        if now is not None and now[0] == body:
            return False
        if etag_of(now) != before(previous):
            raise another_run(lake, key)
        # A store can refuse a write briefly while it handles another one.
    raise condition_refused(lake, key, previous)


def read_back(lake: Lake, key: str, body: bytes, previous: Stored | None) -> bool:
    """Whether the marker is still current. False if another run has replaced it.

    Raises a failure if the store still has the previous marker.
    """
    now = lake.get(key)
    if now is not None and now[0] == body:
        return True
    if now is not None and now[1] != before(previous):
        return False
    found = (
        "has no marker. No part was removed"
        if now is None
        else "still has the previous one. No part was removed, so the previous marker "
        "is still valid"
    )
    raise Failure(
        "unreachable",
        f"Cannot confirm {lake.url(key)}: the store confirmed the commit marker, but "
        f"{found}. "
        "Check the store and any proxy in front of it, then run again.",
    )


def etag_of(found: tuple[bytes, str] | None) -> str | None:
    """The ETag of the object that the store has now, or None."""
    return None if found is None else found[1]


def before(previous: Stored | None) -> str | None:
    """The ETag of the marker that the run began with, or None."""
    return None if previous is None else previous.etag


def another_run(lake: Lake, key: str) -> Failure:
    """Returns the failure for a marker that another run has replaced."""
    return Failure(
        "unreachable",
        f"Cannot publish {lake.url(key)}: another run published this day meanwhile, "
        "and its result is complete. Run again to bring it up to date.",
    )


def condition_refused(lake: Lake, key: str, previous: Stored | None) -> Failure:
    """Returns the failure for a refused write whose condition holds."""
    refused = (
        "to create it with If-None-Match, although no such object exists"
        if previous is None
        else "to replace it with If-Match, although the request has its current ETag"
    )
    return Failure(
        "configuration",
        f"Cannot publish {lake.url(key)}: the store refuses {refused}. Nothing was "
        "published. The bucket may have versioning or object lock, or a proxy may "
        "alter ETags. Turn that feature off, or use a different bucket (S3_BUCKET).",
    )


def leftovers(commit: Commit, publication: Publication) -> list[str]:
    """Lists the existing parts that the new marker does not name."""
    named = {part.key for part in commit.parts}
    keys = [entry.key for entry in publication.listed]
    return [key for key in keys if is_part(key) and key not in named]


def remove_unnamed(layer: str, keys: list[str], lake: Lake) -> None:
    """Removes parts of killed runs and of the marker that was replaced."""
    lake.remove_all(keys)
    if keys:
        say(layer, "clean", f"removed {plural(len(keys), 'part')} that no marker lists")


def remove_beside_sealed(commit: Commit, publication: Publication) -> None:
    """Removes parts that killed runs left in a sealed window.

    These runs can no longer publish, because only an amendment replaces a sealed
    marker, and the parts of amendments have other names.
    """
    confirm_marker(publication)
    keys = [key for key in leftovers(commit, publication) if not is_late(key)]
    remove_unnamed(commit.layer, keys, publication.lake)


def tell_leftovers(commit: Commit, publication: Publication) -> None:
    """Prints which parts remain although no marker names them."""
    keys = leftovers(commit, publication)
    if keys:
        say(
            commit.layer,
            "clean",
            f"left {plural(len(keys), 'part')} that no marker lists, because "
            "another run may be about to publish them; after one day, remove them "
            f"with: {command('clean --date', commit.day)}",
        )


def same_contract(commit: Commit, contract: str) -> None:
    """Raises a failure if a marker was written for other columns."""
    if commit.contract != contract:
        raise Failure(
            "data",
            f"Cannot read {commit.layer} of {commit.day}: it was published under a "
            f"different contract ({commit.contract}). Use the version of this toolkit "
            "that published it.",
        )
