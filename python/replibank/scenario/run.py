"""A course's input, run from beginning to end: a bank with its branches, its customers one after
another, and what they were answered.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Literal

from .. import _core
from .._base import tables
from .._base.files import write_atomically
from .._base.progress import reporting
from .._base.words import plural
from ..bank.launch import history_of, launch, running, trace_of
from .perform import perform
from .read import read_scenario

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from ..bank.launch import Propagation, Topology
    from ..trace.trace import Trace
    from .read import Order

#: The output's form: the course's current one, or that of older editions.
Form = Literal["current", "old"]


class Result:
    """What a run was answered. Two results are equal if the answers are.

    Attributes:
        seconds: How long it took, from the start of the bank until all branches had converged.
        balances: The default account's balance at each branch after that, in its smallest unit.
        branches: The number of branches.
        customers: The number of customer records.
        events: The number of their events.
        trace: What happened, if it was asked for; otherwise None.
        history: What the customers asked and were told, as JSON lines for `check`, if the trace was asked
            for; otherwise None.
    """

    def __init__(
        self,
        scenario: _core.Scenario,
        replies: _core.Replies,
        balances: dict[int, int],
        seconds: float,
        *,
        trace: Trace | None = None,
        history: str | None = None,
    ) -> None:
        """Not for users: `run` makes results."""
        self._scenario = scenario
        self._replies = replies
        self.balances = balances
        self.seconds = seconds
        self.trace = trace
        self.history = history
        self.branches = len(scenario.branches)
        self.customers = len(scenario.customers)
        self.events = scenario.event_count

    @property
    def output(self) -> str:
        """The text of the output file, in the current form."""
        return self.render()

    @property
    def correct(self) -> bool:
        """Whether every answer is that of a bank without replicas."""
        return self._replies == self._scenario.expected()

    def render(self, form: Form = "current") -> str:
        """The text of the output file.

        Args:
            form: "current", or "old": the form of the course's older editions.

        Raises:
            ValueError: There is no such form.
        """
        return self._replies.output(form)

    def to_list(self) -> list[dict[str, Any]]:
        """The output as Python has it: one dict for each customer record, in the order of the input.

        Example:
            >>> import replibank
            >>> branch = {"id": 1, "type": "branch", "balance": 400}
            >>> events = [{"interface": "query"}]
            >>> replibank.run([{"id": 1, "type": "customer", "events": events}, branch]).to_list()
            [{'id': 1, 'recv': [{'interface': 'query', 'balance': 400}]}]
        """
        records: list[dict[str, Any]] = json.loads(self.output)
        return records

    def write(self, path: str | os.PathLike[str], form: Form = "current") -> None:
        """Writes the output file, whole or not at all.

        Args:
            path: The file.
            form: "current", or "old": the form of the course's older editions.

        Raises:
            OSError: It cannot be written; it is then unchanged.
        """
        write_atomically(path, self.render(form))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result):
            return NotImplemented
        return self.output == other.output

    __hash__ = None  # type: ignore[assignment]

    def _ending(self) -> str:
        values = sorted(set(self.balances.values()))
        return f"balance {values[0]}" if len(values) == 1 else f"balances {values[0]} to {values[-1]}"

    def __repr__(self) -> str:
        return (
            f"<Result: {plural(self.branches, 'branch')}, {plural(self.customers, 'customer')}, "
            f"{plural(self.events, 'event')} "
            f"in {self.seconds:.3f} s, {self._ending()} at the end>"
        )

    def _repr_html_(self) -> str:
        return tables.facts(
            "Result",
            [
                ("bank", plural(self.branches, "branch")),
                ("asked", f"{plural(self.customers, 'customer')}, {plural(self.events, 'event')}"),
                ("answers", "as of a bank without replicas" if self.correct else "not those of one bank"),
                ("at the end", self._ending()),
                ("took", f"{self.seconds:.3f} s"),
            ],
        )


def run(
    input: str | os.PathLike[str] | Sequence[Mapping[str, Any]],
    *,
    propagation: Propagation = "stream",
    topology: Topology = "auto",
    processes: bool = False,
    order: Order = "file",
    timeout: float = 30.0,
    propagation_delay: float = 0.0,
    trace: bool | int = False,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Runs a course's input (project 1): starts its branches, runs its customers one after another,
    each at its own branch, waits until all branches agree, and stops them.

    Nothing sleeps in between: a branch answers a customer as soon as it has what the customers
    before have written.

    Args:
        input: The input file, or its records.
        propagation: "stream", or "unary": one call for each operation and peer, as the course has it.
        topology: "auto", "mesh", "overlay" or "ring". Unary propagation is always a mesh.
        processes: A child process for each branch.
        order: A customer's events "file": in the order of the file, or "id": by their ids.
        timeout: Seconds, for each request and for the convergence at the end.
        propagation_delay: Seconds that each message between branches is held back.
        trace: Whether to keep what happens, for `Result.trace` and `Result.history`, or the most rows that
            are kept.
        progress: Called with the number of events answered and that of all events: about ten times a
            second from a thread of its own, and once at the end. What it raises ends the reports, and
            is raised when the run is over.

    Returns:
        The answers and what there is to say of the run.

    Raises:
        InputError: The input cannot be read or cannot be run; the message says where it is wrong.
        ConfigError, AddressInUse, ProcessError: The bank cannot start.
        Unreachable, DeadlineExceeded, VersionNotReached: A request was not decided in time.
        NotConverged: The branches did not agree in time.

    Example:
        >>> import replibank
        >>> result = replibank.run([
        ...     {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 70}]},
        ...     {"id": 2, "type": "customer", "events": [{"id": 2, "interface": "query"}]},
        ...     {"id": 1, "type": "branch", "balance": 400},
        ...     {"id": 2, "type": "branch", "balance": 400},
        ... ])
        >>> result.balances
        {1: 470, 2: 470}
    """
    scenario = read_scenario(input, order)
    counter = _core.Progress()
    begun = time.perf_counter()
    call = launch(
        dict.fromkeys(scenario.branches, scenario.opening),
        propagation=propagation,
        topology=topology,
        processes=processes,
        propagation_delay=propagation_delay,
        trace=trace,
    )
    with running(call) as bank, reporting(progress, counter, scenario.event_count):
        replies, balances = perform(bank, scenario, timeout, counter)
        seconds = time.perf_counter() - begun
        history = history_of(bank.history().wait()) if trace else None
    # Of a bank that has ended, it is everything.
    kept = trace_of(bank.trace().wait()) if trace else None
    return Result(scenario, replies, balances, seconds, trace=kept, history=history)
