"""DuckDB passes the query to Postgres, which sorts the rows."""

from duckdb_session import open_duckdb, parquet_options
from peer import Job, run


def export(job: Job) -> None:
    """Copy the day into one file."""
    connection = open_duckdb(job)
    connection.execute(
        f"COPY (SELECT * FROM postgres_query('pg', $${job['query']}$$))"
        f" {parquet_options(job)}"
    )


run(export)
