"""The files that commands read and write. An output that cannot be written is refused before
anything runs, and is written whole or not at all."""

import os
import stat
import sys
from pathlib import Path

import click

from replibank._core import Scenario
from replibank.errors import InputError
from replibank.files import read_input, write_atomically

STDOUT = "-"


def read_scenario(path: str, order: str) -> Scenario:
    """The input, read and checked.

    Raises:
        InputError: It cannot be right; the text names the file and the place in it.
    """
    text = read_input(path)
    try:
        return Scenario(text, order)
    except InputError as failure:
        raise InputError(f"{path}: {failure}") from None


def check_output(output: str, input_: str) -> None:
    """Refuses an output that cannot be written, or that is the input itself."""
    if output == STDOUT:
        return
    path = Path(output)
    if path.is_dir():
        raise click.UsageError(f"{output} is a directory: a file is right for --output")
    if not path.parent.is_dir():
        raise click.UsageError(f"the directory of {output} does not exist")
    if path.exists() and Path(input_).exists() and path.samefile(input_):
        raise click.UsageError(f"{output} is the input: another file is right for --output")
    if not os.access(path if is_special(path) else path.parent, os.W_OK):
        raise click.UsageError(f"{output} cannot be written: permission denied")


def write_output(output: str, text: str) -> None:
    if output == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_atomically(output, text)


def is_special(path: Path) -> bool:
    """Whether it is there and is no regular file: a device, a pipe."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def refuse_both_on_stdout(output: str, as_json: bool) -> None:
    if as_json and output == STDOUT:
        raise click.UsageError("--json and --output - both write to stdout: choose one")
