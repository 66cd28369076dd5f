"""`replibank plot`: a picture of a trace."""

import click

from replibank.cli import options, paths, pictures
from replibank.trace import read_trace


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
    pictures.write(read_trace(trace), output, kind, form, window=window, dark=dark)
