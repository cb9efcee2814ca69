"""Which differences between a sealed day and the outbox its marker acknowledges."""

import unittest

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


def amended(lost=(), altered=()):
    """The day with these events acknowledged."""
    link = Link("bronze/…", "a" * 64)
    noted = Amended(1, link, acknowledge(lost), acknowledge(altered))
    return COMMIT._replace(amended=noted)


def found(late=(), lost=(), altered=()):
    """Differences of these events."""
    kinds = {"late": late, "lost": lost, "altered": altered}
    return NONE._replace(
        **{
            kind: {each: f"event {each} differs" for each in ids}
            for kind, ids in kinds.items()
        }
    )


def unfit(name, value="NaN"):
    """An event that does not fit."""
    row = {"event_id": name, "fill_price": value}
    return UnfitEvent(name, [("fill_price", f"is {value}")], row)


class Acknowledging(unittest.TestCase):
    def test_a_day_that_was_never_amended_acknowledges_nothing(self):
        self.assertFalse(any(unacknowledged(NONE, COMMIT)))
        self.assertTrue(unacknowledged(found(late="a"), COMMIT).late)
        self.assertTrue(unacknowledged(found(lost="a"), COMMIT).lost)
        self.assertTrue(unacknowledged(found(altered="a"), COMMIT).altered)

    def test_exactly_the_acknowledged_events_are_accepted(self):
        commit = amended(lost="ab", altered="c")
        self.assertFalse(any(unacknowledged(found(lost="ba", altered="c"), commit)))
        for lost, altered in (("a", "c"), ("abd", "c"), ("ab", "d"), ("ab", "")):
            both = found(lost=lost, altered=altered)
            self.assertTrue(any(unacknowledged(both, commit)))

    def test_an_event_that_no_longer_fits_is_altered_and_not_lost(self):
        both = with_unfit(found(lost="ab"), [unfit("a"), unfit("c")], [unfit("d")])
        self.assertEqual((set(both.lost), set(both.altered)), ({"b"}, {"a"}))
        self.assertEqual(both.unfit, [unfit("c")])
        self.assertEqual(both.newly_unfit, [unfit("c")])
        self.assertIn("(fill_price is NaN) no longer fits", both.altered["a"])

    def test_an_event_without_an_id_is_not_taken_for_a_lost_one(self):
        both = with_unfit(found(lost="a"), [unfit(None)], [])
        self.assertEqual((set(both.lost), both.unfit), ({"a"}, [unfit(None)]))

    def test_what_the_quarantine_has_is_not_new_unless_its_row_changed(self):
        known = [unfit("a"), unfit("b", "Infinity")]
        both = with_unfit(NONE, [unfit("a"), unfit("b")], known)
        self.assertEqual(both.newly_unfit, [unfit("b")])

    def test_what_the_outbox_lost_of_the_quarantine_is_acknowledged_by_no_marker(self):
        known = [unfit("a"), unfit("b"), unfit("c"), unfit(None)]
        both = with_unfit(found(late="b"), [unfit("a")], known)
        self.assertEqual(both.gone, [unfit("c"), unfit(None)])
        self.assertTrue(unacknowledged(both, amended()).gone)
        self.assertIn("event c is in quarantine and not", str(differs(both, COMMIT)))

    def test_an_event_without_an_id_is_gone_only_if_no_event_has_its_row(self):
        both = with_unfit(NONE, [unfit(None)], [unfit(None)])
        self.assertEqual(both.gone, [])

    def test_the_failure_names_some_and_counts_the_rest(self):
        both = found(late="abcdefg", lost="h")._replace(newly_unfit=[unfit("z")])
        text = str(differs(both, COMMIT))
        self.assertIn("in 9 rows: event a differs; event b", text)
        self.assertIn("event h differs; event z came later and does not fit", text)
        self.assertIn("; and 2 more. Nothing was changed", text)
        self.assertIn("deno task amend --date 2025-12-28", text)


if __name__ == "__main__":
    unittest.main()
