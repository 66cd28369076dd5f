"""A trace's rows as columns of numbers, for a page to read without parsing: texts become codes of a
list, nulls become a number that stands for them. `page/columns.js` reads what is written here.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NUMBERS = (
    "time_us",
    "branch",
    "clock",
    "ticks",
    "peer",
    "message_id",
    "operations",
    "bytes",
    "sequence_from",
    "sequence_through",
    "account",
    "amount",
    "balance",
    "known",
    "request",
    "waited_us",
)
TEXTS = ("event", "message", "origin", "client", "reason")

#: Stands for null in a column of 32-bit integers; in one of floats, NaN does.
NULL_INT = -(2**31)
#: Beyond it a float does not hold every integer.
EXACT_MAX = 2**53


class Columns:
    """The columns, one after another.

    Attributes:
        layout: Of each column, in order: its name, its type ("i32", "f64" or "code"; codes are 32-bit
            indices of `values`), and whether it holds differences to the row before.
        content: Their bytes, little-endian, in the order of `layout`.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.layout: list[dict[str, Any]] = []
        pieces: list[bytes] = []
        for name in NUMBERS:
            self._add(pieces, name, [row.get(name) for row in rows])
        for name in TEXTS:
            self._add_codes(pieces, name, [row.get(name) for row in rows])
        self.content = b"".join(pieces)

    def _add(self, pieces: list[bytes], name: str, values: list[int | None]) -> None:
        present = [value for value in values if value is not None]
        if not present:
            return
        low, high = min(present), max(present)
        if high > EXACT_MAX or low < -EXACT_MAX:
            # A name rather than a number: it is shown and compared, not computed with.
            self._add_codes(pieces, name, values)
            return
        rising = name == "time_us"
        if rising:
            steps = [b - a for a, b in zip([0, *present], present, strict=False)]
            low, high = min(steps), max(steps)
            values = [*steps]
        small = low > NULL_INT and high < -NULL_INT
        null = NULL_INT if small else float("nan")
        column = array("i" if small else "d", [null if value is None else value for value in values])
        self.layout.append({"name": name, "type": "i32" if small else "f64", "differences": rising})
        pieces.append(_little_endian(column))

    def _add_codes(self, pieces: list[bytes], name: str, values: list[Any]) -> None:
        codes: dict[Any, int] = {}
        column = array(
            "i", [-1 if value is None else codes.setdefault(value, len(codes)) for value in values]
        )
        if not codes:
            return
        self.layout.append({"name": name, "type": "code", "values": [str(value) for value in codes]})
        pieces.append(_little_endian(column))


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()
