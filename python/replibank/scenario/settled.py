"""What must hold before new customers may come to a bank that others have used: every branch has
what was written before. A branch waits for the version itself; nothing here sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from .. import _core
from .._base.words import some
from ..errors import ConfigError, UnknownBranch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Seconds that a branch may take to answer in any case.
LEAST_WAIT = 0.1


class Settled(NamedTuple):
    """A bank whose branches all have the same writes.

    Attributes:
        balance: The default account's balance.
        version: The writes.
    """

    balance: int
    version: _core.Version


def settle(addresses: Mapping[int, str], patience: float, timeout: float) -> Settled:
    """Waits until every branch has every write that any of them has.

    Args:
        addresses: "HOST:PORT" by branch id.
        patience: Seconds that each branch may take to answer at first.
        timeout: Seconds that each may take to catch up.

    Raises:
        ConfigError: What answers at an address is another branch.
        Unreachable: A branch does not answer.
        VersionNotReached: A branch did not catch up.
    """
    customers = []
    statuses = []
    for branch, address in addresses.items():
        deadline = time.monotonic() + patience
        customer = _core.connect(address, patience).wait()
        customers.append(customer)
        # Somebody may take connections and answer nothing.
        status = customer.status(max(deadline - time.monotonic(), LEAST_WAIT)).wait()
        if status["branch"] != branch:
            raise ConfigError(f"{address} is branch {status['branch']}, not {branch}")
        statuses.append(status)
    everything = _core.Version()
    for status in statuses:
        everything |= status["version"]
    balance = 0
    for customer, status in zip(customers, statuses, strict=True):
        if status["version"] == everything:
            balance = status["balances"][0]
        else:
            balance = customer.query(0, everything, timeout).wait()
    return Settled(balance, everything)


def found(bank: _core.Bank, timeout: float) -> Settled | None:
    """How a bank stands that goes on from its data, once its branches agree; None for a fresh one."""
    if not any(bank.versions(timeout).wait().values()):
        return None
    bank.wait_until_converged(timeout).wait()
    # Branches that agree have one balance and one version, whichever is asked.
    balance = next(iter(bank.balances(0, timeout).wait().values()))
    version = next(iter(bank.versions(timeout).wait().values()))
    return Settled(balance, version)


def note(settled: Settled, opening: int, *, fresh: str = "serve the input again for a fresh one") -> str:
    """What to tell people of a bank that does not stand at the input's opening balance. `fresh` is how
    to get a bank that does."""
    why = (
        f"it has been used before ({fresh})"
        if settled.version
        else "nobody has used it, so it was opened with another balance"
    )
    return f"note: the bank stands at {settled.balance}, the input opens at {opening}:\n      {why}"


def check_served(
    scenario: _core.Scenario, addresses: Iterable[int], hint: str, *, how: str = "served"
) -> None:
    """Refuses an input whose customers need a branch that is not served, before any money moves.

    Raises:
        UnknownBranch: The text names the customer and the branch, and ends with `hint`, in which
            `{branch}` is that branch. `how` says what was done with the branches that are there.
    """
    served = set(addresses)
    only = f"branch {some(served)} was {how}" if len(served) == 1 else f"branches {some(served)} were {how}"
    for customer, branch, _ in scenario.customers:
        if branch not in served:
            raise UnknownBranch(
                f"customer {customer} needs branch {branch}, and only {only}: " + hint.format(branch=branch)
            )


def check_ids(scenario: _core.Scenario, addresses: Iterable[int], *, every: bool, hint: str) -> None:
    """Refuses a bank whose branches are not those of the input, before any money moves.

    Args:
        scenario: The input.
        addresses: The ids of the branches that are served, or that are named.
        every: Whether each of the input's branches must be among them.
        hint: What would be right.

    Raises:
        ConfigError: The text names a branch that only one of the two has, and ends with `hint`.
    """
    served, wanted = set(addresses), set(scenario.branches)
    if served - wanted:
        raise ConfigError(f"branch {min(served - wanted)} is none of the input's branches: {hint}")
    if every and wanted - served:
        raise ConfigError(f"the input has branch {min(wanted - served)}, and nobody serves it: {hint}")
