"""The bank in virtual time: faults drawn from a seed, and checkers that judge what customers saw."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import _core
from .._base import tables
from .._base.files import read_input
from ..errors import InputError
from ..trace.trace import Trace, capacity
from . import plan as plans

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


#: How many anomalies a notebook shows.
ANOMALIES_SHOWN = 5

#: How many smaller plans are tried to shrink one that fails.
SHRINK_TRIES = 2_000


@dataclass(frozen=True)
class Anomaly:
    """Something in a history that cannot be.

    Attributes:
        kind: "divergence", "conservation", "lost-write", "counted-twice", "refused-yet-done",
            "misplaced", "contradiction", "out-of-bounds", "impossible-read", "stale-read", "went-back" or
            "overdraft".
        breach: Whether it breaks a promise of the bank. An overdraft does not: branches judge
            withdrawals by what they see, and concurrent ones can overdraw together.
        seconds: When it showed, since the run began.
        branch: Where it showed, if it did at one branch.
        account: On which account, if on one.
        invocations: The ids of the invocations that show it.
        text: What was seen, and why it cannot be.
    """

    kind: str
    breach: bool
    seconds: float
    branch: int | None
    account: int | None
    invocations: tuple[int, ...]
    text: str


class Verdict:
    """What the checkers say of a history, and how much it rests on. `str()` is a summary for people.

    Attributes:
        ok: Whether some operation was answered and no promise was broken. A history in which nothing was
            answered is not ok: nothing was examined.
        broken: Whether a promise was broken.
        examined: Whether some operation was answered.
        anomalies: Everything that was found, overdrafts included.
        operations: How many operations were asked for.
        answered: How many of them a branch has answered.
        reads: How many balances were told, and held against every balance that could have been.
        unknown: How many writes nobody knows the outcome of.
        settled: How many branches showed their state at the end.
        restarts: How many times a branch came back.
        faults: How many faults the history tells of; one that tells of none may have had some.
        answered_in_faults: How many operations were under way while some of these lasted, and were
            answered.
    """

    def __init__(self, core: _core.Verdict) -> None:
        """Not for users: `check` and `simulate` make verdicts."""
        self._text = str(core)
        self.ok = core.ok
        self.broken = core.broken
        self.operations = core.operations
        self.answered = core.answered
        self.examined = core.answered > 0
        self.reads = core.reads
        self.unknown = core.unknown
        self.settled = core.settled
        self.restarts = core.restarts
        self.faults = core.faults
        self.answered_in_faults = core.answered_in_faults
        self.anomalies = tuple(
            Anomaly(kind, breach, at / 1e6, branch, account, tuple(ids), text)
            for kind, breach, at, branch, account, ids, text in core.anomalies
        )

    def __str__(self) -> str:
        return self._text

    def _word(self) -> str:
        if self.broken:
            return "broken"
        return "ok" if self.ok else "nothing was examined"

    def __repr__(self) -> str:
        rests_on = f"{self.answered} of {self.operations} operations answered"
        if self.faults:
            rests_on += f", {self.answered_in_faults} in {self.faults} faults"
        return f"<Verdict: {self._word()}, {len(self.anomalies)} anomalies, {rests_on}>"

    def _repr_html_(self) -> str:
        shown: list[tuple[str, object]] = [
            ("operations", f"{self.operations:,}, {self.answered:,} answered"),
            ("balances told", f"{self.reads:,}"),
            ("faults", f"{self.faults:,}, in which {self.answered_in_faults:,} were answered"),
        ]
        shown += [(anomaly.kind, anomaly.text) for anomaly in self.anomalies[:ANOMALIES_SHOWN]]
        if len(self.anomalies) > ANOMALIES_SHOWN:
            shown.append(("…", f"and {len(self.anomalies) - ANOMALIES_SHOWN} more: see anomalies"))
        word = "no promise is broken" if self.ok else self._word()
        return tables.facts(f"Verdict: {word}", shown)


def check(history: str | os.PathLike[str]) -> Verdict:
    """Judges a history: every balance that customers were told must be explained by the operations
    that could count, and every answer must fit what was asked. Where none was answered, nothing was
    examined, and the verdict is not ok.

    Args:
        history: The file, or its text: JSON lines, the first of which begins with ``{"bank"``. Their
            form is described in the README.

    Raises:
        InputError: It cannot be read, or is written wrongly; the message names the line.

    Example:
        >>> import replibank
        >>> verdict = replibank.check('''{"bank": {"branches": [1], "accounts": {"0": 400}}}
        ... {"at": 10, "event": "invoke", "id": 1, "client": 3, "branch": 1, "action": "query"}
        ... {"at": 20, "event": "ok", "id": 1, "balance": 500}''')
        >>> verdict.ok, verdict.anomalies[0].kind
        (False, 'impossible-read')
    """
    if isinstance(history, str) and history.lstrip().startswith("{"):
        name, text = "", history
    else:
        name = f"{os.fspath(history)}: "
        try:
            text = read_input(history).decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{name}this is not UTF-8 (byte {error.start})") from None
    try:
        return Verdict(_core.check_history(text))
    except ValueError as error:
        raise InputError(f"{name}{error}") from None


class Simulation:
    """What came of a simulation.

    Attributes:
        seed: The seed.
        plan: The plan that it ran, as JSON: `simulate(plan=...)` runs it again.
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
        shrunk = self._plan.shrink(tries, None)
        return None if shrunk is None else simulate(plan=shrunk[0].to_json(), trace=True)

    def _repr_html_(self) -> str:
        plan, counts = self._plan, self.counts
        survived = ("lost", "doubled", "breaks", "crashes", "faults")
        shown: list[tuple[str, object]] = [
            ("bank", f"{plan.branches} branches, {plan.operations:,} operations, {plan.faults} faults"),
            ("events", f"{counts['events']:,}, {counts['messages']:,} messages"),
            ("befell it", ", ".join(f"{counts[name]:,} {name}" for name in survived)),
            ("settled", "never" if self.seconds is None else f"after {self.seconds:.3f} s of virtual time"),
            ("verdict", "no promise is broken" if self.ok else self.violations[0][1]),
        ]
        if plan.bug is not None:
            shown.insert(1, ("planted", plan.bug))
        return tables.facts(f"Simulation of seed {self.seed}", shown)

    def __repr__(self) -> str:
        plan, counts = self._plan, self.counts
        return (
            f"<Simulation: seed {self.seed}, {plan.branches} branches, {plan.operations} operations, "
            f"{counts['events']} events, {'ok' if self.ok else self.violations[0][0]}>"
        )


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


def bugs() -> dict[str, str]:
    """The bugs that `simulate` can plant: their names, and what goes wrong.

    Example:
        >>> import replibank
        >>> "retry-counts-twice" in replibank.bugs()
        True
    """
    return {name: lesson.story for name, lesson in lessons().items()}


@dataclass(frozen=True)
class Lesson:
    """What is to be learned from a planted bug.

    Attributes:
        story: What goes wrong.
        seen: Which real systems have it.
        right: Where this bank does it right, and how.
    """

    story: str
    seen: str
    right: str


def lessons() -> dict[str, Lesson]:
    """What is to be learned from each bug that can be planted."""
    return {name: Lesson(*texts) for name, *texts in _core.bugs()}
