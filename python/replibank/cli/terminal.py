"""What people read, on standard error: messages, a summary, and progress while something runs. No
progress and no colour off a terminal; NO_COLOR (https://no-color.org) is honoured."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .._base.progress import reporting
from .._base.words import plural
from . import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._core import Progress

BOLD, DIM, RED = "1", "2", "31"

#: Columns of a terminal that are written on.
WIDTH = 79

#: Under what stands at the begin of a line.
INDENT = " " * 13

#: Seconds before progress is shown: most runs end sooner, and a flicker helps nobody.
QUIET_AT_FIRST = 0.3

#: Columns of the bar that shows progress.
BAR = 30


def say(text: str) -> None:
    """Something for people, on lines of its own. If nobody can hear it, the work goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        streams.abandon(sys.stderr)


def error(text: str, *, after_echo: bool = False) -> None:
    """`after_echo`: the terminal has just shown ^C, so a new line comes first."""
    say(("\n" if after_echo and on_terminal() else "") + f"{paint('error:', RED)} {text}")


def table(rows: dict[str, str]) -> None:
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


def paragraphs(text: str) -> str:
    """Every line, wrapped under its own text."""
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=INDENT) for line in text.splitlines())


@contextmanager
def shown_progress(counter: Progress, total: int) -> Iterator[None]:
    """Shows on a terminal how many events of a run are answered, until the end of the block."""
    if not on_terminal():
        yield
        return
    begun = time.monotonic()
    is_shown = False

    def show(done: int, total: int) -> None:
        nonlocal is_shown
        if time.monotonic() - begun >= QUIET_AT_FIRST:
            is_shown = True
            bar = "=" * (BAR * done // max(total, 1))
            over_line(f"[{bar:<{BAR}}] {done:,} of {plural(total, 'event')}")

    try:
        with reporting(show, counter, total):
            yield
    finally:
        if is_shown:
            over_line("")


def over_line(text: str) -> None:
    """Puts the text in the place of the terminal's last line."""
    with suppress(OSError):
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()
