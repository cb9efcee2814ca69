"""The earlier versions of an amended bronze marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .publish import read_marker

if TYPE_CHECKING:
    from .lake import Lake
    from .marker import Stored


def was_current(lake: Lake, day: str, current: Stored, sha256: str) -> bool:
    """Whether a bronze marker had this digest before it was amended."""
    amended = current.commit.amended
    while amended is not None:
        key = amended.previous.key
        if amended.previous.sha256 == sha256:
            return True
        before = read_marker(lake, "bronze", key, day)
        amended = before.commit.amended if before is not None else None
    return False
