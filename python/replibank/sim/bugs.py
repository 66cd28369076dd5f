"""The bugs that can be planted, and what is to be learned from each."""

from __future__ import annotations

from dataclasses import dataclass

from .. import _core


def bugs() -> dict[str, str]:
    """The bugs that `simulate` can plant: their names, and what goes wrong.

    Example:
        >>> import replibank
        >>> "retry-counts-twice" in replibank.bugs()
        True
    """
    return {name: lesson.story for name, lesson in lessons().items()}


@dataclass(frozen=True)
class Lesson:
    """What is to be learned from a planted bug.

    Attributes:
        story: What goes wrong.
        seen: Which real systems have it.
        right: Where this bank does it right, and how.
    """

    story: str
    seen: str
    right: str


def lessons() -> dict[str, Lesson]:
    """What is to be learned from each bug that can be planted."""
    return {name: Lesson(*texts) for name, *texts in _core.bugs()}
