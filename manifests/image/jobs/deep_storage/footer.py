"""Reads the footers of Parquet files, and makes Spark's files deterministic.

Spark writes the list of encodings of a column in the order of a Java HashSet, which
differs between processes. `sort_encodings` sorts the list in place, so that equal rows
give equal bytes. The length of the footer does not change.

The footer uses Thrift's compact protocol. This module reads the structure of the footer
only to find these lists and the numbers of rows.
"""

from __future__ import annotations

from typing import NamedTuple

MAGIC = b"PAR1"
# The last bytes of a file: the length of the footer, and MAGIC.
TAIL_BYTES = 8
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(
    13
)
# This bit of a byte means that the number continues in the next byte.
CONTINUES = 0x80
# The header of a list contains its length, or this value if the length follows.
LONG_LIST = 0x0F
# The path of a field is the numbers of the fields that contain it, and its own number.
# FileMetaData.row_groups[].columns[].meta_data.encodings
ENCODINGS = (4, 1, 3, 2)
# FileMetaData.num_rows
FILE_ROWS = (3,)
# FileMetaData.row_groups[].num_rows
GROUP_ROWS = (4, 3)


class Footer(NamedTuple):
    """The bytes of a footer with sorted encodings, and the number of rows."""

    bytes: bytes
    rows: int


def footer_bytes(tail: bytes, size: int) -> int:
    """Returns the length of the footer of a file.

    `tail` is the last 8 bytes of the file, and `size` is the size of the file. Raises
    ValueError if the file is not a Parquet file.
    """
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length > size - TAIL_BYTES - len(MAGIC):
        raise ValueError("it is not a Parquet file")
    return length


def sort_encodings(footer: bytes) -> Footer:
    """Sorts each column's encodings, and reads the number of rows.

    Raises ValueError if the footer is damaged, or if the row groups do not have the
    number of rows of the file.
    """
    cursor = Cursor(bytearray(footer))
    try:
        cursor.struct(())
    except IndexError as error:
        raise ValueError("its footer ends early") from error
    if cursor.file_rows is None or cursor.file_rows != cursor.group_rows:
        raise ValueError("its footer has contradictory numbers of rows")
    return Footer(bytes(cursor.bytes), cursor.file_rows)


class Cursor:
    """A position in a footer, and the numbers of rows up to it."""

    def __init__(self, footer: bytearray) -> None:
        self.bytes = footer
        self.at = 0
        self.file_rows: int | None = None
        self.group_rows = 0

    def byte(self) -> int:
        """Reads the next byte."""
        self.at += 1
        return self.bytes[self.at - 1]

    def varint(self) -> int:
        """Reads the next number, which has seven bits in each byte."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < CONTINUES:
                return value

    def integer(self) -> int:
        """Reads the next signed number, which has its sign in the last bit."""
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def struct(self, path: tuple[int, ...]) -> None:
        """Reads the fields of the struct at a path."""
        field = 0
        while True:
            head = self.byte()
            kind = head & 0x0F
            if kind == STOP:
                return
            if head >> 4:
                field += head >> 4
            else:
                field = self.integer()
            # The kind of a boolean field contains its value.
            if kind not in (TRUE, FALSE):
                self.value(kind, (*path, field))

    def value(self, kind: int, path: tuple[int, ...]) -> None:
        """Reads one value of a field or a list."""
        if kind in (I16, I32, I64):
            number = self.integer()
            if path == FILE_ROWS:
                self.file_rows = number
            elif path == GROUP_ROWS:
                self.group_rows += number
        elif kind == BINARY:
            size = self.varint()
            self.at += size
        elif kind == STRUCT:
            self.struct(path)
        elif kind in (LIST, SET):
            self.list(path)
        elif kind == DOUBLE:
            self.at += 8
        elif kind in (TRUE, FALSE, BYTE):
            self.at += 1
        else:
            raise ValueError(f"its footer has a value of kind {kind}")

    def list(self, path: tuple[int, ...]) -> None:
        """Reads a list, and sorts a list of encodings."""
        head = self.byte()
        kind, count = head & 0x0F, head >> 4
        count = self.varint() if count == LONG_LIST else count
        begin = self.at
        for _ in range(count):
            self.value(kind, path)
        # The number of an encoding is less than 64, so it takes one byte.
        if path == ENCODINGS and self.at - begin == count:
            self.bytes[begin : self.at] = sorted(self.bytes[begin : self.at])
