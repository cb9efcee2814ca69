"""The names of parts. Each name includes the digest of the content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Iterable

from .contract import LONGEST_RUN_HOURS, PARTS, numbered, shortened
from .marker import Part, Stored

if TYPE_CHECKING:
    from .lake import Entry

LATE_STEM: str = PARTS["lateStem"]
PART_NAME = re.compile(PARTS["namePattern"])


class Namer:
    """Names the parts of one publication.

    Content that the previous marker names keeps its key. The name of any other part
    also includes the digest of that marker, so a name that a marker no longer uses is
    never used again. Parts that an amendment adds, or that replace a sealed window,
    have names that begin with `late-`. Only `clean` removes these parts. A part that
    `clean` may remove before this run has published is not reused.
    """

    def __init__(
        self,
        previous: Stored | None,
        amendment: int | None = None,
        listed: Iterable[Entry] = (),
    ) -> None:
        self.amendment = amendment
        self._avoided = {e.key for e in listed if e.age > LONGEST_RUN_HOURS * 3600 / 2}
        self._kept: dict[tuple[str, str], str] = {}
        self._stem, self._suffix = str(PARTS["stem"]), ""
        if previous is None:
            return
        self._suffix = f"-{previous.sha256[: PARTS['replacedDigestDigits']]}"
        if amendment is not None:
            self._stem = f"{LATE_STEM}{numbered(amendment)}-"
            return
        parts = previous.commit.parts
        self._kept = {(folder_of(p.key), p.sha256): p.key for p in parts}
        if previous.commit.state == "sealed":
            self._stem = LATE_STEM

    def kept(self, folder: str, sha256: str) -> str | None:
        """Returns the key of this content in the previous marker, or None."""
        return self._kept.get((folder, sha256))

    def name(self, folder: str, index: int, sha256: str) -> str:
        """Returns the key for new content."""
        content = f"{numbered(index)}-{shortened(sha256)}"
        name = f"{folder}{self._stem}{content}{self._suffix}"
        number, key = 1, f"{name}{PARTS['suffix']}"
        while key in self._avoided:
            number += 1
            key = f"{name}-{number}{PARTS['suffix']}"
        return key


def folder_of(key: str) -> str:
    """Returns the folder of an object, with a trailing `/`."""
    return key.rpartition("/")[0] + "/"


def folders(parts: Iterable[Part]) -> set[str]:
    """Returns the folders of parts."""
    return {folder_of(part.key) for part in parts}


def is_part(key: str) -> bool:
    """Whether a key belongs to a data file."""
    return PART_NAME.fullmatch(key.rpartition("/")[2]) is not None


def is_late(key: str) -> bool:
    """Whether a key belongs to a run that replaces a sealed marker."""
    return key.rpartition("/")[2].startswith(LATE_STEM)
