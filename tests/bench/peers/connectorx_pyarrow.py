"""connectorx reads an Arrow table, and pyarrow writes it."""

import connectorx
import pyarrow.parquet as pq
from peer import Job, postgres_uri, run

ROW_GROUP = 100_000


def export(job: Job) -> None:
    """Copy the day into one file."""
    table = connectorx.read_sql(
        postgres_uri(job), job["query"], return_type="arrow", protocol="binary"
    )
    pq.write_table(
        table,
        job["file"],
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP,
    )


run(export)
