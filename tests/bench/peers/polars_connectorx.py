"""polars reads a data frame with connectorx, and writes it."""

import polars
from peer import Job, postgres_uri, run

ROW_GROUP = 100_000


def export(job: Job) -> None:
    """Copy the day into one file."""
    frame = polars.read_database_uri(
        job["query"], postgres_uri(job), engine="connectorx"
    )
    frame.write_parquet(
        job["file"], compression="zstd", compression_level=1, row_group_size=ROW_GROUP
    )


run(export)
