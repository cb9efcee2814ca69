"""Loads the classes that the jobs use, so that Java can archive them.

The Dockerfile runs this program once, with -XX:ArchiveClassesAtExit. A driver with the
archive starts with half the CPU time. The program needs no server: each request to the
store and to Postgres fails at an unused port.
"""

from __future__ import annotations

import contextlib
import tempfile

from deep_storage import contract, parts
from deep_storage.compare import compare
from deep_storage.lake import Lake
from deep_storage.layers import BRONZE
from deep_storage.outbox import Outbox
from deep_storage.replay import replay
from deep_storage.session import begin
from deep_storage.settings import Database, Store
from deep_storage.tls import tls_of
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

HOST, PORT = "127.0.0.1", 1
STORE = Store(f"http://{HOST}:{PORT}", "none", "none", "none", "none", "none", None)
DATABASE = Database(HOST, PORT, "none", "none", "none", tls_of(None, None, None), "")


class LocalLake(Lake):
    """A lake whose staging folders are folders of this machine."""

    def spark_path(self, key: str) -> str:
        return f"file://{key}"


def run() -> None:
    """Calls what a job calls."""
    spark = begin("class-archive", STORE)
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    hadoop.set("fs.s3a.attempts.maximum", "0")
    hadoop.set("fs.s3a.retry.limit", "0")
    events = sample(spark)
    lake = LocalLake(spark, STORE)
    with tempfile.TemporaryDirectory() as folder:
        write(lake, f"{folder}/bronze", events, parts.Layout(["event_seq"], str))
        stored = spark.read.schema(events.schema).parquet(f"file://{folder}/bronze")
        executions = replay(stored.coalesce(1))
        layout = parts.Layout(["operation_id"], str, folder="client_id")
        write(lake, f"{folder}/silver", executions, layout)
        compare(stored, events, BRONZE, "2025-12-28")
        files = spark.read.format("binaryFile").load(f"file://{folder}/bronze")
        files.selectExpr("path", "sha2(content, 256)").collect()
    with contextlib.suppress(Py4JJavaError):
        lake.get("none")
    with contextlib.suppress(Py4JJavaError, PySparkException):
        spark.read.parquet("s3a://none/none")
    with contextlib.suppress(Py4JJavaError):
        Outbox(spark, DATABASE)
    spark.stop()


def write(lake: Lake, folder: str, rows: DataFrame, layout: parts.Layout) -> None:
    """Writes rows as a job does, up to the first request to the store."""
    with contextlib.suppress(Py4JJavaError):
        parts.stage(lake, folder, rows, layout)


def sample(spark: SparkSession) -> DataFrame:
    """Returns a few rows with the columns of bronze."""
    kind = next(iter(contract.EXECUTION_STATUS))
    values = {"event_type": f"'{kind}'", "occurred_at": "timestamp_micros(id)"}
    return spark.range(3).selectExpr(
        *(
            f"CAST({values.get(each.name, 'id')} AS {contract.spark_type(each)}) "
            f"AS {each.name}"
            for each in contract.EVENTS
        )
    )


if __name__ == "__main__":
    run()
