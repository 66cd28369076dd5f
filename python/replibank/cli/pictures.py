"""Pictures that commands write. What cannot be drawn is refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import paths

if TYPE_CHECKING:
    from ..trace.trace import Trace

KINDS = ("convergence", "lag", "latency", "spacetime", "staleness")


def form(output: str) -> str:
    """What the file will be, by its name.

    Raises:
        click.ClickException: It can be no picture, or matplotlib is not installed.
    """
    try:
        from ..plot import saving  # noqa: PLC0415 (an extra)
    except ImportError as missing:
        raise click.ClickException(str(missing)) from None
    try:
        return saving.form(output)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None


def write(
    trace: Trace,
    output: str,
    kind: str,
    form: str,
    *,
    window: tuple[float, float] | None = None,
    dark: bool = False,
) -> None:
    """Draws a picture of the trace into the file, whole or not at all.

    Raises:
        click.ClickException: It cannot be written.
    """
    from ..plot import saving  # noqa: PLC0415 (an extra)

    paths.write_output(output, saving.rendered(trace, kind, form, window=window, dark=dark))
