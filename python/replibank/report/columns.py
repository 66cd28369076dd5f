"""A trace's columns, packed for a page to read without parsing: integers of as few bytes as do, texts as
codes of a list, and nulls as a number that stands for them. `page/columns.js` reads what is written here.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any

from .._base.columns import numbers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._base.columns import Column

#: Stands for null in a column of 32-bit integers; in one of floats, NaN does.
NULL_INT = -(2**31)
#: Beyond it a float does not hold every integer.
EXACT_MAX = 2**53


class Columns:
    """The columns, one after another. Those without a value are left out.

    Attributes:
        rows: How many rows there are.
        layout: Of each column, in order: its name, its type ("i32", "f64" or "code"; codes are 32-bit
            indices of `values`), and whether it holds differences to the row before.
        content: Their bytes, little-endian, in the order of `layout`.
        accounts: The accounts that the rows are about, as texts.
    """

    def __init__(self, columns: Iterable[Column]) -> None:
        self.rows = 0
        self.layout: list[dict[str, Any]] = []
        self.accounts: list[str] = []
        self._pieces: list[bytes] = []
        for column in columns:
            name, texts, numbers = column[0], column[4], numbers_of(column)
            self.rows = len(numbers)
            if name == "account":
                self.accounts = sorted({str(number) for number in numbers if number is not None}, key=int)
            if texts is None:
                self._add_numbers(name, numbers)
            else:
                self._add_codes(name, numbers, texts)
        self.content = b"".join(self._pieces)

    def _add_numbers(self, name: str, numbers: Sequence[int | None]) -> None:
        present = [number for number in numbers if number is not None]
        if not present:
            return
        if max(present) > EXACT_MAX or min(present) < -EXACT_MAX:
            # Names rather than numbers: they are shown and compared, not computed with.
            places = {number: place for place, number in enumerate(dict.fromkeys(present))}
            codes = [None if number is None else places[number] for number in numbers]
            self._add_codes(name, codes, [str(number) for number in places])
            return
        rising = name == "time_us"
        if rising:
            present = [b - a for a, b in zip([0, *present], present, strict=False)]
            numbers = present
        small = min(present) > NULL_INT and max(present) < -NULL_INT
        null = NULL_INT if small else float("nan")
        column = array("i" if small else "d", [null if number is None else number for number in numbers])
        self._add({"name": name, "type": "i32" if small else "f64", "differences": rising}, column)

    def _add_codes(self, name: str, codes: Sequence[int | None], texts: list[str]) -> None:
        if not texts:
            return
        column = array("i", [-1 if code is None else code for code in codes])
        self._add({"name": name, "type": "code", "values": texts}, column)

    def _add(self, layout: dict[str, Any], column: array[Any]) -> None:
        if sys.byteorder == "big":
            column.byteswap()
        self.layout.append(layout)
        self._pieces.append(column.tobytes())
