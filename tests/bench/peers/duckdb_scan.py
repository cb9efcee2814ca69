"""DuckDB reads the table with its Postgres scanner, and sorts the rows itself."""

from duckdb_session import open_duckdb, parquet_options
from peer import Job, run


def export(job: Job) -> None:
    """Copy the day into one file."""
    connection = open_duckdb(job)
    columns = ", ".join(
        f"{name}::VARCHAR AS {name}" if name in job["text_columns"] else name
        for name in job["columns"]
    )
    first, second = job["order"]
    connection.execute(
        f"COPY (SELECT {columns} FROM pg.stop_events"
        f" WHERE occurred_at >= TIMESTAMPTZ '{job['since']}'"
        f" AND occurred_at < TIMESTAMPTZ '{job['until']}'"
        f" ORDER BY {first} NULLS LAST, {second}) {parquet_options(job)}"
    )


run(export)
