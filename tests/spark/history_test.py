"""The history of an amended marker, and the quarantine that a marker names."""

from __future__ import annotations

import hashlib
import unittest

from deep_storage import contract, marker, quarantine
from deep_storage.errors import Failure
from deep_storage.history import was_current
from deep_storage.marker import Amended, Commit, Link, Stored, acknowledge
from memory_lake import MemoryLake

DAY = "2025-12-28"
KEY = contract.bronze_marker(DAY)


def stored(commit: Commit, key: str = KEY) -> Stored:
    """Returns a marker as it is stored in a lake."""
    return Stored(key, commit, marker.render(commit), "etag")


def amended(before: Stored, version: int) -> Stored:
    """Returns the marker of a day after one more amendment."""
    link = Link(contract.history_key(DAY, version - 1, before.sha256), before.sha256)
    noted = Amended(version, link, acknowledge(()), acknowledge(()))
    return stored(before.commit._replace(amended=noted))


def previous_key(after: Stored) -> str:
    """Returns the key of the copy of the marker that an amendment replaced."""
    assert after.commit.amended is not None
    return after.commit.amended.previous.key


class History(unittest.TestCase):
    def setUp(self) -> None:
        self.lake = MemoryLake()
        first = stored(Commit("bronze", DAY, "sealed", 0, "sha256:c0ffee", ()))
        second = amended(first, 1)
        self.chain = [first, second, amended(second, 2)]
        for before, after in ((first, second), (second, self.chain[2])):
            self.lake.put(previous_key(after), before.body)

    def test_each_marker_that_was_amended_is_known_by_its_digest(self) -> None:
        first, second, third = self.chain
        for before in (first, second):
            self.assertTrue(was_current(self.lake, DAY, third, before.sha256))
        self.assertTrue(was_current(self.lake, DAY, second, first.sha256))

    def test_any_other_marker_is_not(self) -> None:
        first, second, third = self.chain
        self.assertFalse(was_current(self.lake, DAY, third, third.sha256))
        self.assertFalse(was_current(self.lake, DAY, first, second.sha256))
        self.assertFalse(was_current(self.lake, DAY, third, "a" * 64))

    def test_a_copy_that_was_damaged_is_told(self) -> None:
        third = self.chain[2]
        self.lake.put(previous_key(third), b"{}")
        with self.assertRaisesRegex(Failure, "restore it from a backup"):
            was_current(self.lake, DAY, third, self.chain[0].sha256)


class Quarantined(unittest.TestCase):
    def setUp(self) -> None:
        self.lake = MemoryLake()
        self.events = [
            quarantine.UnfitEvent("a", [("symbol", "is null")], {"symbol": None})
        ]
        named = quarantine.store(self.lake, DAY, self.events)
        assert named is not None
        self.named = named

    def test_what_was_stored_is_read(self) -> None:
        self.assertEqual(quarantine.read(self.lake, self.named), self.events)
        self.assertEqual(quarantine.read(self.lake, None), [])

    def test_no_events_are_no_document(self) -> None:
        self.assertIsNone(quarantine.store(MemoryLake(), DAY, []))

    def test_a_document_that_is_missing_or_another_is_told(self) -> None:
        for body in (None, b"{}"):
            self.lake.remove(self.named.key)
            if body is not None:
                self.lake.put(self.named.key, body)
            with self.assertRaisesRegex(Failure, "Restore it from a backup"):
                quarantine.read(self.lake, self.named)

    def test_what_is_no_quarantine_is_refused(self) -> None:
        body = self.lake.objects[self.named.key]
        for change in (
            (b"deep-storage-quarantine/1", b"deep-storage-quarantine/2"),
            (b'"is null"', b"3"),
            (b'"problems": [', b'"problem": ['),
            (b'"events": [', b'"event": ['),
            (b'"symbol": null', b'"symbol": []'),
        ):
            other = body.replace(*change)
            self.assertNotEqual(other, body)
            sha256 = hashlib.sha256(other).hexdigest()
            self.lake.put("other", other)
            named = self.named._replace(key="other", sha256=sha256)
            with self.assertRaises(Failure):
                quarantine.read(self.lake, named)


if __name__ == "__main__":
    unittest.main()
