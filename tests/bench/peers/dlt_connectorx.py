"""dlt loads the table into a folder, and reads it with connectorx."""

import os
from typing import Any

import dlt
import sqlalchemy as sa
from dlt.sources.sql_database import sql_table
from peer import Job, postgres_uri, run

CHUNK = 100_000


def export(job: Job) -> None:
    """Copy the day into a folder of files."""
    folder = job["folder"]
    os.environ.update(
        {
            "DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{folder}/lake",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            # Parquet is compressed; a second compression is not part of the job.
            "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
        }
    )
    first, second = job["order"]

    def as_text(table: sa.Table) -> None:
        for name in job["text_columns"]:
            table.c[name].type = sa.Text()

    def query(select: Any, table: sa.Table) -> Any:
        columns = [
            sa.cast(table.c[name], sa.Text).label(name)
            if name in job["text_columns"]
            else table.c[name]
            for name in job["columns"]
        ]
        time = table.c["occurred_at"]
        return (
            select.with_only_columns(*columns)
            .where(time >= job["since"], time < job["until"])
            .order_by(table.c[first].nulls_last(), table.c[second])
        )

    source = sql_table(
        credentials=postgres_uri(job).replace("postgresql", "postgresql+psycopg2", 1),
        table="stop_events",
        backend="connectorx",
        backend_kwargs={"conn": postgres_uri(job), "return_type": "arrow_stream"},
        chunk_size=CHUNK,
        reflection_level="full_with_precision",
        included_columns=job["columns"],
        table_adapter_callback=as_text,
        query_adapter_callback=query,
    )
    pipeline = dlt.pipeline(
        "events",
        destination="filesystem",
        dataset_name="bronze",
        pipelines_dir=f"{folder}/state",
    )
    pipeline.run(source, loader_file_format="parquet", write_disposition="replace")


run(export)
