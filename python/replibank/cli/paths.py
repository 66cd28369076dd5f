"""The files that commands read and write. An output that cannot be written is refused before
anything runs, and is written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .._base.files import write_atomically
from . import streams

if TYPE_CHECKING:
    from collections.abc import Mapping

STDOUT = "-"


def check_output(output: str, input: str | None, option: str = "--output") -> None:
    """Refuses an output that cannot be written, or that is the input itself."""
    if output == STDOUT:
        if isinstance(sys.stdout, streams.Nowhere):
            raise click.UsageError(f"standard output is closed: name a file for {option}")
        return
    if not output:
        raise click.UsageError(f"{option} is empty: name a file, or - for standard output")
    path, target = Path(output), real_path(output)
    if target.is_dir():
        raise click.UsageError(f"{output} is a directory: name a file for {option}")
    if not target.parent.is_dir():
        where = f"{output}, a link to {target}," if path.is_symlink() else output
        raise click.UsageError(f"the directory of {where} does not exist: make it, or name another file")
    if input is not None and target.exists() and Path(input).exists() and target.samefile(input):
        raise click.UsageError(f"{output} is the input: name another file for {option}")
    if not all(os.access(place, os.W_OK) for place in written(target)):
        raise click.UsageError(f"{output} cannot be written (permission denied): name another file")


def check_beside(option: str, file: str | None, input: str | None, others: Mapping[str, str | None]) -> None:
    """Refuses a file beside the output that cannot be written, or that would be written over another.

    `others`: what each of the other files is, and its name.
    """
    if file is None:
        return
    if file == STDOUT:
        raise click.UsageError(
            f"{option} - is not right: name a file, since stdout has the output or the summary"
        )
    check_output(file, input, option)
    for what, other in others.items():
        if other is not None and other != STDOUT and real_path(file) == real_path(other):
            raise click.UsageError(f"{file} is the {what} too: name another file for {option}")


def real_path(output: str) -> Path:
    """Where the output really is, links followed."""
    try:
        return Path(os.path.realpath(output))
    except OSError:
        raise click.UsageError(
            f"{output} is nowhere, for the working directory is gone: go to one that is there"
        ) from None


def written(target: Path) -> list[Path]:
    """What must be writable: a device itself; for a file, its directory, and itself if it is there."""
    if is_special(target):
        return [target]
    return [target.parent, target] if target.exists() else [target.parent]


def write_output(output: str, text: str | bytes) -> None:
    """Writes the output. Bytes are for files alone.

    Raises:
        click.ClickException: It cannot be written; the text names it as the user did.
    """
    if output == STDOUT and isinstance(text, str):
        # A terminal is for reading: the shell's next prompt begins a line of its own.
        streams.write(text + "\n" if sys.stdout.isatty() and not text.endswith("\n") else text)
        return
    try:
        write_atomically(output, text)
    except BrokenPipeError:
        raise
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise click.ClickException(
            f"{output} cannot be written ({reason[:1].lower()}{reason[1:]}): name another file, or make room"
        ) from None


def write_lines(path: str | None, text: str) -> None:
    """Writes a file of lines, if one is asked for."""
    if path is not None:
        write_atomically(path, text if text.endswith("\n") else text + "\n")


def is_special(path: Path) -> bool:
    """Whether it is there and is no regular file: a device, a pipe."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def refuse_both_on_stdout(output: str, as_json: bool) -> None:
    if as_json and output == STDOUT:
        raise click.UsageError("--json and --output - both write to stdout: choose one")
