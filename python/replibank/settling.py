"""What must hold before new customers may come to a bank that others have used: every branch has
what was written before. A branch waits for the version itself; nothing here sleeps."""

from collections.abc import Mapping

from replibank import _core


def settle(addresses: Mapping[int, str], patience: float, timeout: float) -> int:
    """Waits until every branch has every write that any of them has.

    Args:
        addresses: "HOST:PORT" by branch id.
        patience: Seconds that each branch may take to answer at first.
        timeout: Seconds that each may take to catch up.

    Returns:
        The balance of the default account, at that version.
    """
    customers = [_core.connect(address, patience).wait() for address in addresses.values()]
    everything = _core.Version()
    behind: list[tuple[_core.Customer, _core.Version]] = []
    balance = 0
    for customer in customers:
        status = customer.status(timeout).wait()
        everything |= status["version"]
        balance = status["balances"][0]
        behind.append((customer, status["version"]))
    for customer, version in behind:
        if version != everything:
            balance = customer.query(0, everything, timeout).wait()
    return balance
