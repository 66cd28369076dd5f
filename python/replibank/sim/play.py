"""A simulation's plan on a live bank: real branches, real customers, the plan's faults at its times."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .. import _core
from .._base.arguments import TRACE_CAPACITY
from .._base.child import child_program
from .._base.progress import reporting
from .._base.words import plural
from ..trace.trace import Trace
from ..verdict import Verdict
from . import plan as plans

if TYPE_CHECKING:
    import os
    from collections.abc import Callable


class Play:
    """What came of a play.

    Attributes:
        seed: The plan's seed.
        plan: The plan, as JSON.
        ok: Whether nothing happened that must never happen.
        violations: What did, as (kind, text).
        verdict: What the checkers say of the history.
        history: What the customers asked and were told, as JSON lines for `check`.
        trace: What happened at the branches; of child processes that were killed, what is left.
        differences: What was other than in the simulator, in sentences.
        operations: How many the plan has.
        faults: How many befell the bank.
        seconds: Until the bank had healed and settled.
    """

    def __init__(self, plan: _core.Plan, core: _core.Played) -> None:
        """Not for users: `play` makes plays."""
        self.seed = plan.seed
        self.plan = plan.to_json()
        self.violations = tuple(core.violations)
        self.ok = not self.violations
        self.verdict = Verdict(core.verdict)
        self.history = core.history()
        kept = core.trace
        self.trace = None if kept is None else Trace(kept)
        self.differences = tuple(_core.differences(plan))
        self.operations = plan.operations
        self.branches = plan.branches
        self.faults = core.faults
        self.seconds = core.seconds

    def __repr__(self) -> str:
        ending = "ok" if self.ok else self.violations[0][0]
        asked = f"{plural(self.branches, 'branch')}, {plural(self.operations, 'operation')}"
        faults = f"{plural(self.faults, 'fault')}, {self.seconds:.1f} s"
        return f"<Play: seed {self.seed}, {asked}, {faults}, {ending}>"


def play(
    plan: str | os.PathLike[str] | None = None,
    *,
    seed: int | None = None,
    processes: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Play:
    """Plays a plan on a live bank: real branches and customers, and its faults at its times. Then all
    faults lift, the bank must settle, and the checkers judge what its customers saw.

    It is the plan that a simulation runs, but not the simulation: nobody can repeat a live run's timing,
    so that the same plan can end otherwise. Links are real streams or calls: nothing is reordered or
    doubled there, and a planted bug is refused. It takes as long as the plan says.

    Args:
        plan: A plan's JSON, or the file that it is in; see `Simulation.plan`.
        seed: Instead of a plan: the plan that this seed draws; a new one if neither is given.
        processes: A child process for each branch, so that a crash is kill -9 and a pause SIGSTOP.
        data_dir: For a plan whose branches have disks: an empty directory; None: a temporary one.
        progress: Called with the number of operations done and that of all, about ten times a second.

    Returns:
        What came of it.

    Raises:
        InputError: The plan cannot be read.
        ConfigError: The plan cannot be played, or the data directory has been used before.
        ProcessError, StorageError: A branch has ended by itself.

    Example:
        >>> import replibank
        >>> plan = replibank.simulate(seed=7, branches=3, operations=50, duration=0.2, faults=["crash"]).plan
        >>> replibank.play(plan).ok
        True
    """
    read = read_plan(plan, seed)
    counter = _core.Progress()
    with reporting(progress, counter, read.operations):
        return perform(read, counter, processes=processes, data_dir=data_dir)


def read_plan(plan: str | os.PathLike[str] | None, seed: int | None) -> _core.Plan:
    """A plan from its text, its file, or a seed."""
    if plan is None:
        return plans.plan(None, seed, {})
    if seed is not None:
        raise ValueError("a plan and a seed were given: give one of them")
    return plans.read(plan)


def perform(
    plan: _core.Plan, counter: _core.Progress, *, processes: bool, data_dir: str | os.PathLike[str] | None
) -> Play:
    """Plays a plan that was read, and counts what is done. The arguments are those of `play`."""
    program = child_program() if processes else None
    with ExitStack() as cleanup:
        if data_dir is None:
            data_dir = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="replibank-"))
        return Play(plan, _core.play(plan, program, Path(data_dir), TRACE_CAPACITY, counter).wait())
