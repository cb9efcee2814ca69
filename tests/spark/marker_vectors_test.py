"""Markers and keys: both engines agree on the cases of marker_vectors.json."""

from __future__ import annotations

import copy
import json
import pathlib
import unittest
from typing import Any

from deep_storage import contract, marker, marker_reader
from deep_storage.names import Namer, is_part
from memory_lake import Entry

VECTORS = json.loads(
    pathlib.Path(__file__).with_name("marker_vectors.json").read_text("utf-8")
)
DAY = "2025-12-28"


def changed(vector: dict[str, Any]) -> dict[str, Any]:
    """Returns a marker with values set or removed at their paths."""
    document: dict[str, Any] = copy.deepcopy(VECTORS["bases"][vector["base"]])
    for path, value in vector["set"].items():
        *way, last = path.split("/")
        place: Any = document
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        if value == {"remove": True}:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return document


def bytes_of(document: object) -> bytes:
    """Returns the bytes of a marker as both engines write it."""
    return f"{json.dumps(document, indent=2, ensure_ascii=False)}\n".encode()


def layer_of(vector: dict[str, Any]) -> str:
    """The layer of a vector."""
    return "silver" if vector.get("base") == "silver" else "bronze"


class Markers(unittest.TestCase):
    def test_a_marker_that_is_one_is_read_and_written_as_it_was(self) -> None:
        for vector in VECTORS["accepted"]:
            with self.subTest(vector["name"]):
                document = changed(vector)
                commit = marker_reader.parse(bytes_of(document), layer_of(vector), DAY)
                document.pop("note", None)
                self.assertEqual(marker.render(commit), bytes_of(document))

    def test_a_text_that_every_reader_of_json_takes_is_taken(self) -> None:
        body = bytes_of(VECTORS["bases"]["bronze"])
        for vector in VECTORS["acceptedTexts"]:
            with self.subTest(vector["name"]):
                commit = marker_reader.parse(vector["text"].encode(), "bronze", DAY)
                self.assertEqual(marker.render(commit), body)

    def test_what_is_no_marker_is_refused_with_the_reason(self) -> None:
        for vector in VECTORS["refused"]:
            with self.subTest(vector["name"]):
                body = bytes_of(changed(vector))
                with self.assertRaises(ValueError) as refused:
                    marker_reader.parse(body, layer_of(vector), DAY)
                self.assertIn(vector["problem"], str(refused.exception))
        for vector in VECTORS["refusedTexts"]:
            with self.subTest(vector["name"]):
                with self.assertRaises(ValueError) as refused:
                    marker_reader.parse(vector["text"].encode(), "bronze", DAY)
                self.assertIn(vector["problem"], str(refused.exception))

    def test_bytes_that_are_not_utf_8_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "it is not JSON"):
            marker_reader.parse(b'{"rows": "\xff"}', "bronze", DAY)

    def test_levels_beyond_the_recursion_limit_are_refused(self) -> None:
        for body in (b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000):
            with self.assertRaisesRegex(ValueError, "it has more than 32 levels"):
                marker_reader.parse(body, "bronze", DAY)


class Contract(unittest.TestCase):
    def test_the_contract_says_what_the_vectors_say(self) -> None:
        known = contract.KNOWN_EVENT_TYPES - set(contract.EXECUTION_STATUS)
        self.assertEqual(
            {
                "statuses": contract.EXECUTION_STATUS,
                "times": contract.EVENT_TIMES,
                "otherEventTypes": sorted(known),
                "bronzeOrder": list(contract.BRONZE_ORDER),
                "replayOrder": list(contract.REPLAY_ORDER),
                "notExported": list(contract.UNEXPORTED_COLUMNS),
                "table": contract.OUTBOX_TABLE,
                "longestRunHours": contract.LONGEST_RUN_HOURS,
                "abandonedAfterHours": contract.ABANDONED_AFTER_HOURS,
                "mostPartBytes": contract.PARTS["mostBytes"],
            },
            VECTORS["contract"],
        )


class Keys(unittest.TestCase):
    def test_each_key_of_a_day(self) -> None:
        made = {
            "bronzeFolder": contract.bronze_prefix,
            "bronzeMarker": contract.bronze_marker,
            "bronzeHistoryFolder": contract.history_prefix,
            "silverMarker": contract.silver_marker,
        }
        for each in VECTORS["keys"]["day"]:
            self.assertEqual(made[each["name"]](DAY), each["key"])
        for each in VECTORS["keys"]["client"]:
            key = contract.silver_prefix(each["client"], DAY)
            self.assertEqual(key, each["key"])
        staging = [contract.staging_root(each) for each in ("bronze", "silver")]
        self.assertEqual(staging, VECTORS["keys"]["staging"])

    def test_the_day_of_a_silver_part_is_in_its_key(self) -> None:
        part = contract.silver_prefix(-7, DAY) + "part-0.parquet"
        self.assertEqual(contract.silver_day(part), DAY)
        self.assertIsNone(contract.silver_day(contract.bronze_prefix(DAY) + "part"))

    def test_a_part_is_known_by_its_name(self) -> None:
        for each in VECTORS["keys"]["isPart"]:
            self.assertEqual(is_part(each["key"]), each["is"], each["key"])

    def test_history_and_quarantine_lie_where_their_digest_says(self) -> None:
        for each in VECTORS["keys"]["history"]:
            key = contract.history_key(each["day"], each["version"], each["sha256"])
            self.assertEqual(key, each["key"])
        for each in VECTORS["keys"]["quarantine"]:
            key = contract.quarantine_key(each["day"], each["sha256"])
            self.assertEqual(key, each["key"])

    def test_a_part_is_named_by_its_content_and_by_the_replaced_marker(self) -> None:
        folder = contract.bronze_prefix(DAY)
        for each in VECTORS["keys"]["part"]:
            with self.subTest(each["name"]):
                namer = Namer(previous_of(each.get("previous")), each.get("amendment"))
                kept = namer.kept(folder, each["sha256"])
                named = namer.name(folder, each["index"], each["sha256"])
                self.assertEqual(kept or named, each["key"])

    def test_a_name_that_clean_may_be_about_to_remove_is_not_used_again(self) -> None:
        folder, digest = contract.bronze_prefix(DAY), "ab" * 32
        first = Namer(None).name(folder, 0, digest)
        second = first.replace(".parquet", "-2.parquet")
        for hours, expected in ((5, first), (7, second)):
            listed = [Entry(first, 1, hours * 3600)]
            namer = Namer(None, listed=listed)
            self.assertEqual(namer.name(folder, 0, digest), expected)

    def test_events_are_acknowledged_by_their_sorted_identities(self) -> None:
        for each in VECTORS["identities"]:
            expected = (len(each["events"]), each["sha256"])
            self.assertEqual(marker.acknowledge(each["events"]), expected)


class Previous(marker.Stored):
    """A stored marker whose bytes have the digest that is its ETag."""

    @property
    def sha256(self) -> str:
        return self.etag


def previous_of(vector: dict[str, Any] | None) -> Previous | None:
    """Returns a stored marker with this state and digest, and the base's parts."""
    if vector is None:
        return None
    body = bytes_of({**VECTORS["bases"]["bronze"], "state": vector["state"]})
    commit = marker_reader.parse(body, "bronze", DAY)
    return Previous("", commit, body, vector["sha256"])


if __name__ == "__main__":
    unittest.main()
