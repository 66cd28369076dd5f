"""What must hold before new customers may come to a bank that others have used: every branch has
what was written before. A branch waits for the version itself; nothing here sleeps."""

from collections.abc import Mapping
from typing import NamedTuple

from replibank import _core


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
        Unreachable: A branch does not answer.
        VersionNotReached: A branch did not catch up.
    """
    customers = [_core.connect(address, patience).wait() for address in addresses.values()]
    statuses = [customer.status(timeout).wait() for customer in customers]
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


def used_before(balance: int, opening: int) -> str:
    """What to tell people of a bank that does not stand at its opening balance."""
    return (
        f"note: the served bank stands at {balance}, not at its opening balance {opening}: "
        "it has been used before (serve the input again for a fresh one)"
    )
