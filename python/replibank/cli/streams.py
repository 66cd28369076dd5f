"""The standard streams as people leave them: closed, full, or with nobody at the other end. What was
done stays done, whether or not anybody hears of it."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class Nowhere(io.TextIOBase):
    """Stands for a stream that was closed before we began."""

    def write(self, text: str) -> int:
        return len(text)


def complete() -> None:
    """Puts something in the place of closed streams: otherwise the first socket would become standard
    output, and be written to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stdout is None:
        sys.stdout = Nowhere()
    if sys.stderr is None:
        sys.stderr = Nowhere()


def write(text: str) -> None:
    """Writes to standard output, at once.

    Raises:
        OSError: It cannot be written; the text names the stream.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as failure:
        abandon(sys.stdout)
        raise OSError(failure.errno, failure.strerror, "standard output") from None


def tell(text: str) -> None:
    """A line on standard output, for a reader who may have had enough of it."""
    with suppress(BrokenPipeError):
        write(text + "\n")


def settle() -> None:
    """Lets nothing be left to write at the interpreter's exit, which would complain in its own way."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            abandon(stream)


def abandon(stream: TextIO) -> None:
    """Whatever is written to the stream from now on, and what it still holds, goes nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
