"""`replibank plot`: a picture of a trace."""

from __future__ import annotations

import click

from ..errors import InputError
from ..trace.trace import Trace, read_trace
from . import options, paths, pictures


@click.command("plot")
@click.argument("trace", metavar="TRACE")
@click.option("-o", "--output", required=True, metavar="FILE", help="The picture: .png, .svg or .pdf.")
@click.option(
    "--kind",
    type=click.Choice(pictures.KINDS),
    default="convergence",
    show_default=True,
    help="Which picture.",
)
@click.option(
    "--window",
    type=(options.Seconds(0), options.Seconds(0)),
    metavar="FROM TO",
    help="For spacetime: the part of the run to show, in seconds (default: the busiest).",
)
@click.option("--dark", is_flag=True, help="On a dark background.")
def command(*, trace: str, output: str, kind: str, window: tuple[float, float] | None, dark: bool) -> None:
    """Draw a picture of the run that TRACE tells of.

    Needs matplotlib and pandas: pip install 'replibank[plot]'.

    \b
    Examples:
      replibank simulate --seed 7 --trace trace.jsonl
      replibank plot trace.jsonl -o balances.png
      replibank plot trace.jsonl -o messages.svg --kind spacetime
    """
    if window is not None and kind != "spacetime":
        raise click.UsageError("--window is for --kind spacetime: leave it out")
    if window is not None and window[0] >= window[1]:
        raise click.UsageError(f"--window {window[0]:g} {window[1]:g} is empty: FROM is less than TO")
    form = pictures.form(output)
    paths.check_output(output, trace)
    read = read_trace(trace)
    _check_drawable(read, trace, window)
    pictures.write(read, output, kind, form, window=window, dark=dark)


def _check_drawable(read: Trace, name: str, window: tuple[float, float] | None) -> None:
    """Refuses a picture in which there would be nothing.

    Raises:
        click.ClickException, InputError: The trace has no events, or none within the window.
    """
    span = read.span
    if span is None:
        raise InputError(f"{name}: there are no events in this trace, and nothing to draw")
    if window is None:
        return
    last = span[1] / 1e6
    if window[0] > last:
        raise click.UsageError(
            f"--window {window[0]:g} {window[1]:g} is outside the run (0 to {last:,.6g} s)"
        )
