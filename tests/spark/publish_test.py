"""Publishing: the marker that readers see, and the parts that a run removes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
import unittest

from deep_storage import contract, marker
from deep_storage.errors import Failure
from deep_storage.listing import list_folders
from deep_storage.marker import Commit, Part, Quarantine
from deep_storage.publish import (
    Publication,
    publish,
    read_marker,
    remove_beside_sealed,
    while_marker_stands,
)
from memory_lake import Entry, MemoryLake

DAY = "2025-12-28"
KEY = contract.bronze_marker(DAY)
FOLDER = contract.bronze_prefix(DAY)


def commit_of(
    *names: str, state: str = "open", quarantine: Quarantine | None = None
) -> Commit:
    """Returns a day's commit. The content of each part is its own name."""
    parts = tuple(
        Part(FOLDER + name, 1, len(name), hashlib.sha256(name.encode()).hexdigest())
        for name in names
    )
    return Commit(
        "bronze",
        DAY,
        state,
        len(parts),
        "sha256:c0ffee",
        parts,
        seq=(1, len(parts)) if parts else (None, None),
        quarantine=quarantine,
    )


class Publishing(unittest.TestCase):
    def setUp(self) -> None:
        self.lake = MemoryLake()
        self.said = ""

    def store(self, *names: str) -> None:
        """Stores parts. The content of each part is its own name."""
        for name in names:
            self.lake.put(FOLDER + name, name.encode())

    def begun(self, hours: float = 0.0) -> Publication:
        """Returns the state of a run that began now or some hours ago."""
        previous = read_marker(self.lake, "bronze", KEY, DAY)
        listed = self.lake.list(FOLDER)
        return Publication(
            self.lake, KEY, previous, listed, time.monotonic() - hours * 3600
        )

    def publish(self, commit: Commit, publication: Publication) -> None:
        """Publishes, and records the output."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            publish(commit, publication)
        self.said = out.getvalue()

    def refused(self, kind: str, commit: Commit, publication: Publication) -> str:
        """Expects publishing to fail, and returns the message."""
        with self.assertRaises(Failure) as refused:
            self.publish(commit, publication)
        self.assertEqual(refused.exception.kind, kind)
        return str(refused.exception)

    def standing(self) -> Commit:
        """Reads the current marker of the day."""
        stored = read_marker(self.lake, "bronze", KEY, DAY)
        assert stored is not None
        return stored.commit

    def publish_first(self, *names: str) -> None:
        """Publishes a day for the first time."""
        begun = self.begun()
        self.store(*names)
        self.publish(commit_of(*names), begun)

    def test_an_empty_day_is_published(self) -> None:
        self.publish(commit_of(state="sealed"), self.begun())
        self.assertEqual((self.standing().rows, self.standing().state), (0, "sealed"))

    def test_what_the_marker_gave_up_is_removed_and_nothing_else(self) -> None:
        self.publish_first("part-a.parquet", "part-b.parquet")
        self.store("part-killed.parquet")
        others = [f"{FOLDER}_history/0.json", f"{FOLDER}_quarantine/0.json"]
        for key in others:
            self.lake.put(key, b"{}")
        begun = self.begun()
        self.store("part-c.parquet", "part-later.parquet")
        self.publish(commit_of("part-a.parquet", "part-c.parquet"), begun)
        names = ("part-a.parquet", "part-c.parquet", "part-later.parquet")
        kept = {KEY, *others, *(FOLDER + name for name in names)}
        self.assertEqual(set(self.lake.objects), kept)

    def test_an_unchanged_marker_is_confirmed_and_nothing_is_removed(self) -> None:
        self.publish_first("part-a.parquet")
        self.store("part-other.parquet")
        self.lake.removed.clear()
        self.publish(commit_of("part-a.parquet"), self.begun())
        self.assertEqual(self.lake.removed, [])
        self.assertIn("deep-storage clean --date 2025-12-28", self.said)

    def test_an_unchanged_marker_that_another_run_replaced_is_refused(self) -> None:
        self.publish_first("part-a.parquet")
        begun = self.begun()
        self.store("part-b.parquet")
        self.publish(commit_of("part-a.parquet", "part-b.parquet"), self.begun())
        text = self.refused("unreachable", commit_of("part-a.parquet"), begun)
        self.assertIn("another run published this day meanwhile", text)

    def test_a_run_that_was_overtaken_removes_nothing(self) -> None:
        for first in ((), ("part-a.parquet",)):
            with self.subTest(first):
                self.lake = MemoryLake()
                if first:
                    self.publish_first(*first)
                begun = self.begun()
                self.store("part-b.parquet")
                self.publish(commit_of("part-b.parquet"), self.begun())
                self.store("part-c.parquet")
                self.lake.removed.clear()
                self.refused("unreachable", commit_of("part-c.parquet"), begun)
                self.assertEqual(self.standing(), commit_of("part-b.parquet"))
                kept = [k for k in self.lake.removed if not k.startswith("_preflight/")]
                self.assertEqual(kept, [])

    def test_a_lost_answer_is_no_conflict(self) -> None:
        begun = self.begun()
        self.store("part-a.parquet")
        commit = commit_of("part-a.parquet")
        put = self.lake.store

        def twice(key: str, body: bytes, condition: dict[str, str]) -> bool:
            if key == KEY:
                put(key, body, condition)
            return put(key, body, condition)

        self.lake.answer = twice
        self.publish(commit, begun)
        self.assertEqual(self.standing(), commit)

    def test_a_marker_that_an_equal_run_has_put_proves_nothing(self) -> None:
        self.publish_first("part-a.parquet")
        begun = self.begun()
        self.store("part-b.parquet")
        commit = commit_of("part-b.parquet")
        self.publish(commit, self.begun())
        # A third run read that marker and stored its part before this one listed.
        self.store("part-next.parquet")
        self.lake.removed.clear()
        self.publish(commit, begun._replace(listed=self.lake.list(FOLDER)))
        self.assertIn(f"{FOLDER}part-next.parquet", self.lake.objects)
        self.assertIn("left 1 part that no marker lists", self.said)

    def test_what_is_amiss_counts_only_while_the_marker_stands(self) -> None:
        self.publish_first("part-a.parquet")
        begun = self.begun()

        def judge() -> None:
            raise Failure("data", "a part is not there")

        with self.assertRaisesRegex(Failure, "a part is not there"):
            while_marker_stands(begun, judge)
        self.store("part-b.parquet")
        self.publish(commit_of("part-b.parquet"), self.begun())
        with self.assertRaisesRegex(Failure, "another run published") as refused:
            while_marker_stands(begun, judge)
        self.assertEqual(refused.exception.kind, "unreachable")

    def test_a_store_that_says_stored_and_does_nothing_loses_no_part(self) -> None:
        self.publish_first("part-a.parquet")
        begun = self.begun()
        self.store("part-b.parquet")
        self.lake.effect = lambda key: key != KEY
        text = self.refused("unreachable", commit_of("part-b.parquet"), begun)
        self.assertIn("so the previous marker is still valid", text)
        self.assertIn(f"{FOLDER}part-a.parquet", self.lake.objects)

    def test_a_store_that_loses_the_first_marker_has_no_valid_marker(self) -> None:
        begun = self.begun()
        self.store("part-a.parquet")
        self.lake.effect = lambda key: key != KEY
        text = self.refused("unreachable", commit_of("part-a.parquet"), begun)
        self.assertIn("but has no marker. No part was removed. Check the store", text)
        self.assertNotIn("valid", text)

    def test_a_marker_that_was_replaced_right_afterwards_keeps_all_parts(self) -> None:
        self.publish_first("part-a.parquet")
        begun = self.begun()
        self.store("part-b.parquet")
        put = self.lake.store

        def and_another(key: str, body: bytes, condition: dict[str, str]) -> bool:
            stored = put(key, body, condition)
            if key == KEY:
                sealed = commit_of("part-a.parquet", state="sealed")
                put(KEY, marker.render(sealed), {})
            return stored

        self.lake.answer = and_another
        self.publish(commit_of("part-b.parquet"), begun)
        self.assertIn("another run published", self.said)
        self.assertIn(f"{FOLDER}part-a.parquet", self.lake.objects)

    def test_a_store_that_ignores_conditions_is_refused_before_the_marker(self) -> None:
        for state, words in (
            (None, "Set S3_ENDPOINT to the store itself"),
            ("versioned", "The bucket has versioning"),
            ("object-locked", "The bucket has object lock"),
        ):
            self.lake = MemoryLake()
            begun = self.begun()
            self.lake.ignores = ("If-None-Match", "If-Match")
            self.lake.bucket_state = state
            text = self.refused("configuration", commit_of(), begun)
            self.assertIn("If-None-Match: * overwrote an object", text)
            self.assertIn(words, text)
            self.assertEqual(self.lake.objects, {})

    def test_a_store_that_breaks_one_condition_puts_no_marker(self) -> None:
        begun = self.begun()
        self.lake.stores_on_conflict = True
        text = self.refused("configuration", commit_of(), begun)
        self.assertIn("If-None-Match: * overwrote an object", text)
        self.lake.stores_on_conflict = False
        self.lake.ignores = ("If-Match",)
        text = self.refused("configuration", commit_of(), begun)
        self.assertIn("an old ETag overwrote an object", text)
        self.assertEqual(self.lake.objects, {})

    def test_a_store_that_refuses_its_own_etag_is_told_as_one(self) -> None:
        self.publish_first("part-a.parquet")
        self.lake.refuses_if_match = True
        text = self.refused("configuration", commit_of(), self.begun())
        refused = "If-Match was refused, although it had the object's current"
        self.assertIn(refused, text)

        # The same fault, but only after the test of the conditions.
        self.lake.refuses_if_match = False
        begun = self.begun()

        def refuse_from_the_marker_on(key: str) -> None:
            self.lake.refuses_if_match = key == KEY

        self.lake.before_put = refuse_from_the_marker_on
        text = self.refused("configuration", commit_of(), begun)
        self.assertIn("the request has its current ETag", text)

    def test_a_part_that_vanished_is_not_named(self) -> None:
        begun = self.begun()
        text = self.refused("unreachable", commit_of("part-a.parquet"), begun)
        self.assertIn("no longer exists", text)
        link = Quarantine(contract.quarantine_key(DAY, "a" * 64), 1, 9, "a" * 64)
        text = self.refused("unreachable", commit_of(quarantine=link), begun)
        self.assertIn("_quarantine/", text)

    def test_a_run_of_twelve_hours_publishes_no_more(self) -> None:
        text = self.refused("unreachable", commit_of(), self.begun(hours=12.1))
        self.assertIn("began more than 12 hours ago", text)
        self.publish(commit_of(), self.begun(hours=11.9))

    def test_beside_a_sealed_day_late_parts_stay_and_others_go(self) -> None:
        self.publish_first("part-a.parquet")
        self.store("part-killed.parquet", "late-00001-0.parquet")
        begun = self.begun()
        with contextlib.redirect_stdout(io.StringIO()):
            remove_beside_sealed(self.standing(), begun)
        self.assertNotIn(f"{FOLDER}part-killed.parquet", self.lake.objects)
        self.assertIn(f"{FOLDER}late-00001-0.parquet", self.lake.objects)

    def test_beside_a_sealed_day_that_was_amended_meanwhile_all_stays(self) -> None:
        self.publish_first("part-a.parquet")
        self.store("part-killed.parquet")
        begun = self.begun()
        self.lake.put(KEY, marker.render(commit_of("part-a.parquet", state="sealed")))
        with self.assertRaises(Failure):
            remove_beside_sealed(commit_of("part-a.parquet"), begun)
        self.assertIn(f"{FOLDER}part-killed.parquet", self.lake.objects)


class CountingLake(MemoryLake):
    """Counts the listings."""

    def __init__(self) -> None:
        super().__init__()
        self.listings: list[str] = []

    def list(self, prefix: str) -> list[Entry]:
        self.listings.append(prefix)
        return super().list(prefix)


class Listing(unittest.TestCase):
    def listed(self, clients: int, other_days: int) -> tuple[set[str], int]:
        """Lists a day. Returns the wrong keys and the number of listings."""
        lake = CountingLake()
        places = [contract.silver_prefix(client, DAY) for client in range(clients)]
        expected = {f"{place}{name}" for place in places for name in ("a", "deeper/b")}
        for key in expected:
            lake.put(key, b"")
        lake.put(contract.silver_prefix(-1, DAY) + "a", b"")
        lake.put(contract.silver_marker(DAY), b"")
        for place in places:
            for day in range(other_days):
                lake.put(place.replace(DAY, f"2024-02-{day + 1:02}") + "a", b"")
        found = [entry.key for entry in list_folders(lake, places)]
        self.assertEqual(len(found), len(set(found)))
        return set(found) ^ expected, len(lake.listings)

    def test_one_listing_finds_the_folders_of_many_clients(self) -> None:
        self.assertEqual(self.listed(clients=200, other_days=1), (set(), 9))

    def test_many_other_days_are_not_listed(self) -> None:
        self.assertEqual(self.listed(clients=200, other_days=28), (set(), 208))

    def test_few_folders_are_listed_one_by_one(self) -> None:
        self.assertEqual(self.listed(clients=100, other_days=0), (set(), 100))


if __name__ == "__main__":
    unittest.main()
