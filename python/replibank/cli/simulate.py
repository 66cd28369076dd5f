"""`replibank simulate`: the bank in virtual time. A failing seed prints the command that shows it
again, and is shrunk to a small plan that still fails."""

from __future__ import annotations

import secrets
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import click

from .._base.arguments import BRANCHES_MAX, OPERATIONS_MAX, SEED_MAX
from ..sim import plan as plans
from ..sim.bugs import lessons
from ..sim.simulation import Simulation, met, simulate, size
from . import options, paths, story, terminal
from .outcome import CHECK_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: How many seeds a planted bug has to show itself, if none is given.
SEEDS_FOR_A_BUG = 500

#: Violations that people are shown.
SHOWN = 3


@click.command("simulate")
@click.option("--seed", type=options.Whole(0, SEED_MAX), help="Draw from this seed (default: a new one).")
@click.option("--plan", metavar="FILE", help="Run this plan instead; FILE as --save-plan wrote it.")
@click.option("--branches", type=options.Whole(1, BRANCHES_MAX), help="How many branches.")
@click.option(
    "--operations", type=options.Whole(1, OPERATIONS_MAX), help="How many operations, of all customers."
)
@click.option(
    "--latency",
    metavar="US",
    help='Microseconds: "2000", "100-5000", "log-normal:2000:0.5", "continents" or a table.',
)
@click.option(
    "--propagation",
    type=click.Choice(["stream", "unary", "calls"]),
    help="How branches tell each other. calls: unary without sessions, as servers do it.",
)
@click.option(
    "--topology", type=click.Choice(["auto", "mesh", "overlay", "ring"]), help="Which branches are linked."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND",
    help=f"A kind of fault: {', '.join(plans.FAULTS[:-1])} or {plans.FAULTS[-1]}; may be repeated.",
)
@click.option("--bug", metavar="NAME", help="Plant a bug; --bug list shows them.")
@click.option("--seeds", type=options.Whole(1), help="Run this many (default: 1), counting up from the seed.")
@click.option("--trace", metavar="FILE", help="Write what happened at the branches (JSON lines).")
@click.option("--history", metavar="FILE", help="Write what the customers saw (JSON lines).")
@click.option("--save-plan", metavar="FILE", help="Write the plan, the shrunk one if it fails.")
@options.json_option
def command(
    *,
    seed: int | None,
    plan: str | None,
    seeds: int | None,
    trace: str | None,
    history: str | None,
    save_plan: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Run the bank in virtual time, under faults from a seed.

    The replicas are the ones that branches serve. What is not given is drawn
    from the seed; the same seed gives the same run. Exit code 1: something happened
    that must never happen, and the seed is shrunk to a small plan.

    \b
    Examples:
      replibank simulate
      replibank simulate --seeds 1000
      replibank simulate --bug retry-counts-twice
      replibank simulate --seed 7 --trace trace.jsonl --history history.jsonl
    """
    # In the order of the options, whatever the order of the words was.
    names = [parameter.name or "" for parameter in click.get_current_context().command.params]
    given = {name: given[name] if given[name] != () else None for name in names if name in given}
    refuse_beside(plan, {"seed": seed, "seeds": seeds, **given})
    if given["bug"] == "list":
        show_bugs()
        return 0
    check_files({"--trace": trace, "--history": history, "--save-plan": save_plan}, plan, seeds or 1)
    if seeds is None:
        is_search = given["bug"] is not None and seed is None
        seeds = SEEDS_FOR_A_BUG if is_search else 1
    # One number is drawn, and the seeds count up from it: so it says which ones were run.
    first = secrets.randbits(32) if seed is None else seed
    if seeds > SEED_MAX - first + 1:
        raise click.UsageError(f"{seeds:,} seeds from {first} on go past the last, {SEED_MAX}: give fewer")
    so_far = SoFar(first)
    with Ticker() as ticker:
        for run in runs(plan, range(first, first + seeds), given, trace is not None, ticker):
            so_far.add(run)
            if not run.ok:
                break
        small = run
        if not run.ok and plan is None:
            ticker.begin("shrinking")
            small = run.shrink() or run
    paths.write_lines(trace, run.trace.to_jsonl())
    paths.write_lines(history, run.history)
    paths.write_lines(save_plan, small.plan)
    if as_json:
        print_json(run, small)
    else:
        print_text(run, so_far)
        if not run.ok:
            failure(run, small, None if plan is not None else again(run.seed, given), save_plan)
    return 0 if run.ok else CHECK_FAILED


def runs(
    plan: str | None, seeds: Sequence[int], given: dict[str, Any], trace: bool, ticker: Ticker
) -> Iterator[Simulation]:
    """The simulation of the plan's file, or of one seed after another."""
    text = None if plan is None else plans.read(plan).to_json()
    for count, seed in enumerate(seeds, start=1):
        ticker.begin(f"seed {count} of {len(seeds)}" if len(seeds) > 1 else "simulating")
        try:
            yield simulate(
                None if plan is not None else seed, plan=text, **given, trace=trace, progress=ticker.tell
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def option(name: str) -> str:
    """The option that gives an argument of `simulate`."""
    return "--fault" if name == "faults" else f"--{name}"


def refuse_beside(plan: str | None, given: dict[str, Any]) -> None:
    """Refuses what would have been drawn from, if there is a plan."""
    names = [option(name) for name, value in given.items() if value is not None]
    if plan is not None and names:
        raise click.UsageError(plans.both(names))


def again(seed: int, given: dict[str, Any]) -> str:
    """The command that shows a simulation again."""
    words = ["replibank simulate", option("seed"), str(seed)]
    for name, value in given.items():
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            words += [option(name), str(one)]
    return " ".join(words)


def check_files(files: dict[str, str | None], plan: str | None, seeds: int) -> None:
    """Refuses files that cannot be written, or that would hold one of many runs."""
    others: dict[str, str | None] = {}
    for option, file in files.items():
        if file is not None and seeds > 1:
            raise click.UsageError(f"{option} holds one run, and --seeds is {seeds}: give one of them")
        paths.check_beside(option, file, plan, others)
        others[option.removeprefix("--save-").removeprefix("--")] = file


class SoFar:
    """What came of the seeds so far."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.seeds = self.events = 0
        self.counts: Counter[str] = Counter()
        self._began = time.perf_counter()

    def add(self, run: Simulation) -> None:
        self.seeds += 1
        self.events += run.counts["events"]
        self.counts.update(run.counts)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / (time.perf_counter() - self._began)


class Ticker:
    """One line on the terminal that says how far it is."""

    def __init__(self) -> None:
        self._shown = terminal.on_terminal()
        self._what = ""

    def __enter__(self) -> Self:
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
            terminal.over_line(text)


def show_bugs() -> None:
    for name, lesson in lessons().items():
        click.echo(name)
        click.echo(
            textwrap.fill(lesson.story, terminal.WIDTH, initial_indent="    ", subsequent_indent="    ")
        )


def print_text(run: Simulation, so_far: SoFar) -> None:
    seeds = so_far.seeds
    if seeds > 1:
        terminal.say(f"seeds        {seeds:,}, from {so_far.first} on")
    if seeds == 1 or not run.ok:
        terminal.say(f"seed         {run.seed}")
        terminal.say(f"bank         {size(run)}")
    terminal.say(f"events       {so_far.events:,} ({so_far.rate:,.0f} a second)")
    terminal.say(f"met          {met(so_far.counts)}")
    if run.bug is not None:
        lesson = lessons()[run.bug]
        terminal.say(terminal.paragraphs(f"planted      {run.bug}: {lesson.story}"))
        terminal.say(terminal.paragraphs(f"seen in      {lesson.seen}"))
        terminal.say(terminal.paragraphs(f"not here     {lesson.right}"))
        if run.ok:
            terminal.say("             (this seed does not show it: try another)")
    if not run.ok:
        terminal.say("verdict      broken: something happened that must never happen")
    elif seeds == 1:
        terminal.say(terminal.paragraphs(str(run.verdict)))
    else:
        terminal.say("verdict      ok: no promise was broken")


def failure(run: Simulation, small: Simulation, again: str | None, saved: str | None) -> None:
    """`again`: the command that shows it again; None: it was a plan's."""
    for _, text in run.violations[:SHOWN]:
        terminal.say(terminal.paragraphs(f"violation    {text}"))
    if len(run.violations) > SHOWN:
        terminal.say(f"             and {len(run.violations) - SHOWN} more (--history keeps what was seen)")
    if again is not None:
        terminal.say(f"to see it    {again}")
        terminal.say(f"shrunk to    {size(small)}")
    lines = story.tell(small.plan, small.history)
    if lines is not None:
        for line in lines:
            terminal.say(textwrap.fill(line, terminal.WIDTH, subsequent_indent=terminal.INDENT))
    if again is not None:
        for _, text in small.violations[:1]:
            terminal.say(terminal.paragraphs(f"which shows  {text}"))
        if saved is None:
            terminal.say("             (--save-plan FILE keeps it, --plan FILE runs it)")


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
