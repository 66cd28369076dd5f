"""Numbers and names as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: So many ids are named in an error.
NAMED = 8


def plural(count: int, noun: str) -> str:
    """ "1 branch", "50 branches"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


def with_article(noun: str) -> str:
    """ "a trace", "an input"."""
    return f"{'an' if noun[0] in 'AEIOUaeiou' else 'a'} {noun}"


def some(ids: Iterable[int]) -> str:
    """The first few of the ids: "1, 2, 3 …"."""
    ordered = sorted(ids)
    return ", ".join(map(str, ordered[:NAMED])) + (" …" if len(ordered) > NAMED else "")
