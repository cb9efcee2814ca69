"""The end of a run: the marker, and what it leaves behind. Or a sealed day's proof."""

from __future__ import annotations

from typing import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .contract import Column
from .errors import Failure, plural
from .lake import Entry, Lake
from .marker import Commit, Part, Stored, parse, render
from .session import say

NAMED = 5


def read_marker(lake: Lake, layer: str, key: str, day: str) -> Stored | None:
    """The marker of a window; None where it has none."""
    found = lake.get(key)
    if found is None:
        return None
    body, etag = found
    try:
        return Stored(key, parse(body, layer, day), body, etag)
    except ValueError as error:
        raise Failure(
            "data",
            f"Cannot use the commit marker {lake.url(key)}: {error}. Find out who "
            "changed it; restore it, or remove it and run the day again.",
        ) from error


def publish(
    lake: Lake, key: str, commit: Commit, previous: Stored | None, listed: list[Entry]
) -> None:
    """Puts the marker over the one that the run began with, or where there was none.

    `listed` is what the window had before the run stored its first part: only of that
    may go what the marker does not name. A part that came later can belong to a run
    that has yet to publish it.
    """
    confirm(lake, commit.parts)
    body = render(commit)
    unchanged = previous is not None and previous.body == body
    if not unchanged:
        put_marker(lake, key, body, previous)
    note = ", as it was" if unchanged else ""
    say(commit.layer, "commit", f"{lake.url(key)}, {commit.state}{note}")
    remove_leftovers(lake, commit, listed)


def confirm(lake: Lake, parts: tuple[Part, ...]) -> None:
    """Raises a failure unless every part is there, right before a marker names them."""
    there = {entry.key: entry.bytes for entry in list_folders(lake, folders(parts))}
    for part in parts:
        if there.get(part.key) != part.bytes:
            raise Failure(
                "unreachable",
                f"Cannot publish: {lake.url(part.key)} was stored and is not there any "
                "more. Another run may be at work on the same day; nothing was "
                "published. Run again.",
            )


def put_marker(lake: Lake, key: str, body: bytes, previous: Stored | None) -> None:
    """Stores the marker, unless another run has meanwhile."""
    condition = (
        {"If-None-Match": "*"} if previous is None else {"If-Match": previous.etag}
    )
    if lake.put(key, body, condition):
        return
    # Somebody else was faster, or our first try arrived and its answer got lost.
    now = lake.get(key)
    if now is not None and now[0] == body:
        return
    raise Failure(
        "unreachable",
        f"Cannot publish {lake.url(key)}: another run published this day meanwhile. "
        "Its result stands and is whole; run again to bring it up to date.",
    )


def remove_leftovers(lake: Lake, commit: Commit, listed: list[Entry]) -> None:
    """Removes parts of before the run that the marker does not name."""
    named = {part.key for part in commit.parts}
    gone = [e.key for e in listed if is_part(e.key) and e.key not in named]
    for key in gone:
        lake.remove(key)
    if gone:
        removed = f"removed {plural(len(gone), 'part')} that no marker names"
        say(commit.layer, "clean", removed)


def is_part(key: str) -> bool:
    """Whether a key is a data file's."""
    name = key.rpartition("/")[2]
    return name.endswith(".parquet") and not name.startswith(("_", "."))


def folders(parts: Iterable[Part]) -> set[str]:
    """The folders that parts lie in."""
    return {part.key.rpartition("/")[0] + "/" for part in parts}


def list_folders(lake: Lake, prefixes: Iterable[str]) -> list[Entry]:
    """The objects under several prefixes."""
    return [entry for prefix in sorted(prefixes) for entry in lake.list(prefix)]


def same_contract(commit: Commit, contract: str) -> None:
    """Raises a failure where a marker was written under other columns."""
    if commit.contract != contract:
        raise Failure(
            "data",
            f"Cannot read {commit.layer} of {commit.day}: it was published under "
            f"another contract ({commit.contract}). Use the image that published it.",
        )


def verify(
    sealed: Commit,
    stored: DataFrame,
    expected: DataFrame,
    columns: tuple[Column, ...],
    ident: str,
    source: str,
) -> None:
    """Compares a sealed window with what a run would publish today, row by row.

    Raises a failure that names the rows that differ; the window is never rewritten.
    `ident` is the column that tells rows apart.
    """
    names = [column.name for column in columns]
    ours = expected.select(*(F.col(n).alias(f"a_{n}") for n in names))
    theirs = stored.select(*(F.col(n).alias(f"b_{n}") for n in names))
    a, b = F.col(f"a_{ident}"), F.col(f"b_{ident}")
    changed = F.concat_ws(
        ", ",
        *(
            F.when(~F.col(f"a_{n}").eqNullSafe(F.col(f"b_{n}")), F.lit(n))
            for n in names
        ),
    )
    problem = (
        F.when(b.isNull(), f"is in {source} and not in {sealed.layer}")
        .when(a.isNull(), f"is in {sealed.layer} and not in {source}")
        .otherwise(F.concat(F.lit("has another "), changed))
    )
    found = (
        ours.join(theirs, a == b, "full_outer")
        .where(a.isNull() | b.isNull() | (changed != ""))
        .select(F.coalesce(a, b).alias("id"), problem.alias("problem"))
    )
    count = found.count()
    if count == 0:
        rows = plural(sealed.rows, "row")
        text = f"sealed before; its {rows} equal {source}, nothing was written"
        say(sealed.layer, "verified", text)
        return
    named = found.orderBy("id").limit(NAMED).collect()
    texts = [f"{ident} {row['id']} {row['problem']}" for row in named]
    if count > len(named):
        texts.append(f"and {count - len(named)} more")
    raise Failure(
        "data",
        f"Cannot confirm {sealed.layer} of {sealed.day}, which is sealed: it differs "
        f"from {source} in {plural(count, 'row')}: {'; '.join(texts)}. Nothing was "
        "changed. Find out who changed either one after the window was sealed.",
    )
