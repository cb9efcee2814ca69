"""Parts: writes rows to files, and verifies the digest of each file.

Executors write Spark's output to a staging folder of the bucket, which readers ignore.
The driver names each file after its content and stores the file again with one
verified PutObject. Spark's own commit renames files one by one, so a reader could see
half a window. The driver handles a few files at a time, on its disk, so its memory does
not grow with the window.
"""

from __future__ import annotations

import os
import re
import tempfile
import uuid
from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .contract import ABANDONED_AFTER_HOURS, PARTS, silver_day, staging_root
from .errors import Failure, command, plural
from .footer import TAIL_BYTES, footer_bytes, sort_encodings
from .lake import digest
from .listing import list_folders
from .marker import Part
from .names import folders
from .pool import concurrently

if TYPE_CHECKING:
    from .lake import Lake
    from .names import Namer

MOST_BYTES: int = PARTS["mostBytes"]
# About 10 MiB, far below the maximum size of a part.
ROWS_PER_FILE = 50_000
STALE_SECONDS = ABANDONED_AFTER_HOURS * 3600
FOLDER = "_folder"

# The length of the footer of the Parquet file in `content`, from its last 8 bytes. The
# length has its lowest byte first. The end of a damaged file can have any value.
FOOTER_BYTES = """CAST(least(shiftleft(1, 21), CAST(conv(concat(
    hex(substring(content, -5, 1)), hex(substring(content, -6, 1)),
    hex(substring(content, -7, 1)), hex(substring(content, -8, 1))), 16, 10) AS BIGINT)
) AS INT)"""
FOOTER = f"substring(content, -{TAIL_BYTES} - {FOOTER_BYTES}, {FOOTER_BYTES})"


class Staged(NamedTuple):
    """A file that an executor wrote.

    `folder` is the folder of its part, and `place` is the number of the part in the
    folder, from 0.
    """

    key: str
    folder: str
    place: int


class Layout(NamedTuple):
    """The order of rows in files, and the folders of the parts.

    `order` names the columns to sort by. Each value of the column `folder` gets its
    own files, and `folder_of` returns the folder of their parts. Without `folder`,
    `folder_of` is called with None.
    """

    order: list[Any]
    folder_of: Callable[[str | None], str]
    folder: str | None = None


def staging_prefix(layer: str) -> str:
    """Returns the prefix of a new staging folder that no other run uses."""
    return f"{staging_root(layer)}{uuid.uuid4().hex}/"


def stage(lake: Lake, prefix: str, rows: DataFrame, layout: Layout) -> list[Staged]:
    """Writes rows to a staging folder. See `staging_prefix`.

    One task sorts and writes each partition of the rows. Equal rows produce equal files
    if the caller gives equal rows equal partitions.
    """
    order, folder_of, folder = layout
    if folder is not None:
        rows = rows.withColumn(FOLDER, F.col(folder))
        order = [F.col(FOLDER), *order]
    # The folder is new. Append does not ask the store whether the folder exists.
    writer = rows.sortWithinPartitions(*order).write.mode("append")
    writer = writer.option("maxRecordsPerFile", ROWS_PER_FILE)
    if folder is not None:
        writer = writer.partitionBy(FOLDER)
    writer.parquet(lake.spark_path(prefix))
    return staged_files(lake, prefix, folder_of)


def staged_files(
    lake: Lake, prefix: str, folder_of: Callable[[str | None], str]
) -> list[Staged]:
    """Lists the files of a staging folder in the order of their rows."""
    keys = [e.key for e in lake.list(prefix) if e.key.endswith(PARTS["suffix"])]
    values = [re.search(rf"/{FOLDER}=([^/]+)/", key) for key in keys]
    files = [
        (int(value[1]) if value else 0, number(key), key)
        for key, value in zip(keys, values)
    ]
    staged: list[Staged] = []
    for value, _, key in sorted(files):
        folder = folder_of(str(value) if FOLDER in key else None)
        last = staged[-1] if staged else None
        place = last.place + 1 if last and last.folder == folder else 0
        staged.append(Staged(key, folder, place))
    return staged


def number(key: str) -> tuple[int, int]:
    """Returns the sort key of a file: its task, and its number in that task."""
    found = re.search(r"/part-(\d+)-[^/]*[-.]c(\d+)\.[^/]*$", key)
    if found is None:
        raise RuntimeError(f"Spark wrote a file that is called {key}")
    return int(found[1]), int(found[2])


def store(
    lake: Lake, staged: Iterable[Staged], namer: Namer, tell: Callable[[Part], None]
) -> tuple[Part, ...]:
    """Stores each staged file as a part that is named after its content."""
    parts: list[Part] = []
    for part in concurrently(lambda file: store_part(lake, file, namer), staged):
        parts.append(part)
        tell(part)
    return tuple(parts)


def store_part(lake: Lake, file: Staged, namer: Namer) -> Part:
    """Stores one staged file as a part."""
    with tempfile.NamedTemporaryFile() as scratch:
        if lake.download(file.key, scratch.name) is None:
            raise Failure(
                "unreachable",
                f"Cannot read {lake.url(file.key)}: it was stored but no longer "
                "exists. Nothing was published. Run again.",
            )
        size = os.path.getsize(scratch.name)
        rows = normalize(scratch.name, size)
        sha256 = digest("sha256", scratch.name).hex()
        key = namer.kept(file.folder, sha256)
        key = key or namer.name(file.folder, file.place, sha256)
        if size > MOST_BYTES:
            raise Failure(
                "data",
                f"Cannot write {key}: it has {size >> 20} MiB in "
                f"{plural(rows, 'row')}, but the limit is {MOST_BYTES >> 20} MiB. "
                "Look for events whose payload_json or error_message is that large.",
            )
        lake.upload(key, scratch.name)
        return Part(key, rows, size, sha256, namer.amendment)


def normalize(path: str, size: int) -> int:
    """Makes a file of Spark deterministic, and returns its number of rows."""
    with open(path, "r+b") as file:
        file.seek(max(size - TAIL_BYTES, 0))
        length = footer_bytes(file.read(), size)
        file.seek(size - TAIL_BYTES - length)
        footer = sort_encodings(file.read(length))
        file.seek(size - TAIL_BYTES - length)
        file.write(footer.bytes)
        return footer.rows


def sweep(lake: Lake, prefix: str) -> None:
    """Removes a run's staging folder and the staging folders of killed runs."""
    root = prefix[: prefix.rstrip("/").rindex("/") + 1]
    lake.remove_all(
        entry.key
        for entry in lake.list(root)
        if entry.key.startswith(prefix) or entry.age > STALE_SECONDS
    )


def prove(spark: SparkSession, lake: Lake, parts: tuple[Part, ...]) -> None:
    """Raises a failure unless the bytes and rows of every part match its marker.

    Executors compute the digests. The driver gets the digest and the footer of each
    part.
    """
    there = {entry.key: entry.bytes for entry in list_folders(lake, folders(parts))}
    for part in parts:
        if part.key not in there:
            raise damaged(lake, part, "it is missing")
        if there[part.key] != part.bytes:
            size = there[part.key]
            raise damaged(lake, part, f"it has {size} bytes, not {part.bytes}")
    if not parts:
        return
    paths = [lake.spark_path(part.key) for part in parts]
    found = (
        spark.read.format("binaryFile")
        .load(paths)
        .selectExpr("path", "sha2(content, 256) AS sha256", f"{FOOTER} AS footer")
        .collect()
    )
    base = parts[0].key.partition("/")[0] + "/"
    digests = {key_in(base, row["path"]): row for row in found}
    for part in parts:
        row = digests.get(part.key)
        if row is None or row["sha256"] != part.sha256:
            raise damaged(lake, part, "its sha256 differs from the commit marker")
        try:
            rows = sort_encodings(row["footer"]).rows
        except ValueError as error:
            raise damaged(lake, part, str(error)) from error
        if rows != part.rows:
            raise damaged(lake, part, f"it does not have {plural(part.rows, 'row')}")


def key_in(prefix: str, path: str) -> str:
    """Converts a path that Spark returned to a key of the bucket."""
    path = unquote(path)
    return path[path.index(prefix) :]


def read(
    spark: SparkSession, lake: Lake, parts: tuple[Part, ...], schema: str
) -> DataFrame:
    """Verifies the given parts, then reads exactly these parts."""
    prove(spark, lake, parts)
    if not parts:
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).parquet(
        *(lake.spark_path(part.key) for part in parts)
    )


def damaged(lake: Lake, part: Part, problem: str) -> Failure:
    """Returns the failure for a part that does not match its marker."""
    day = silver_day(part.key)
    remedy = (
        f"Rebuild silver from bronze: {command('amend --date', day)}"
        if day
        else "Restore it from a backup."
    )
    return Failure(
        "data",
        f"Cannot use {lake.url(part.key)}: {problem}. The object was changed after it "
        f"was published. {remedy}",
    )
