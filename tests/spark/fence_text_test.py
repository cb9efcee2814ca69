"""The line about the fence: what it says of a sealed day and of an open one."""

from __future__ import annotations

import unittest

from deep_storage.fence import explain_fence

REASONS = ["transaction 7 is open", "transaction 8 is open"]


class FenceText(unittest.TestCase):
    def test_sealed_day_stays_sealed(self) -> None:
        self.assertEqual(
            explain_fence(REASONS, sealed=True),
            "the day is sealed, but late events can still come: "
            "transaction 7 is open; transaction 8 is open",
        )

    def test_open_day_stays_open(self) -> None:
        self.assertEqual(
            explain_fence(REASONS, sealed=False),
            "the day stays open: transaction 7 is open; transaction 8 is open",
        )

    def test_no_reason(self) -> None:
        text = "the day is over and no earlier transaction is open"
        self.assertEqual(explain_fence([], sealed=True), text)
