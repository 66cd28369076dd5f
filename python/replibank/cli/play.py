"""`replibank play`: a simulation's plan on a live bank, judged by the same checkers."""

from __future__ import annotations

import json

import click

from .. import _core
from .._base.arguments import SEED_MAX
from .._base.words import plural
from ..sim.play import Play, perform, read_plan
from . import options, paths, terminal
from .outcome import CHECK_FAILED


@click.command("play")
@click.argument("plan", metavar="[PLAN]", required=False)
@click.option(
    "--seed", type=options.Whole(0, SEED_MAX), help="Play what this seed draws (default: a new one)."
)
@options.processes_option
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Where branches with disks keep their data; empty (default: a temporary directory).",
)
@click.option("--trace", metavar="FILE", help="Write what happened at the branches (JSON lines).")
@click.option("--history", metavar="FILE", help="Write what the customers saw (JSON lines).")
@options.json_option
def command(
    *,
    plan: str | None,
    seed: int | None,
    processes: bool,
    data_dir: str | None,
    trace: str | None,
    history: str | None,
    as_json: bool,
) -> int:
    """Play PLAN on a live bank: its operations and faults at their times.

    PLAN is a file as `replibank simulate --save-plan` writes it; without it,
    a seed draws one. Branches and customers are real: crashes, pauses,
    partitions, slow links and losses befall them as the plan says. Then all
    faults lift, the bank must settle, and the checkers judge what customers
    saw. Exit code 1: something happened that must never happen.

    A live run cannot be repeated exactly: the same plan may end otherwise.

    \b
    Examples:
      replibank play --seed 7
      replibank simulate --seed 7 --save-plan plan.json
      replibank play plan.json --processes --history history.jsonl
    """
    if plan is not None and seed is not None:
        raise click.UsageError("a plan and a seed were given: give one of them")
    paths.check_beside("--trace", trace, plan, {})
    paths.check_beside("--history", history, plan, {"trace": trace})
    read = read_plan(plan, seed)
    differences = _core.differences(read)
    if not as_json:
        for difference in differences:
            terminal.say(terminal.paragraphs(f"note         {difference}"))
    counter = _core.Progress()
    with terminal.shown_progress(counter, read.operations):
        played = perform(read, counter, processes=processes, data_dir=data_dir)
    if trace is not None and played.trace is not None:
        paths.write_lines(trace, played.trace.to_jsonl())
    paths.write_lines(history, played.history)
    if as_json:
        facts = {
            "seed": played.seed,
            "ok": played.ok,
            "violations": [text for _, text in played.violations],
            "faults": played.faults,
            "seconds": played.seconds,
            "differences": list(played.differences),
        }
        click.echo(json.dumps(facts))
    else:
        print_text(played)
    return 0 if played.ok else CHECK_FAILED


def print_text(played: Play) -> None:
    terminal.say(f"seed         {played.seed}")
    parts = [(played.branches, "branch"), (played.operations, "operation"), (played.faults, "fault")]
    terminal.say(f"bank         {', '.join(plural(count, noun) for count, noun in parts)}")
    terminal.say(f"time         {played.seconds:.1f} s")
    for _, text in played.violations:
        terminal.say(terminal.paragraphs(f"violation    {text}"))
    terminal.say(terminal.paragraphs(str(played.verdict)))
