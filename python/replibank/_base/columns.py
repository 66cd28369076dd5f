"""A trace's columns as the core hands them over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Name, type, values, a byte a cell that is 1 where it is empty, the texts of a text's codes, and whether
#: these are a category: see `columns` of the core's `Trace`.
Column = tuple[str, str, bytes, bytes | None, list[str] | None, bool]

#: What the values of each type are, for `memoryview`.
_FORMATS: dict[str, Literal["q", "Q", "I", "i"]] = {"int64": "q", "uint64": "Q", "uint32": "I", "text": "i"}


def numbers_of(column: Column) -> Sequence[int | None]:
    """The column's numbers, or the codes of its texts; None where a cell is empty."""
    _, kind, values, empty, _, _ = column
    numbers = memoryview(values).cast(_FORMATS[kind]).tolist()
    if empty is None:
        return numbers
    return [None if is_empty else number for number, is_empty in zip(numbers, empty, strict=True)]
