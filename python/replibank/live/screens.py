"""Where a watch is shown: a notebook's picture, a terminal's line, or a line at the end."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .view import View

#: Pixels an inch of a picture.
RESOLUTION = 90


class Screen(Protocol):
    """Something that shows a watch."""

    def show(self) -> None:
        """Shows the newest state."""

    def close(self) -> None:
        """Shows the last state, for good."""


def screen(view: View) -> Screen:
    """The one that fits where this program runs."""
    if in_notebook():
        return Notebook(view)
    return Terminal(view) if sys.stderr.isatty() else Quiet(view)


def in_notebook() -> bool:
    """Whether a kernel shows pictures. IPython in a terminal does not."""
    # Whoever runs in a kernel has imported it.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Notebook:
    """A picture in the output of a cell, replaced by the next."""

    def __init__(self, view: View) -> None:
        # Both before the watch begins: drawing is long to import.
        from IPython import display  # noqa: PLC0415 (there is one where there is a kernel)

        from .picture import png  # noqa: PLC0415 (an extra)

        self._view = view
        self._png = png
        handle: Callable[[], Any] = display.DisplayHandle
        self._handle = handle()
        self._shown = False

    def show(self) -> None:
        bundle = {"image/png": self._png(self._view, RESOLUTION), "text/plain": self._view.text()}
        if self._shown:
            self._handle.update(bundle, raw=True)
        else:
            self._handle.display(bundle, raw=True)
            self._shown = True

    def close(self) -> None:
        self.show()


class Terminal:
    """A line that is written over."""

    def __init__(self, view: View) -> None:
        self._view = view

    def show(self) -> None:
        line = self._view.line()
        # To the line's begin, and delete what was there; a line that is wrapped could not be.
        sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()

    def close(self) -> None:
        self.show()
        sys.stderr.write("\n")
        sys.stderr.flush()


class Quiet:
    """Nothing but the last state: what is written to a file cannot be written over."""

    def __init__(self, view: View) -> None:
        self._view = view

    def show(self) -> None:
        pass

    def close(self) -> None:
        sys.stderr.write(f"{self._view.line()}\n")
        sys.stderr.flush()
