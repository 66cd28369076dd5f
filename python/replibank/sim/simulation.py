"""The bank in virtual time: faults drawn from a seed, and checkers that judge what customers saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._base import tables
from .._base.arguments import TRACE_CAPACITY, capacity
from .._base.words import plural
from ..trace.trace import Trace
from ..verdict import Verdict
from . import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .. import _core

#: How many smaller plans are tried to shrink one that fails.
SHRINK_TRIES = 2_000


class Simulation:
    """What came of a simulation.

    Attributes:
        seed: The seed.
        plan: The plan that it ran, as JSON: `simulate(plan=...)` runs it again.
        branches: How many branches the bank has.
        operations: How many operations its customers ask for.
        faults: How many faults the plan has.
        bug: The bug that is planted; None: there is none.
        ok: Whether nothing happened that must never happen.
        violations: What did, as (kind, text).
        verdict: What the checkers say of the history.
        trace: What happened at the branches, if it was asked for.
        counts: "events", "messages", "lost", "doubled", "breaks", "crashes", "torn", "faults",
            "retries", "strays", "calls", "failed_calls", "set_back", "clones".
        seconds: Virtual time until all branches had everything; None if they never had.
    """

    def __init__(self, plan: _core.Plan, run: _core.Run) -> None:
        """Not for users: `simulate` makes simulations."""
        self._run = run
        self._plan = plan
        self.seed = plan.seed
        self.branches = plan.branches
        self.operations = plan.operations
        self.faults = plan.faults
        self.bug = plan.bug
        self.violations = tuple(run.violations)
        self.ok = not self.violations
        self.verdict = Verdict(run.verdict)
        self.trace = Trace(run.trace)
        self.counts = dict(run.counts)
        settled = run.times[1]
        self.seconds = None if settled is None else settled / 1e6

    @property
    def plan(self) -> str:
        """The plan that it ran, as JSON."""
        return self._plan.to_json()

    @property
    def history(self) -> str:
        """What the customers asked and were told, as JSON lines for `check`."""
        return self._run.history()

    def shrink(self, tries: int = SHRINK_TRIES) -> Simulation | None:
        """The smallest simulation found that fails in the same way; None if this one does not fail.

        Args:
            tries: How many smaller plans are tried, at most.
        """
        plan = self._plan.shrink(tries)
        return None if plan is None else Simulation(plan, plan.run(TRACE_CAPACITY, None))

    def _repr_html_(self) -> str:
        counts = self.counts
        shown: list[tuple[str, object]] = [
            ("bank", size(self)),
            ("events", f"{counts['events']:,}"),
            ("messages", f"{counts['messages']:,}"),
            ("met", met(counts)),
            ("settled", "never" if self.seconds is None else f"after {self.seconds:.3f} s of virtual time"),
            ("verdict", "ok: no promise was broken" if self.ok else self.violations[0][1]),
        ]
        if self.bug is not None:
            shown.insert(1, ("planted", self.bug))
        return tables.facts(f"Simulation of seed {self.seed}", shown)

    def __repr__(self) -> str:
        ending = "ok" if self.ok else self.violations[0][0]
        asked = f"{plural(self.branches, 'branch')}, {plural(self.operations, 'operation')}"
        return f"<Simulation: seed {self.seed}, {asked}, {plural(self.counts['events'], 'event')}, {ending}>"


def size(run: Simulation) -> str:
    """ "3 branches, 372 operations, 7 faults"."""
    parts = [(run.branches, "branch"), (run.operations, "operation"), (run.faults, "fault")]
    return ", ".join(plural(count, noun) for count, noun in parts)


def met(counts: Mapping[str, int]) -> str:
    """ "7 lost messages and 6 broken links, with 1 fault". A network loses messages without a fault, too. A
    crash is one of the faults."""
    kinds = {"lost": "lost message", "doubled": "doubled message", "breaks": "broken link"}
    *others, last = [
        plural(counts[name], noun) for name, noun in kinds.items() if counts[name] or name != "doubled"
    ]
    return f"{', '.join(others)} and {last}, with {plural(counts['faults'], 'fault')}"


def simulate(
    seed: int | None = None,
    *,
    plan: str | None = None,
    branches: int | None = None,
    operations: int | None = None,
    accounts: int | None = None,
    opening: int | None = None,
    latency: str | None = None,
    topology: str | None = None,
    propagation: str | None = None,
    concern: str | None = None,
    sessions: bool | None = None,
    durable: bool | None = None,
    faults: Sequence[str] | None = None,
    duration: float | None = None,
    bug: str | None = None,
    trace: bool | int = False,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Runs the same replicas that serve, in virtual time, under faults; then all faults lift, the bank
    must settle, and the checkers judge what its customers saw.

    What is not given is drawn from the seed. The same arguments give the same run, byte for byte.

    Args:
        seed: Any number from 0 to 2**64 - 1; None: one is drawn (see `Simulation.seed`).
        plan: A plan's JSON, instead of everything else.
        branches: 1 to 8000.
        operations: How many the customers ask for, 1 to 100,000,000.
        accounts: How many accounts the bank has.
        opening: Each account's opening balance.
        latency: Of a message, in microseconds: "2000", "100-5000", "log-normal:2000:0.5" (median and
            sigma), "continents", or a table of regions, as "[[500,40000],[40000,500]]": branch `id` is in
            region `id` modulo their number.
        topology: "auto", "mesh", "overlay" or "ring".
        propagation: "stream", "unary", or "calls": unary without sessions, as servers do it.
        concern: Of every write: "local", "majority" or "all".
        sessions: Whether customers read what they wrote, wherever they go.
        durable: Whether branches have disks.
        faults: Which kinds happen, of "loss", "duplication", "reorder", "partition", "crash", "pause",
            "slow" and "customers"; of disks, "restore" (an older copy), "clone" (two processes on copies
            of one disk), "disk-loss", "power-failure" and "disk-failure"; of customers, "late-requests",
            "repeated-requests", "unnamed-requests", "pipelining", "named-lives", "flood" and "crowd".
        duration: Seconds of virtual time over which the operations come.
        bug: A bug to plant; `bugs()` lists them.
        trace: Whether to keep what happened at the branches; a number: the most rows that are kept.
        progress: Called about ten times a second with the number of operations done. What it raises,
            and Ctrl-C, break the run off.

    Raises:
        TypeError: An argument is of another type; the message says what is right.
        ValueError: An argument is out of range, or is given beside a plan; the message says what is
            right.

    Example:
        >>> import replibank
        >>> replibank.simulate(seed=7, branches=3, operations=100).ok
        True
        >>> replibank.simulate(seed=7, branches=3, bug="absolute-balance").ok
        False
    """
    given = {
        "branches": branches,
        "operations": operations,
        "accounts": accounts,
        "opening": opening,
        "latency": latency,
        "topology": topology,
        "propagation": propagation,
        "concern": concern,
        "sessions": sessions,
        "durable": durable,
        "faults": faults,
        "duration": duration,
        "bug": bug,
    }
    drawn = plans.plan(plan, seed, given)
    return Simulation(drawn, drawn.run(capacity(trace), progress))
