"""A DuckDB that is connected with the outbox."""

import duckdb
from duckdb_extensions import import_extension
from peer import Job

THREADS = 2
ROW_GROUP = 100_000


def open_duckdb(job: Job) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB with the outbox attached as `pg`."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    connection.execute("SET TimeZone = 'UTC'")
    # The extension comes with the packages. Nothing is loaded from the network.
    import_extension("postgres_scanner", con=connection)
    connection.execute("LOAD postgres_scanner")
    connection.execute(
        f"ATTACH 'host={job['host']} port={job['port']} dbname={job['database']}"
        f" user={job['user']} password={job['password']}'"
        " AS pg (TYPE postgres, READ_ONLY)"
    )
    return connection


def parquet_options(job: Job) -> str:
    """Return the end of a COPY statement."""
    return (
        f"TO '{job['file']}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,"
        f" ROW_GROUP_SIZE {ROW_GROUP})"
    )
