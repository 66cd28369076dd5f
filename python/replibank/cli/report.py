"""`replibank report`: a trace as one HTML page."""

from __future__ import annotations

import time
from pathlib import Path

import click

from .._base.words import plural
from . import paths, terminal


@click.command("report")
@click.argument("trace", metavar="TRACE")
@click.option("-o", "--output", required=True, metavar="OUTPUT", help="Where to write the page; - is stdout.")
@click.option("--history", metavar="FILE", help="What customers saw, to be judged: anomalies are listed.")
@click.option("--title", metavar="TEXT", help="Stands above the page (default: the name of TRACE).")
def command(*, trace: str, output: str, history: str | None, title: str | None) -> None:
    """Show the trace in TRACE as one HTML page, for any browser.

    The page holds an interactive space-time diagram of what happened at the
    branches: every message, operation and fault, with its causes and the
    state of every branch at any instant. It needs no network.

    \b
    Examples:
      replibank simulate --seed 7 --trace trace.jsonl --history history.jsonl
      replibank report trace.jsonl -o report.html
      replibank report trace.jsonl -o report.html --history history.jsonl
    """
    from ..trace.trace import Trace  # noqa: PLC0415

    began = time.perf_counter()
    paths.check_output(output, trace)
    if history is not None:
        paths.check_output(output, history)
    read = Trace.read(trace)
    page = read.to_html(None if history is None else Path(history), title=title or trace)
    paths.write_output(output, page)
    terminal.table(
        {
            "trace": f"{plural(len(read.branches), 'branch')}, {plural(len(read), 'event')}"
            + (f", {read.lost:,} lost" if read.lost else ""),
            "page": f"{'standard output' if output == paths.STDOUT else output}, {len(page) / 1e6:.1f} MB",
            "time": f"{time.perf_counter() - began:.3f} s",
        }
    )
