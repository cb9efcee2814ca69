"""The Spark session of a job, and the start and end of a job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from . import java_failure
from .errors import EXIT, Failure, command, page_of, unexpected
from .settings import secrets

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from .settings import Database, Store

# More rows take longer than the start of more tasks.
ROWS_PER_TASK = 250_000

# The options that correctness depends on are set here, because a Job could omit them.
SPARK = {
    # Times are in UTC with microseconds, regardless of the pod's time zone.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    # A failed cast is an error, never a null.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.compression.codec": "zstd",
    # In a bucket, a rename is a copy. Version 2 renames files once instead of twice.
    # This is safe because readers ignore staging folders, and a repeated task writes
    # the same names again.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.cleanup-failures.ignored": "true",
    # `spread` knows the number of rows, so Spark does not have to find a plan while it
    # runs. Adaptive execution starts a job for each shuffle.
    "spark.sql.adaptive.enabled": "false",
    # The driver reads the schema, the fence and the markers while executors start.
    "spark.scheduler.minRegisteredResourcesRatio": "0",
    # No browser can reach a Job's pod: the network policies forbid access.
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
}


def begin(name: str, store: Store) -> SparkSession:
    """Starts Spark with access to the lake's bucket through `s3a://`."""
    builder = SparkSession.builder.appName(name)
    for option, value in SPARK.items():
        builder = builder.config(option, value)
    spark = builder.getOrCreate()
    quiet(spark)
    # Setting the keys on the running session keeps them out of the files, arguments
    # and environment of executors. Spark sends Hadoop's configuration with the tasks.
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    kind = "Simple" if store.session_token is None else "Temporary"
    provider = f"org.apache.hadoop.fs.s3a.{kind}AWSCredentialsProvider"
    options = {
        "endpoint": store.endpoint,
        "endpoint.region": store.region,
        "path.style.access": "true",
        "access.key": store.access_key,
        "secret.key": store.secret_key,
        "aws.credentials.provider": provider,
        "attempts.maximum": "5",
        "connection.establish.timeout": "5000",
        "retry.limit": "3",
        # Only staging folders have directory markers, and a job removes whole folders.
        "directory.marker.retention": "keep",
    }
    if store.session_token is not None:
        options["session.token"] = store.session_token
    if store.endpoint.startswith("http:"):
        # Without TLS, the client signs bodies in chunks. Ceph RGW refuses these chunks
        # for the empty objects that mark folders. The older signature has no chunks.
        options["signing-algorithm"] = "S3SignerType"
    for option, value in options.items():
        hadoop.set(f"fs.s3a.{option}", value)
    return spark


def spread(rows: DataFrame, count: int) -> DataFrame:
    """Sets the number of tasks for a window with a number of rows.

    A small window gets a single task, so that Spark sorts and joins it without a
    shuffle. A task of a large window has a bounded number of rows.
    """
    tasks = max(1, -(-count // ROWS_PER_TASK))
    rows.sparkSession.conf.set("spark.sql.shuffle.partitions", tasks)
    return rows.coalesce(1) if tasks == 1 else rows


def quiet(spark: SparkSession) -> None:
    """Hides warnings that an operator cannot act on."""
    jvm: Any = spark._jvm
    log4j = jvm.org.apache.logging.log4j
    for name in (
        "org.apache.hadoop.fs.s3a.S3AInstrumentation",
        "org.apache.hadoop.metrics2.impl.MetricsConfig",
    ):
        log4j.core.config.Configurator.setLevel(name, log4j.Level.ERROR)


def main(name: str, run: Callable[[], None]) -> None:
    """Runs a job and exits the process with the exit code of its result."""
    try:
        run()
    except Failure as failure:
        report(str(failure))
        sys.exit(EXIT[failure.kind])
    except Exception as error:  # every error must set the exit code of the job
        text = unexpected(error, secrets())
        report(f"Cannot finish {name}: an unexpected error. {text}")
        sys.exit(EXIT["unreachable"])


def report(message: str) -> None:
    """Prints why a job failed, and the command that prints the page about it."""
    print(message, file=sys.stderr)
    page = page_of(message)
    if page is not None:
        print(f"runbook: {command('explain', page)}", file=sys.stderr)
    sys.stderr.flush()


def explained(
    work: Callable[[], object], database: Database | None, store: Store
) -> object:
    """Runs work on the JVM and converts its exceptions to failures."""
    try:
        return work()
    except Py4JJavaError as error:
        raise java_failure.explain(error, database, store) from error
