"""Differences between a sealed day and the outbox that a marker acknowledges."""

from __future__ import annotations

import unittest
from typing import Iterable

from deep_storage.differences import (
    Differences,
    differs,
    unacknowledged,
    with_unfit,
)
from deep_storage.marker import Amended, Commit, Link, acknowledge
from deep_storage.quarantine import UnfitEvent

NONE = Differences({}, {}, {}, [], [], [])
COMMIT = Commit("bronze", "2025-12-28", "sealed", 9, "sha256:c0ffee", ())


def amended(lost: Iterable[str] = (), altered: Iterable[str] = ()) -> Commit:
    """Returns a day's commit that acknowledges these events."""
    link = Link("bronze/…", "a" * 64)
    noted = Amended(1, link, acknowledge(lost), acknowledge(altered))
    return COMMIT._replace(amended=noted)


def found(
    late: Iterable[str] = (), lost: Iterable[str] = (), altered: Iterable[str] = ()
) -> Differences:
    """Returns the differences for these events."""

    def rows(ids: Iterable[str]) -> dict[str, str]:
        return {each: f"event {each} differs" for each in ids}

    return NONE._replace(late=rows(late), lost=rows(lost), altered=rows(altered))


def unfit(name: str | None, value: str = "NaN") -> UnfitEvent:
    """Returns an event that does not fit."""
    row = {"event_id": name, "fill_price": value}
    return UnfitEvent(name, [("fill_price", f"is {value}")], row)


class Acknowledging(unittest.TestCase):
    def test_a_day_that_was_never_amended_acknowledges_nothing(self) -> None:
        self.assertFalse(any(unacknowledged(NONE, COMMIT)))
        self.assertTrue(unacknowledged(found(late="a"), COMMIT).late)
        self.assertTrue(unacknowledged(found(lost="a"), COMMIT).lost)
        self.assertTrue(unacknowledged(found(altered="a"), COMMIT).altered)

    def test_exactly_the_acknowledged_events_are_accepted(self) -> None:
        commit = amended(lost="ab", altered="c")
        self.assertFalse(any(unacknowledged(found(lost="ba", altered="c"), commit)))
        for lost, altered in (("a", "c"), ("abd", "c"), ("ab", "d"), ("ab", "")):
            both = found(lost=lost, altered=altered)
            self.assertTrue(any(unacknowledged(both, commit)))

    def test_an_event_that_no_longer_fits_is_altered_and_not_lost(self) -> None:
        both = with_unfit(found(lost="ab"), [unfit("a"), unfit("c")], [unfit("d")])
        self.assertEqual((set(both.lost), set(both.altered)), ({"b"}, {"a"}))
        self.assertEqual(both.unfit, [unfit("c")])
        self.assertEqual(both.newly_unfit, [unfit("c")])
        self.assertIn("(fill_price is NaN) no longer fits", both.altered["a"])

    def test_an_event_without_an_id_is_not_taken_for_a_lost_one(self) -> None:
        both = with_unfit(found(lost="a"), [unfit(None)], [])
        self.assertEqual((set(both.lost), both.unfit), ({"a"}, [unfit(None)]))

    def test_what_the_quarantine_has_is_not_new_unless_its_row_changed(self) -> None:
        known = [unfit("a"), unfit("b", "Infinity")]
        both = with_unfit(NONE, [unfit("a"), unfit("b")], known)
        self.assertEqual(both.newly_unfit, [unfit("b")])

    def test_no_marker_acknowledges_what_the_quarantine_has_alone(self) -> None:
        known = [unfit("a"), unfit("b"), unfit("c"), unfit(None)]
        both = with_unfit(found(late="b"), [unfit("a")], known)
        self.assertEqual(both.gone, [unfit("c"), unfit(None)])
        self.assertTrue(unacknowledged(both, amended()).gone)
        self.assertIn("event c is in quarantine but not", str(differs(both, COMMIT)))

    def test_an_event_without_an_id_is_gone_only_if_no_event_has_its_row(self) -> None:
        both = with_unfit(NONE, [unfit(None)], [unfit(None)])
        self.assertEqual(both.gone, [])

    def test_the_failure_names_some_and_counts_the_rest(self) -> None:
        both = found(late="abcdefg", lost="h")._replace(newly_unfit=[unfit("z")])
        text = str(differs(both, COMMIT))
        self.assertIn("in 9 rows: event a differs; event b", text)
        self.assertIn("event h differs; event z came late and does not fit", text)
        self.assertIn("; and 2 more. Nothing was changed", text)
        self.assertIn("deep-storage amend --date 2025-12-28", text)


if __name__ == "__main__":
    unittest.main()
