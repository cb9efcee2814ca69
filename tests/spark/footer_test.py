"""Footers of Parquet files: the order of encodings, and the number of rows."""

from __future__ import annotations

import unittest
from typing import Sequence

from deep_storage.footer import footer_bytes, sort_encodings

I32, I64, LIST, STRUCT, STOP = 5, 6, 9, 12, b"\0"


def number(value: int) -> bytes:
    """Encodes a small number that is not negative."""
    zigzag = value << 1
    low, high = zigzag & 0x7F, zigzag >> 7
    return bytes([low | 0x80, high]) if high else bytes([low])


def field(delta: int, kind: int, value: bytes) -> bytes:
    """Encodes a field. `delta` is the difference from the number of the last field."""
    return bytes([delta << 4 | kind]) + value


def elements(kind: int, values: Sequence[bytes]) -> bytes:
    """Encodes a short list."""
    return bytes([len(values) << 4 | kind]) + b"".join(values)


def footer(encodings: Sequence[int], rows: int, groups: Sequence[int]) -> bytes:
    """Returns the footer of a file with one column."""
    codes = elements(I32, [number(each) for each in encodings])
    column = field(1, I32, number(1)) + field(1, LIST, codes) + STOP
    chunk = field(3, STRUCT, column) + STOP
    row_groups = [
        field(1, LIST, elements(STRUCT, [chunk])) + field(2, I64, number(count)) + STOP
        for count in groups
    ]
    return (
        field(1, I32, number(1))
        + field(2, I64, number(rows))
        + field(1, LIST, elements(STRUCT, row_groups))
        + STOP
    )


class Footers(unittest.TestCase):
    def test_encodings_are_sorted_in_place(self) -> None:
        found = sort_encodings(footer([8, 0, 3], 700, [500, 200]))
        self.assertEqual(found.bytes, footer([0, 3, 8], 700, [500, 200]))
        self.assertEqual(sort_encodings(found.bytes).bytes, found.bytes)

    def test_the_number_of_rows_is_that_of_the_row_groups(self) -> None:
        self.assertEqual(sort_encodings(footer([0], 700, [500, 200])).rows, 700)
        self.assertEqual(sort_encodings(footer([0], 0, [])).rows, 0)
        for rows, groups in ((700, [500]), (700, []), (0, [1]), (1, [1, 1])):
            with self.assertRaisesRegex(ValueError, "numbers of rows"):
                sort_encodings(footer([0], rows, groups))

    def test_a_footer_that_ends_early_is_refused(self) -> None:
        whole = footer([8, 0, 3], 700, [500, 200])
        for size in range(len(whole)):
            with self.assertRaises(ValueError):
                sort_encodings(whole[:size])

    def test_the_length_of_a_footer_must_fit_into_the_file(self) -> None:
        tail = (20).to_bytes(4, "little") + b"PAR1"
        self.assertEqual(footer_bytes(tail, 32), 20)
        for wrong, size in ((tail, 31), (tail[:-1] + b"2", 32), (b"PAR1", 4), (b"", 0)):
            with self.assertRaisesRegex(ValueError, "not a Parquet file"):
                footer_bytes(wrong, size)


if __name__ == "__main__":
    unittest.main()
