"""The one table of what becomes which exit code, and of how a failure is told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import (
    Closed,
    DeadlineExceeded,
    NotConverged,
    ProcessError,
    ProtocolError,
    Refused,
    ReplibankError,
    Unreachable,
)
from . import streams
from .terminal import error

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK_FAILED = 1
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130

#: Our output was not read to its end, so we do not claim to be done: what SIGPIPE gives others.
STOPPED = 141

_UNREACHABLE = (Unreachable, DeadlineExceeded, NotConverged, ProcessError, ProtocolError, Refused, Closed)


class Interrupted(BaseException):
    """Ctrl-C, on its way past Click."""


class Unheard(BaseException):
    """Nobody reads our output, on its way past Click."""


def guarded(work: Callable[[], object]) -> int:
    """Does the work and returns its exit code, having said why if it is not 0. A result that is a
    number is the code."""
    streams.complete()
    try:
        return _guarded(work)
    finally:
        streams.settle()


def _guarded(work: Callable[[], object]) -> int:
    try:
        result = work()
    except (KeyboardInterrupt, Interrupted, click.Abort):
        error("interrupted", after_echo=True)
        return INTERRUPTED
    except (BrokenPipeError, Unheard):
        return STOPPED  # whoever read our output has enough of it
    except Exception as failure:
        code = exit_code(failure)
        if code is None:
            raise
        error(explain(failure))
        return code
    return result if isinstance(result, int) else 0


def exit_code(failure: Exception) -> int | None:
    """The exit code of a failure that can be expected; None for one that is a fault of ours."""
    match failure:
        case click.ClickException():
            return USAGE
        case _ if isinstance(failure, _UNREACHABLE):
            return UNREACHABLE
        case ReplibankError() | OSError():
            return USAGE
        case _:
            return None


def explain(failure: Exception) -> str:
    """One line, in lower case, that says what is wrong."""
    if isinstance(failure, click.UsageError):
        text = failure.format_message()
        path = failure.ctx.command_path if failure.ctx else "replibank"
        # Click writes sentences; ours are clauses.
        text = text[:1].lower() + text[1:].rstrip(".").replace(".\n", "; ")
        text = f"{text} (see {path} --help)"
    elif isinstance(failure, click.ClickException):
        text = failure.format_message()
    elif isinstance(failure, OSError) and failure.strerror:
        where = f"{failure.filename}: " if failure.filename else ""
        text = where + failure.strerror[:1].lower() + failure.strerror[1:]
    else:
        text = str(failure)
    return " ".join(text.split())
