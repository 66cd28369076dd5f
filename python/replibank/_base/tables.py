"""What a notebook shows of an object: a small table. It has no colours of its own, so that it reads well in
light and dark, and whatever it is told is text, never markup.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LEFT = ' style="text-align: left"'


def facts(caption: str, rows: Iterable[tuple[str, object]]) -> str:
    """A caption, and a row for each fact: what, and what of it."""
    body = "".join(
        f"<tr><th{_LEFT}>{escape(name)}</th><td{_LEFT}>{escape(str(fact))}</td></tr>" for name, fact in rows
    )
    return f"<table>{_caption(caption)}<tbody>{body}</tbody></table>"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A caption, a head, and rows."""
    names = "".join(f"<th{_LEFT}>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td{_LEFT}>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table>{_caption(caption)}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _caption(text: str) -> str:
    return f'<caption style="text-align: left"><b>{escape(text)}</b></caption>'
