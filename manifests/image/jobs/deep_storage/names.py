"""The names of parts. Each holds its content's digest: equal names, equal files."""

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

    Content that the previous marker names keeps its key. Any other part's name also
    holds that marker's digest, so a name that a marker gave up never comes back. Parts
    that an amendment adds, or that replace a sealed window's, begin with `late-`: only
    clean removes these. What is so old that clean may remove it before this run has
    published is not used again.
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
        """The key under which the previous marker has this content."""
        return self._kept.get((folder, sha256))

    def name(self, folder: str, index: int, sha256: str) -> str:
        """The key of new content."""
        content = f"{numbered(index)}-{shortened(sha256)}"
        name = f"{folder}{self._stem}{content}{self._suffix}"
        number, key = 1, f"{name}{PARTS['suffix']}"
        while key in self._avoided:
            number += 1
            key = f"{name}-{number}{PARTS['suffix']}"
        return key


def folder_of(key: str) -> str:
    """The folder that an object lies in, ending with `/`."""
    return key.rpartition("/")[0] + "/"


def folders(parts: Iterable[Part]) -> set[str]:
    """The folders that parts lie in."""
    return {folder_of(part.key) for part in parts}


def is_part(key: str) -> bool:
    """Whether a key is a data file's."""
    return PART_NAME.fullmatch(key.rpartition("/")[2]) is not None


def is_late(key: str) -> bool:
    """Whether a key belongs to a run that replaces a sealed marker."""
    return key.rpartition("/")[2].startswith(LATE_STEM)
