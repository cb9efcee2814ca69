"""Makes Spark's Parquet files deterministic.

Spark writes the list of encodings of a column in the order of a Java HashSet, which
differs between processes. This module sorts the list in place, so that equal rows give
equal bytes.

The footer uses Thrift's compact protocol. This module reads the structure of the footer
only to find these lists.
"""

from __future__ import annotations

MAGIC = b"PAR1"
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(
    13
)
# This bit of a byte means that the number continues in the next byte.
CONTINUES = 0x80
# The header of a list contains its length, or this value if the length follows.
LONG_LIST = 0x0F
# FileMetaData.row_groups[].columns[].meta_data.encodings, by their field numbers.
ENCODINGS = (4, 1, 3, 2)


def sort_encodings(body: bytes) -> bytes:
    """Returns the Parquet file with each column's encodings in ascending order."""
    length = int.from_bytes(body[-8:-4], "little")
    if body[:4] != MAGIC or body[-4:] != MAGIC or length > len(body) - 12:
        raise ValueError("it is no Parquet file")
    start = len(body) - 8 - length
    footer = Footer(bytearray(body[start:-8]))
    footer.struct(ENCODINGS)
    return body[:start] + bytes(footer.bytes) + body[-8:]


class Footer:
    """A cursor over a footer. `path` is the remaining path to the encodings."""

    def __init__(self, footer: bytearray) -> None:
        self.bytes = footer
        self.at = 0

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

    def struct(self, path: tuple[int, ...] | None) -> None:
        """Reads the fields of a struct."""
        field = 0
        while True:
            head = self.byte()
            kind = head & 0x0F
            if kind == STOP:
                return
            if head >> 4:
                field += head >> 4
            else:
                number = self.varint()
                field = (number >> 1) ^ -(number & 1)
            below = path[1:] if path and field == path[0] else None
            self.value(kind, below)

    def value(self, kind: int, path: tuple[int, ...] | None) -> None:
        """Reads one value of a struct. The kind of a boolean contains its value."""
        if kind in (TRUE, FALSE):
            return
        self.element(kind, path)

    def element(self, kind: int, path: tuple[int, ...] | None) -> None:
        """Reads one value of a field or a list."""
        if kind in (I16, I32, I64):
            self.varint()
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

    def list(self, path: tuple[int, ...] | None) -> None:
        """Reads a list, and sorts it if it is at the end of the path."""
        head = self.byte()
        kind, count = head & 0x0F, head >> 4
        count = self.varint() if count == LONG_LIST else count
        begin = self.at
        for _ in range(count):
            self.element(kind, path)
        # The number of an encoding is less than 64, so it takes one byte.
        if path == () and self.at - begin == count:
            self.bytes[begin : self.at] = sorted(self.bytes[begin : self.at])
