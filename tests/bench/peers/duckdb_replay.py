"""DuckDB makes silver from the same files of bronze, with one query."""

import json
import sys
import time

import duckdb

THREADS = 2

job = json.load(sys.stdin)
started = time.perf_counter()
connection = duckdb.connect()
connection.execute(f"SET threads = {THREADS}")
connection.execute("SET TimeZone = 'UTC'")
connection.execute(
    f"COPY ({job['replay']}) TO '{job['folder']}' (FORMAT parquet, COMPRESSION zstd,"
    " COMPRESSION_LEVEL 1, PARTITION_BY (client_id), WRITE_PARTITION_COLUMNS true)"
)
print(json.dumps({"seconds": time.perf_counter() - started}))
