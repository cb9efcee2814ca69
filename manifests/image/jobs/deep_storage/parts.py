"""Parts: writes rows to files, and verifies the digest of each file.

Executors write Spark's output to a staging folder of the bucket, which readers ignore.
The driver names each file after its content and stores the file again with one
verified PutObject. Spark's own commit renames files one by one, so a reader could see
half a window.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from .contract import ABANDONED_AFTER_HOURS, PARTS, silver_day, staging_root
from .errors import Failure, plural
from .footer import sort_encodings
from .marker import Part, total
from .names import folders

if TYPE_CHECKING:
    from .lake import Lake
    from .names import Namer

MOST_BYTES: int = PARTS["mostBytes"]
# About 10 MiB, far below the maximum size of a part.
ROWS_PER_FILE = 50_000
STALE_SECONDS = ABANDONED_AFTER_HOURS * 3600
FOLDER = "_folder"


class Staged(NamedTuple):
    """A file that an executor wrote. `folder` is the folder of its part."""

    key: str
    rows: int
    folder: str


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


def stage(
    spark: SparkSession,
    lake: Lake,
    prefix: str,
    rows: DataFrame,
    layout: Layout,
) -> list[Staged]:
    """Writes rows to a staging folder. See `staging_prefix`.

    A single task sorts and writes all rows, so that equal rows produce equal files.
    """
    order, folder_of, folder = layout
    if folder is not None:
        rows = rows.withColumn(FOLDER, F.col(folder))
        order = [F.col(FOLDER), *order]
    writer = rows.repartition(1).sortWithinPartitions(*order).write
    writer = writer.option("maxRecordsPerFile", ROWS_PER_FILE)
    if folder is not None:
        writer = writer.partitionBy(FOLDER)
    writer.parquet(lake.spark_path(prefix))
    return staged_files(spark, lake, prefix, folder_of)


def staged_files(
    spark: SparkSession,
    lake: Lake,
    prefix: str,
    folder_of: Callable[[str | None], str],
) -> list[Staged]:
    """Lists the files of a staging folder in the order of their rows."""
    keys = [e.key for e in lake.list(prefix) if e.key.endswith(PARTS["suffix"])]
    if not keys:
        return []
    counted = (
        spark.read.parquet(*map(lake.spark_path, keys))
        .groupBy(F.col("_metadata.file_path").alias("path"))
        .count()
        .collect()
    )
    counts = {key_in(prefix, row["path"]): row["count"] for row in counted}
    files = []
    for key in keys:
        value = re.search(rf"/{FOLDER}=([^/]+)/", key)
        rows = counts.get(key, 0)
        if rows:  # Spark writes a file even for no rows
            folder = folder_of(value[1] if value else None)
            files.append(((int(value[1]) if value else 0, number(key)), key, folder))
    return [Staged(key, counts[key], folder) for _, key, folder in sorted(files)]


def number(key: str) -> tuple[int, int]:
    """Returns the sort key of a file: its task, and its number in that task."""
    found = re.search(r"/part-(\d+)-[^/]*[-.]c(\d+)\.[^/]*$", key)
    if found is None:
        raise RuntimeError(f"Spark wrote a file that is called {key}")
    return int(found[1]), int(found[2])


def key_in(prefix: str, path: str) -> str:
    """Converts a path that Spark returned to a key of the bucket."""
    path = unquote(path)
    return path[path.index(prefix) :]


def store(
    lake: Lake, staged: Iterable[Staged], namer: Namer, tell: Callable[[Part], None]
) -> tuple[Part, ...]:
    """Stores each staged file as a part that is named after its content."""
    parts: list[Part] = []
    for file in staged:
        found = lake.get(file.key)
        if found is None:
            raise Failure(
                "unreachable",
                f"Cannot read {lake.url(file.key)}: it was stored but no longer "
                "exists. Nothing was published. Run again.",
            )
        body = sort_encodings(found[0])
        digest = hashlib.sha256(body).hexdigest()
        index = sum(part.key.startswith(file.folder) for part in parts)
        key = namer.kept(file.folder, digest) or namer.name(file.folder, index, digest)
        if len(body) > MOST_BYTES:
            raise Failure(
                "data",
                f"Cannot write {key}: it has {len(body) >> 20} MiB in "
                f"{plural(file.rows, 'row')}, but the limit is {MOST_BYTES >> 20} MiB. "
                "Look for events whose payload_json or error_message is that large.",
            )
        lake.put(key, body)
        parts.append(Part(key, file.rows, len(body), digest, namer.amendment))
        tell(parts[-1])
    return tuple(parts)


def sweep(lake: Lake, prefix: str) -> None:
    """Removes a run's staging folder and the staging folders of killed runs."""
    root = prefix[: prefix.rstrip("/").rindex("/") + 1]
    for entry in lake.list(root):
        if entry.key.startswith(prefix) or entry.age > STALE_SECONDS:
            lake.remove(entry.key)


def prove(spark: SparkSession, lake: Lake, parts: tuple[Part, ...]) -> None:
    """Raises a failure unless the bytes of every part match its marker."""
    there: dict[str, int] = {}
    for folder in sorted(folders(parts)):
        there.update((entry.key, entry.bytes) for entry in lake.list(folder))
    for part in parts:
        if part.key not in there:
            raise damaged(lake, part, "it is missing")
        if there[part.key] != part.bytes:
            size = there[part.key]
            raise damaged(lake, part, f"it has {size} bytes, not {part.bytes}")
    if not parts:
        return
    paths = [lake.spark_path(part.key) for part in parts]
    digests = (
        spark.read.format("binaryFile")
        .load(paths)
        .select("path", F.sha2("content", 256).alias("sha256"))
        .collect()
    )
    base = parts[0].key.partition("/")[0] + "/"
    found = {key_in(base, row["path"]): row["sha256"] for row in digests}
    for part in parts:
        if found.get(part.key) != part.sha256:
            raise damaged(lake, part, "its sha256 differs from the commit marker")


def read(
    spark: SparkSession, lake: Lake, parts: tuple[Part, ...], schema: str
) -> DataFrame:
    """Verifies the given parts, then reads exactly these parts."""
    prove(spark, lake, parts)
    if not parts:
        return spark.createDataFrame([], schema)
    frame = spark.read.schema(schema).parquet(
        *(lake.spark_path(part.key) for part in parts)
    )
    rows = total(parts)
    if frame.count() != rows:
        raise damaged(lake, parts[0], f"the day's parts do not have {rows} rows")
    return frame


def damaged(lake: Lake, part: Part, problem: str) -> Failure:
    """Returns the failure for a part that does not match its marker."""
    day = silver_day(part.key)
    remedy = (
        f"Rebuild silver from bronze: deno task amend --date {day}"
        if day
        else "Restore it from a backup."
    )
    return Failure(
        "data",
        f"Cannot use {lake.url(part.key)}: {problem}. The object was changed after it "
        f"was published. {remedy}",
    )
