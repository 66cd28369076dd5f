"""Reports of traces that are made by hand, also of such as no bank writes."""

from __future__ import annotations

from array import array
from typing import Any

from replibank.report import assemble
from replibank.report.columns import Columns


def cells(rows: list[dict[str, Any]]) -> list[Any]:
    """Rows as the core's columns: also such as no trace has."""
    columns: list[Any] = []
    for name in sorted({name for row in rows for name in row}):
        values = [row.get(name) for row in rows]
        empty = bytes(value is None for value in values)
        if any(isinstance(value, str) for value in values):
            texts = sorted({value for value in values if value is not None})
            codes = array("i", [0 if value is None else texts.index(value) for value in values])
            columns.append((name, "text", codes.tobytes(), empty, texts, True))
        else:
            numbers = [0 if value is None else value for value in values]
            kind = "int64" if min(numbers) < 0 else "uint64"
            packed = array("q" if kind == "int64" else "Q", numbers).tobytes()
            columns.append((name, kind, packed, empty, None, False))
    return columns


def page(header: dict[str, Any], rows: list[dict[str, Any]], title: str = "A test") -> str:
    """The page of a header and rows."""
    return assemble(header, Columns(cells(rows)), [], None, title)
