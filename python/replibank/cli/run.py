"""`replibank run`: the whole thing. Branches start, customers come one after another, the output is
written, and nothing is left running."""

from __future__ import annotations

import time
from typing import Any

import click

from .. import _core
from ..bank.launch import history_of, launch, running, trace_of
from ..scenario.perform import perform
from ..scenario.read import read_scenario
from ..scenario.settled import found, note
from . import options, paths, pictures, terminal
from .summary import Summary


@click.command("run")
@options.input_argument
@options.output_options
@options.bank_options
@options.order_option
@options.timeout_option
@click.option("--trace", metavar="FILE", help="Write what happened at the branches (JSON lines).")
@click.option("--history", metavar="FILE", help="Write what the customers saw (JSON lines).")
@click.option("--plot", metavar="FILE", help="Draw the branches' balances (.png, .svg or .pdf).")
@options.json_option
def command(
    *,
    input: str,
    output: str,
    output_form: str,
    order: str,
    timeout: float,
    trace: str | None,
    history: str | None,
    plot: str | None,
    as_json: bool,
    **bank_options: Any,
) -> None:
    """Start the branches of INPUT, run its customers, write OUTPUT.

    Every customer sees what the customers before it did: its branch waits
    for their writes, not for a clock. OUTPUT is written whole or not at all.

    \b
    Examples:
      replibank run input.json -o output.json
      replibank run input.json -o output.json --propagation unary
      replibank run input.json -o - --processes
      replibank run input.json -o output.json --trace trace.jsonl
      replibank run input.json -o output.json --history history.jsonl
      replibank run input.json -o output.json --plot balances.png
    """
    began = time.perf_counter()
    paths.refuse_both_on_stdout(output, as_json)
    paths.check_output(output, input)
    paths.check_beside("--trace", trace, input, {"output": output})
    paths.check_beside("--history", history, input, {"output": output, "trace": trace})
    paths.check_beside("--plot", plot, input, {"output": output, "trace": trace, "history": history})
    picture = None if plot is None else pictures.form(plot)
    scenario = read_scenario(input, order)
    options.note_on_mesh(**bank_options)
    progress = _core.Progress()
    call = launch(
        dict.fromkeys(scenario.branches, scenario.opening),
        trace=not (trace is history is plot is None),
        **bank_options,
    )
    with running(call) as bank:
        if history is not None:
            # A bank that goes on from its data has none: that is said before anything is done.
            bank.history().wait()
        standing = None if bank_options["data_dir"] is None else found(bank, timeout)
        if standing is not None and standing.balance != scenario.opening:
            fresh = "another --data-dir makes a fresh one"
            terminal.say(note(standing, scenario.opening, fresh=fresh))
        with terminal.shown_progress(progress, scenario.event_count):
            replies, balances = perform(bank, scenario, timeout, progress)
        seen = None if history is None else history_of(bank.history().wait())
    # Of a bank that has ended, it is everything.
    rows = None if trace is plot is None else trace_of(bank.trace().wait())
    paths.write_output(output, replies.output(output_form))
    if trace is not None and rows is not None:
        paths.write_output(trace, rows.to_jsonl())
    if history is not None and seen is not None:
        paths.write_output(history, seen)
    if plot is not None and picture is not None and rows is not None:
        pictures.write(rows, plot, "convergence", picture)
    opening = None if standing is None else standing.balance
    summary = Summary(scenario, set(balances.values()), time.perf_counter() - began, output, opening)
    links = bank_options["propagation"], bank_options["topology"]
    if as_json:
        summary.print_json(*links)
    else:
        summary.print(*links, "a process each" if bank_options["processes"] else "in one process")
