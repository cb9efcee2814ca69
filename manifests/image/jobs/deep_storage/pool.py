"""Sends several requests to the lake at the same time.

This module needs no py4j, so the tests of publishing run without Spark.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Iterable, Iterator, TypeVar

# A request waits for the store most of the time.
REQUESTS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def concurrently(
    work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Calls work for several items at the same time. Yields the results in order.

    If a call fails, the calls that have not begun yet are left out.
    """
    with ThreadPoolExecutor(REQUESTS) as pool:
        yield from pool.map(work, items)
