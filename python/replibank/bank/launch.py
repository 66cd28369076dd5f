"""How every bank starts: its arguments are checked here, and handed to the core. What it keeps for later,
its trace and its history, is had from the core here too.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from .. import _core
from .._base.arguments import ACCOUNT_MAX, BRANCH_MAX, OPENING_MAX, PORT_MAX, capacity, whole
from .._base.child import child_program
from ..errors import ConfigError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from ..trace.trace import Trace

#: How branches tell each other: one message per link for whatever is new, or one call per operation.
Propagation = Literal["stream", "unary"]

#: Which branches are linked: "auto" is a mesh of up to 8 branches, and an overlay beyond.
Topology = Literal["auto", "mesh", "overlay", "ring"]

#: When a write counts as being on disk: when the disk says so, or when the system has it.
Durability = Literal["synced", "buffered"]


def launch(
    branches: Mapping[int, int],
    *,
    accounts: Mapping[int, int] | None = None,
    propagation: str = "stream",
    topology: str = "auto",
    processes: bool = False,
    ports: Mapping[int, int] | None = None,
    propagation_delay: float = 0.0,
    data_dir: str | os.PathLike[str] | None = None,
    durability: str = "synced",
    trace: bool | int = False,
) -> _core.Call[_core.Bank]:
    """The call that starts a bank. The arguments are those of `Bank`.

    Raises:
        TypeError: A number is no whole number.
        ConfigError: The bank cannot be as it is described.
    """
    openings = {
        whole("branch", branch, 1, BRANCH_MAX): whole(
            f"opening balance of branch {branch}", opening, 0, OPENING_MAX
        )
        for branch, opening in branches.items()
    }
    return _core.start_bank(
        _addresses(openings, ports or {}),
        _accounts(openings, accounts or {}),
        propagation,
        topology,
        propagation_delay,
        child_program() if processes else None,
        data_dir,
        durability,
        capacity(trace),
    )


@contextmanager
def running(call: _core.Call[_core.Bank]) -> Iterator[_core.Bank]:
    """The bank of a `launch`, which ends with the block, however that ends."""
    bank = call.wait()
    try:
        yield bank
    finally:
        bank.close().wait()


def trace_of(core: _core.Trace | None) -> Trace:
    """A bank's trace.

    Raises:
        ConfigError: It keeps none.
    """
    if core is None:
        raise ConfigError("this bank keeps no trace: start it with trace=True")
    from ..trace.trace import Trace  # noqa: PLC0415 (most banks keep none)

    return Trace(core)


def history_of(history: tuple[str, int]) -> str:
    """A bank's history, with a warning if it is not all of it."""
    text, lost = history
    if lost > 0:
        warnings.warn(
            f"this history ends early: {lost} later events found no room (a larger trace=... keeps more)",
            RuntimeWarning,
            stacklevel=3,
        )
    return text


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
    """Where each branch listens; None: the system chooses a port."""
    addresses: dict[int, str | None] = dict.fromkeys(openings)
    for branch, port in ports.items():
        if branch not in addresses:
            raise ConfigError(
                f"port {port} is for branch {branch}, and there is none: name one of the branches"
            )
        addresses[branch] = f"127.0.0.1:{whole(f'port of branch {branch}', port, 0, PORT_MAX)}"
    return addresses
