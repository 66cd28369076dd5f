"""What people read, on standard error: messages, a summary, and progress while something runs. No
progress and no colour off a terminal; NO_COLOR (https://no-color.org) is honoured."""

import os
import sys
import threading
from types import TracebackType
from typing import Self

from .._core import Progress
from . import streams

BOLD, DIM, RED = "1", "2", "31"

QUIET_AT_FIRST = 0.3
"""Seconds before progress is shown: most runs end sooner, and a flicker helps nobody."""
REDRAW = 0.1
"""Seconds between two pictures of the progress."""


def say(text: str) -> None:
    """Something for people, on lines of its own. If nobody can hear it, the work goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        streams.abandon(sys.stderr)


def error(text: str, *, after_echo: bool = False) -> None:
    """`after_echo`: the terminal has just shown ^C, so a new line comes first."""
    say(("\n" if after_echo and on_terminal() else "") + f"{paint('error:', RED)} {text}")


def summary(rows: dict[str, str]) -> None:
    """A small table: what, and how much."""
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        say(paint(name.ljust(width), DIM) + value)


def paint(text: str, code: str) -> str:
    if os.environ.get("NO_COLOR") or not on_terminal():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def on_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def plural(count: int, noun: str) -> str:
    """ "1 branch", "50 branches"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('ch') else 's'}"


class ShownProgress:
    """While open, shows on a terminal how many events of a run are answered."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True) if on_terminal() else None

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _show(self) -> None:
        if self._ended.wait(QUIET_AT_FIRST):
            return
        while not self._ended.wait(REDRAW):
            sys.stderr.write(f"\r{self._line()}\x1b[K")
            sys.stderr.flush()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _line(self, width: int = 30) -> str:
        done = self._progress.done
        filled = width * done // max(self._total, 1)
        return f"[{'=' * filled}{' ' * (width - filled)}] {done:,} of {plural(self._total, 'event')}"
