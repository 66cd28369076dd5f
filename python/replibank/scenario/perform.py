"""A scenario, run on a bank: the customers one after another, until all branches agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import _core


def perform(
    bank: _core.Bank, scenario: _core.Scenario, timeout: float, counter: _core.Progress
) -> tuple[_core.Replies, dict[int, int]]:
    """Runs the scenario's customers, and waits until all branches have what they wrote.

    Args:
        bank: The running bank.
        scenario: What its customers do.
        timeout: Seconds, for each request and for the convergence at the end.
        counter: Counts the events that are answered.

    Returns:
        What the customers were answered, and the default account's balance at each branch in the end.

    Raises:
        Unreachable, DeadlineExceeded, VersionNotReached: A request was not decided in time.
        NotConverged: The branches did not agree in time.
    """
    replies = bank.run(scenario, timeout, counter).wait()
    bank.wait_until_converged(timeout).wait()
    return replies, bank.balances(0, timeout).wait()
