"""What the peers have in common: their job, and the report of their time."""

import json
import sys
import time
from typing import Callable, Dict, List, TypedDict, cast


class Job(TypedDict):
    """One export of a day from Postgres into Parquet."""

    host: str
    port: int
    database: str
    user: str
    password: str
    # The day, as SELECT with sorted rows: UUIDs and JSON as text, all else as it is.
    query: str
    # The same SELECT list, condition and order, for peers that build their own query.
    columns: List[str]
    text_columns: List[str]
    since: str
    until: str
    order: List[str]
    # The type of each decimal column, as precision and scale.
    decimals: Dict[str, List[int]]
    # The file to write; the folder for peers that name their files.
    file: str
    folder: str


def postgres_uri(job: Job) -> str:
    """Return the address of the database with the login."""
    login = f"{job['user']}:{job['password']}"
    return f"postgresql://{login}@{job['host']}:{job['port']}/{job['database']}"


def run(work: Callable[[Job], None]) -> None:
    """Do the job on standard input, and print how many seconds it took."""
    job = cast(Job, json.load(sys.stdin))
    started = time.perf_counter()
    work(job)
    print(json.dumps({"seconds": time.perf_counter() - started}))
