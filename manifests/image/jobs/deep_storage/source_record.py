"""The record of the sources of a lake: the tables that it was copied from.

The lake has one object that names its source. A run creates or replaces it
conditionally, before the run writes a marker. Two runs that begin with different tables
in an empty lake therefore cannot both publish.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, NamedTuple

from .contract import KEYS, MARKER, bronze_day, bronze_marker
from .errors import Failure, command
from .marker import Commit, ordered
from .marker_reader import as_list, parse_json, parse_source
from .progress import say
from .publish import read_marker
from .settings import OUTBOX_TABLE, window_of
from .source import Query, Source, read_source, same_source, same_table
from .sql import within

if TYPE_CHECKING:
    from .lake import Lake

KEY: str = KEYS["lakeSource"]
FORMAT: str = MARKER["sourceFormat"]
# Number of attempts to write the record if the store refuses a condition that holds.
ATTEMPTS = 3


class RunSource(NamedTuple):
    """The source of a run, and the record that the run found in the lake.

    The record is its sources, oldest first, and its ETag. Only the last source is
    copied from. `next` are the sources to record before the marker is written. It is
    None if the record stays.
    """

    current: Source
    etag: str | None
    next: tuple[Source, ...] | None


def read_sources(lake: Lake) -> tuple[tuple[Source, ...], str] | None:
    """Reads the record of a lake. None if the lake has none."""
    found = lake.get(KEY)
    if found is None:
        return None
    body, etag = found
    try:
        return parse_sources(body), etag
    except ValueError as error:
        raise Failure(
            "data",
            f"Cannot use {lake.url(KEY)}, which names the table that the lake was "
            f"copied from: {error}. Find out who changed it, and restore it from a "
            "backup.",
        ) from error


def parse_sources(body: bytes) -> tuple[Source, ...]:
    """Parses the bytes of a record. Raises ValueError if they are invalid."""
    document = parse_json(body)
    record = document if isinstance(document, dict) else {}
    if record.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    sources = as_list(record.get("sources"), "sources are not a list")
    if not sources:
        raise ValueError("sources are empty")
    return tuple(parse_source(each, f"sources[{i}]") for i, each in enumerate(sources))


def render_sources(sources: tuple[Source, ...]) -> bytes:
    """Returns the bytes of a record. Equal content produces equal bytes."""
    entries = [ordered("source", each._asdict()) for each in sources]
    document = ordered("sources", {"format": FORMAT, "sources": entries})
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def confirm_source(
    query: Query, lake: Lake, day: str, commit: Commit | None
) -> RunSource:
    """Confirms that a run reads the table that the lake was copied from.

    The database, the schema and the table must be the same. Only the toolkit accepts
    another name, because it compares the last events of bronze with the table.
    """
    current = read_source(query)
    stored = read_sources(lake)
    # A lake of an earlier version has no record. Its newest marker can have a source:
    # the record may have been lost.
    newest = newest_commit(lake) if stored is None else None
    recorded = () if stored is None else stored[0]
    if newest is not None and newest.source is not None:
        recorded = (newest.source,)
    last = recorded[-1] if recorded else None
    if last is None and newest is not None:
        confirm_first(query, newest, day, current)
    if last is not None:
        if not same_source(last, current):
            raise other_source(day, "the lake", last, current)
        if current.system is None:
            current = current._replace(system=last.system)
    of_day = None if commit is None else commit.source
    if of_day is not None and not any(
        same_source(each, of_day) for each in (*recorded, current)
    ):
        raise other_source(day, f"bronze of {day}", of_day, current)
    etag = None if stored is None else stored[1]
    if stored is not None and last == current:
        return RunSource(current, etag, None)
    # A source whose identifier of the server was not known is replaced.
    before = [each for each in recorded if each not in (last, current)]
    return RunSource(current, etag, (*before, current))


def confirm_day_of_lake(lake: Lake, commit: Commit, task: str) -> None:
    """Confirms that a day was copied from a source of the lake, without a database.

    A day of an earlier version, or a lake without a record, is not judged.
    """
    if commit.source is None:
        return
    stored = read_sources(lake)
    if stored is None or any(same_source(each, commit.source) for each in stored[0]):
        return
    raise Failure(
        "data",
        f"Cannot {task}: bronze of {commit.day} was copied from {commit.source}, and "
        f"the lake from {', '.join(map(str, stored[0]))}. Nothing was changed. Compare "
        "the day with the table that the backend writes: "
        f"{command('postflight --date', commit.day)}",
    )


def record_source(lake: Lake, source: RunSource) -> None:
    """Records the source of a run, unless the record has it.

    The store must honour conditions.
    """
    if source.next is None:
        return
    condition = (
        {"If-None-Match": "*"} if source.etag is None else {"If-Match": source.etag}
    )
    for _ in range(ATTEMPTS):
        if lake.put(KEY, render_sources(source.next), condition):
            return
        stored = read_sources(lake)
        last, etag = (None, None) if stored is None else (stored[0][-1], stored[1])
        if last is not None and same_source(last, source.current):
            return
        if etag != source.etag:
            raise another_source(lake, source, last)
        # Stores refuse a request while they process another conditional write.
    raise Failure(
        "configuration",
        f"Cannot record {source.current} as the source of {lake.name}: the store "
        f"refuses to write {lake.url(KEY)}, although the condition of the write holds. "
        "Nothing was published. The bucket may have versioning or object lock, or a "
        "proxy may alter ETags. Turn that feature off, or use a different bucket "
        "(S3_BUCKET).",
    )


def another_source(lake: Lake, source: RunSource, last: Source | None) -> Failure:
    """Returns the failure for a record that another run has written meanwhile."""
    found = (
        f"someone has removed {KEY}"
        if last is None
        else f"another run has recorded {last}"
    )
    return Failure(
        "configuration",
        f"Cannot record {source.current} as the source of {lake.name}: {found} "
        "meanwhile. Nothing was published. Find out which table the backend writes, "
        "and set DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE to this table.",
    )


def newest_commit(lake: Lake) -> Commit | None:
    """Reads the newest bronze with events. None if no day of bronze has events.

    Raises the failure of a marker that cannot be used if no other day has events.
    """
    keys = [entry.key for entry in lake.list(KEYS["bronzeRoot"])]
    days = {day for day in map(bronze_day, keys) if day is not None}
    unusable: Failure | None = None
    for day in sorted(days, reverse=True):
        try:
            found = read_marker(lake, "bronze", bronze_marker(day), day)
        except Failure as error:
            if error.kind != "data":
                raise
            unusable = unusable or error
            continue
        if found is not None and found.commit.rows > 0:
            return found.commit
    if unusable is not None:
        raise unusable
    return None


def confirm_first(query: Query, commit: Commit, day: str, current: Source) -> None:
    """Confirms that a lake without a record was copied from the table of this run.

    It compares the first and the last event_seq of the newest day with events.
    """
    ends = sorted({end for end in commit.seq if end is not None})
    if not ends:
        text = (
            "the lake does not record yet which table it was copied from, and bronze "
            f"of {commit.day} has no event_seq to compare. If {current} is not that "
            "table, check DJANGO_DB_HOST, DJANGO_DB_NAME and OUTBOX_TABLE"
        )
        say("bronze", "source", text, warning=True)
        return
    rows = query(
        f"SELECT count(DISTINCT event_seq) FROM {OUTBOX_TABLE} "
        f"WHERE event_seq IN ({', '.join(map(str, ends))}) "
        f"AND {within(window_of(commit.day))}"
    )
    if rows[0][0] == str(len(ends)):
        return
    raise Failure(
        "configuration",
        f"Cannot export from {current}: the lake does not record which table it was "
        f"copied from, and this table does not have event_seq "
        f"{' and '.join(map(str, ends))} of {commit.day}, the newest day with events "
        "in bronze. Nothing was changed. Check DJANGO_DB_HOST, DJANGO_DB_NAME and "
        "OUTBOX_TABLE. If this is the outbox, and it no longer has these events, let "
        "the toolkit record that: "
        f"{command('bronze --date', day, '--earlier-source unknown')}",
    )


def other_source(day: str, what: str, recorded: Source, current: Source) -> Failure:
    """Returns the failure for a table that the lake was not copied from."""
    quoted = shlex.quote(str(recorded))
    advice = "Check DJANGO_DB_HOST and DJANGO_DB_NAME."
    condition = "the database was moved or renamed"
    if not same_table(recorded, current):
        advice = "Set OUTBOX_TABLE to the table that the lake was copied from."
        condition = "this is the same table under another name"
    return Failure(
        "configuration",
        f"Cannot export {day}: {what} was copied from {recorded}, and this run would "
        f"read {current}. Nothing was changed. {advice} If {condition}, let the "
        "toolkit record that: "
        + command("bronze --date", day, f"--earlier-source {quoted}"),
    )
