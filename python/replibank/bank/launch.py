"""The arguments of Bank and AsyncBank, checked and handed to the core: both start the same way."""

from __future__ import annotations

import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import _core
from ..errors import ConfigError
from ..trace.trace import capacity

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

BRANCH_MAX = 2**32 - 1
ACCOUNT_MAX = 2**64 - 1
OPENING_MAX = 2**53 - 1
PORT_MAX = 2**16 - 1


def start(
    branches: Mapping[int, int],
    *,
    accounts: Mapping[int, int] | None,
    propagation: str,
    topology: str,
    processes: bool,
    ports: Mapping[int, int] | None,
    propagation_delay: float,
    data_dir: str | os.PathLike[str] | None,
    durability: str,
    trace: bool | int = False,
) -> _core.Call[_core.Bank]:
    """The call that starts a bank.

    Raises:
        TypeError: A number is no whole number.
        ConfigError: The bank cannot be as it is described.
    """
    branches = mapping("branches", branches, "opening balances by branch id")
    accounts = mapping("accounts", accounts or {}, "opening balances by account id")
    ports = mapping("ports", ports or {}, "ports by branch id")
    openings = {
        whole("branch", branch, 1, BRANCH_MAX): whole(
            f"opening balance of branch {branch}", opening, 0, OPENING_MAX
        )
        for branch, opening in branches.items()
    }
    return _core.start_bank(
        _addresses(openings, ports),
        _accounts(openings, accounts),
        propagation,
        topology,
        propagation_delay,
        child_program() if processes else None,
        data_dir,
        durability,
        capacity(trace),
    )


def mapping(name: str, value: Mapping[int, int], right: str) -> dict[int, int]:
    """A dict, or what has items as one has."""
    if not hasattr(value, "items"):
        raise TypeError(f"{name} {value!r} is not right: a dict of {right} is")
    return dict(value.items())


def whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number in a range. `True` and 1.0 are none; NumPy's integers are."""
    right = f"a whole number from {least} to {most} is"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} {value!r} is not right: {right}")
    number = operator.index(value)
    if not least <= number <= most:
        raise ConfigError(f"{name} {number} is not right: {right}")
    return number


def _accounts(openings: Mapping[int, int], others: Mapping[int, int]) -> dict[int, int]:
    """Opening balances by account id; the default account's is the branches'."""
    accounts = {}
    if openings:
        first = next(iter(openings))
        for branch, opening in openings.items():
            if opening != openings[first]:
                raise ConfigError(
                    f"branch {first} opens with {openings[first]} and branch {branch} with {opening}: "
                    "branches are replicas of one balance, so give each the same"
                )
        accounts[0] = openings[first]
    for account, opening in others.items():
        number = whole("account", account, 1, ACCOUNT_MAX)
        accounts[number] = whole(f"opening balance of account {number}", opening, 0, OPENING_MAX)
    return accounts


def _addresses(openings: Mapping[int, int], ports: Mapping[int, int]) -> dict[int, str | None]:
    """Where each branch listens; None: a port of the system's choice."""
    addresses: dict[int, str | None] = dict.fromkeys(openings)
    for branch, port in ports.items():
        if branch not in addresses:
            raise ConfigError(
                f"port {port} is for branch {branch}, and there is none: name one of the branches"
            )
        addresses[branch] = f"127.0.0.1:{whole(f'port of branch {branch}', port, 0, PORT_MAX)}"
    return addresses


def child_program() -> list[str]:
    """The command of a branch's child process.

    Fifty of them start at once, so each runs as little of Python as there is: no `site`, no
    environment, and of the package the core alone, from where this process has it. Each line of its log
    begins with its level, by which the parent's log takes it.
    """
    if not sys.executable:
        raise ConfigError("no Python interpreter is known to start branches with (sys.executable is empty)")
    directory = str(Path(__file__).resolve().parent.parent.parent)
    code = (
        f"import logging, sys; sys.path.insert(0, {directory!r}); "
        "logging.basicConfig(format='%(levelname)s:%(message)s'); "
        "from replibank import _core; _core.supervised_branch().wait()"
    )
    return [sys.executable, "-I", "-S", "-c", code]
