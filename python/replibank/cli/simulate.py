"""`replibank simulate`: the bank in virtual time. A failing seed prints the command that shows it
again, and is shrunk to a small plan that still fails."""

import secrets
import textwrap
import time
from pathlib import Path
from typing import Any

import click

from .._base.files import write_atomically
from ..sim import plan as plans
from ..sim.simulation import SHRINK_TRIES, Simulation, lessons, simulate
from . import options, paths, story, terminal
from .outcome import CHECK_FAILED

WIDTH = 79
"""Columns of a terminal that are written on."""

SEEDS_FOR_A_BUG = 500
"""How many seeds a planted bug has to show itself, if none is given."""

SHOWN = 3
"""Violations that people are shown."""


@click.command("simulate")
@click.option(
    "--seed", type=click.IntRange(0, plans.SEED_MAX), help="Draw from this seed (default: a new one)."
)
@click.option("--plan", metavar="FILE", help="Run this plan instead; FILE as --save-plan wrote it.")
@click.option("--branches", type=click.IntRange(1, plans.BRANCHES_MAX), help="Branches.")
@click.option(
    "--operations", type=click.IntRange(1, plans.OPERATIONS_MAX), help="Operations of all customers."
)
@click.option(
    "--latency", metavar="US", help='"2000", "100-5000", "log-normal:2000:0.5", "continents" or a table.'
)
@click.option(
    "--propagation",
    type=click.Choice(["stream", "unary", "calls"]),
    help="How branches tell each other; calls: unary without sessions, as servers do it.",
)
@click.option("--topology", type=click.Choice(["auto", "mesh", "overlay", "ring"]), help="Which are linked.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND",
    help=f"A kind of fault: {', '.join(plans.FAULTS[:-1])} or {plans.FAULTS[-1]}; may be repeated.",
)
@click.option("--bug", metavar="NAME", help="Plant a bug; --bug list shows them.")
@click.option(
    "--seeds", type=click.IntRange(1), help="Run this many (default: 1), counting up from the seed."
)
@click.option("--trace", metavar="FILE", help="Write what happened at the branches (JSON lines).")
@click.option("--history", metavar="FILE", help="Write what the customers saw (JSON lines).")
@click.option("--save-plan", metavar="FILE", help="Write the plan, the shrunk one if it fails.")
@options.json_option
def command(
    *,
    seed: int | None,
    plan: str | None,
    branches: int | None,
    operations: int | None,
    latency: str | None,
    propagation: str | None,
    topology: str | None,
    faults: tuple[str, ...],
    bug: str | None,
    seeds: int | None,
    trace: str | None,
    history: str | None,
    save_plan: str | None,
    as_json: bool,
) -> int:
    """Run the bank in virtual time, under faults from a seed.

    The replicas are those that serve. What is not given is drawn from the
    seed; the same seed gives the same run. Exit code 1: something happened
    that must never happen, and the seed is shrunk to a small plan.

    \b
    Examples:
      replibank simulate
      replibank simulate --seeds 1000
      replibank simulate --bug retry-counts-twice
      replibank simulate --seed 7 --trace trace.jsonl --history history.jsonl
    """
    if plan is not None:
        drawn = {
            "--seed": seed,
            "--seeds": seeds,
            "--branches": branches,
            "--operations": operations,
            "--latency": latency,
            "--propagation": propagation,
            "--topology": topology,
            "--fault": faults or None,
            "--bug": bug,
        }
        refuse_beside_plan(drawn)
    if bug == "list":
        show_bugs()
        return 0
    files = {"--trace": trace, "--history": history, "--save-plan": save_plan}
    check_files(files, plan, seeds or 1)
    text = None if plan is None else plans.read(plan).to_json()
    if seeds is None:
        is_search = bug is not None and seed is None
        seeds = SEEDS_FOR_A_BUG if is_search else 1
    # One number is drawn, and the seeds count up from it: so it says which ones were run.
    first = secrets.randbits(32) if seed is None else seed
    if seeds > plans.SEED_MAX - first + 1:
        raise click.UsageError(
            f"{seeds} seeds from {first} on go past {plans.SEED_MAX}, the last there is: give fewer"
        )
    so_far = SoFar(first)
    with Ticker() as ticker:
        for count in range(seeds):
            ticker.begin(f"seed {count + 1} of {seeds}" if seeds > 1 else "simulating")
            try:
                run = simulate(
                    None if plan is not None else first + count,
                    plan=text,
                    branches=branches,
                    operations=operations,
                    latency=latency,
                    propagation=propagation,
                    topology=topology,
                    faults=faults or None,
                    bug=bug,
                    trace=trace is not None,
                    progress=ticker.tell,
                )
            except ValueError as error:
                raise click.UsageError(str(error)) from None
            so_far.add(run)
            if not run.ok:
                break
        small = run
        if not run.ok and plan is None:
            ticker.begin("shrinking")
            small = run.shrink(SHRINK_TRIES) or run
    write(trace, run.trace.to_jsonl())
    write(history, run.history)
    write(save_plan, small.plan)
    if as_json:
        print_json(run, small)
    else:
        summary(run, so_far)
        if not run.ok:
            given = {
                "seed": run.seed,
                "branches": branches,
                "operations": operations,
                "latency": latency,
                "propagation": propagation,
                "topology": topology,
                "bug": bug,
            }
            words = [f" --{name} {value}" for name, value in given.items() if value is not None]
            words += [f" --fault {kind}" for kind in faults]
            failure(
                run, small, None if plan is not None else "replibank simulate" + "".join(words), save_plan
            )
    return 0 if run.ok else CHECK_FAILED


def refuse_beside_plan(drawn: dict[str, Any]) -> None:
    names = [name for name, value in drawn.items() if value is not None]
    if names:
        raise click.UsageError(plans.both(names))


def check_files(files: dict[str, str | None], plan: str | None, seeds: int) -> None:
    """Refuses files that cannot be written, or that would hold one of many runs."""
    others: dict[str, str | None] = {}
    for option, file in files.items():
        if file is not None and seeds > 1:
            raise click.UsageError(f"{option} wants one seed, and --seeds is {seeds}: give one of them")
        paths.check_beside(option, file, plan, others)
        others[option.removeprefix("--save-").removeprefix("--")] = file


class SoFar:
    """What came of the seeds so far."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.seeds = self.events = self.survived = 0
        self._began = time.perf_counter()

    def add(self, run: Simulation) -> None:
        faults = ("lost", "doubled", "breaks", "crashes", "torn", "faults")
        self.seeds += 1
        self.events += run.counts["events"]
        self.survived += sum(run.counts[name] for name in faults)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / (time.perf_counter() - self._began)


class Ticker:
    """One line on the terminal that says how far it is."""

    def __init__(self) -> None:
        self._shown = terminal.on_terminal()
        self._what = ""

    def __enter__(self) -> "Ticker":
        return self

    def __exit__(self, *_: object) -> None:
        self._print("")

    def begin(self, what: str) -> None:
        self._what = what
        self._print(what)

    def tell(self, done: int) -> None:
        self._print(f"{self._what}: {done:,} operations")

    def _print(self, text: str) -> None:
        if self._shown:
            click.echo(f"\r{text:<{WIDTH}}\r", err=True, nl=False)


def show_bugs() -> None:
    for name, lesson in lessons().items():
        click.echo(name)
        click.echo(textwrap.fill(lesson.story, WIDTH, initial_indent="    ", subsequent_indent="    "))


def write(path: str | None, text: str) -> None:
    if path is not None:
        write_atomically(Path(path), text if text.endswith("\n") else text + "\n")


def size(run: Simulation) -> str:
    """ "3 branches, 372 operations, 7 faults"."""
    plan = run._plan
    parts = [(plan.branches, "branch"), (plan.operations, "operation"), (plan.faults, "fault")]
    return ", ".join(terminal.plural(count, noun) for count, noun in parts)


def summary(run: Simulation, so_far: SoFar) -> None:
    facts, seeds = run._plan, so_far.seeds
    if seeds > 1:
        terminal.say(f"seeds        {seeds:,}, from {so_far.first} on")
    if seeds == 1 or not run.ok:
        terminal.say(f"seed         {run.seed}")
        terminal.say(f"bank         {size(run)}")
    terminal.say(f"events       {so_far.events:,} ({so_far.rate:,.0f} a second)")
    terminal.say(f"survived     {so_far.survived:,} losses, doublings, breaks, crashes and other faults")
    if facts.bug is not None:
        lesson = lessons()[facts.bug]
        terminal.say(paragraphs(f"planted      {facts.bug}: {lesson.story}"))
        terminal.say(paragraphs(f"seen in      {lesson.seen}"))
        terminal.say(paragraphs(f"not here     {lesson.right}"))
        if run.ok:
            terminal.say("             (this seed does not show it: try another)")
    if not run.ok:
        terminal.say("verdict      something happened that must never happen")
    elif seeds == 1:
        terminal.say(paragraphs(str(run.verdict)))
    else:
        terminal.say("verdict      no promise is broken")


def failure(run: Simulation, small: Simulation, again: str | None, saved: str | None) -> None:
    """`again`: the command that shows it again; None: it was a plan's."""
    for _, text in run.violations[:SHOWN]:
        terminal.say(paragraphs(f"violation    {text}"))
    if len(run.violations) > SHOWN:
        terminal.say(f"             and {len(run.violations) - SHOWN} more (--history keeps what was seen)")
    if again is not None:
        terminal.say(f"to see it    {again}")
        terminal.say(f"shrunk to    {size(small)}")
    lines = story.tell(small.plan, small.history)
    if lines is not None:
        for line in lines:
            terminal.say(textwrap.fill(line, WIDTH, subsequent_indent=" " * 13))
    if again is not None:
        for _, text in small.violations[:1]:
            terminal.say(paragraphs(f"which shows  {text}"))
        if saved is None:
            terminal.say("             (--save-plan FILE keeps it, --plan FILE runs it)")


def paragraphs(text: str) -> str:
    """Every line, wrapped under its own text."""
    indent = " " * 13
    return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=indent) for line in text.splitlines())


def print_json(run: Simulation, small: Simulation) -> None:
    import json  # noqa: PLC0415

    facts = {
        "seed": run.seed,
        "ok": run.ok,
        "violations": [text for _, text in run.violations],
        "counts": run.counts,
        "shrunk": None if run.ok else json.loads(small.plan),
    }
    click.echo(json.dumps(facts))
