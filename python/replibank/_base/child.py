"""The program that a branch's child process runs."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import ConfigError


def child_program() -> list[str]:
    """The command of a branch's child process.

    Fifty of them start at once, so each runs as little of Python as there is: no `site`, no
    environment, and of the package the core alone, from where this process has it. Each line of its log
    begins with its level, by which the parent's log takes it.
    """
    if not sys.executable:
        raise ConfigError("no Python interpreter is known to start branches with (sys.executable is empty)")
    directory = str(Path(__file__).resolve().parent.parent.parent)
    code = (
        f"import logging, sys; sys.path.insert(0, {directory!r}); "
        "logging.basicConfig(format='%(levelname)s:%(message)s'); "
        "from replibank import _core; _core.supervised_branch().wait()"
    )
    return [sys.executable, "-I", "-S", "-c", code]
