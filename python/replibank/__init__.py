"""replibank: a replicated bank. Branch servers each hold a replica of every account; customers
deposit, withdraw and query at one branch, and every replica converges.

    >>> import replibank
    >>> with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
    ...     receipt = bank.customer(2).deposit(170)
    ...     bank.wait_until_converged(timeout=5)
    ...     bank.balances()
    {1: 570, 2: 570, 3: 570}

`AsyncBank` and `AsyncCustomer` offer the same methods as coroutines; `run` runs a course's input.
"""

from __future__ import annotations

from importlib import import_module

# Type checkers take it for typing's own, whose import would be most of what a child process imports.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from pathlib import Path

    from . import measures, plot
    from ._core import Deposit, Query, Receipt, Version, Withdraw, __version__
    from .bank.async_bank import AsyncBank
    from .bank.bank import Bank
    from .bank.fault import AsyncFault, Fault
    from .customer.async_customer import AsyncCustomer
    from .customer.customer import Customer
    from .customer.status import Link, Snapshot, Status
    from .errors import (
        AddressInUse,
        AlreadyRunning,
        Closed,
        ConcernNotReached,
        ConfigError,
        DeadlineExceeded,
        ForkedError,
        InputError,
        InsufficientFunds,
        InvalidAmount,
        NotConverged,
        NotRunning,
        Overloaded,
        ProcessError,
        ProtocolError,
        Refused,
        ReplibankError,
        RequestConflict,
        RequestExpired,
        StorageError,
        TotalLimit,
        UnknownAccount,
        UnknownBranch,
        Unreachable,
        VersionLost,
        VersionNotReached,
    )
    from .live.watch import Watch, watch
    from .scenario.run import Result, run
    from .sim.bugs import bugs
    from .sim.play import Play, play
    from .sim.simulation import Simulation, simulate
    from .trace.trace import Trace, read_trace
    from .verdict import Anomaly, Verdict, check

__all__ = [
    "AddressInUse",
    "AlreadyRunning",
    "Anomaly",
    "AsyncBank",
    "AsyncCustomer",
    "AsyncFault",
    "Bank",
    "Closed",
    "ConcernNotReached",
    "ConfigError",
    "Customer",
    "DeadlineExceeded",
    "Deposit",
    "Fault",
    "ForkedError",
    "InputError",
    "InsufficientFunds",
    "InvalidAmount",
    "Link",
    "NotConverged",
    "NotRunning",
    "Overloaded",
    "Play",
    "ProcessError",
    "ProtocolError",
    "Query",
    "Receipt",
    "Refused",
    "ReplibankError",
    "RequestConflict",
    "RequestExpired",
    "Result",
    "Simulation",
    "Snapshot",
    "Status",
    "StorageError",
    "TotalLimit",
    "Trace",
    "UnknownAccount",
    "UnknownBranch",
    "Unreachable",
    "Verdict",
    "Version",
    "VersionLost",
    "VersionNotReached",
    "Watch",
    "Withdraw",
    "__version__",
    "bugs",
    "check",
    "measures",
    "play",
    "plot",
    "proto_path",
    "read_trace",
    "run",
    "simulate",
    "watch",
]

# A branch's child process and the command line import the package for a small part of it: each
# name is therefore fetched at its first use (PEP 562). What is not here is an exception.
_HOMES = {
    "_core": ("Deposit", "Query", "Receipt", "Version", "Withdraw", "__version__"),
    "bank.async_bank": ("AsyncBank",),
    "customer.async_customer": ("AsyncCustomer",),
    "bank.bank": ("Bank",),
    "customer.customer": ("Customer",),
    "bank.fault": ("AsyncFault", "Fault"),
    "sim.play": ("Play", "play"),
    "scenario.run": ("Result", "run"),
    "sim.bugs": ("bugs",),
    "sim.simulation": ("Simulation", "simulate"),
    "verdict": ("Anomaly", "Verdict", "check"),
    "customer.status": ("Link", "Snapshot", "Status"),
    "trace.trace": ("Trace", "read_trace"),
    "live.watch": ("Watch", "watch"),
}
#: Those need an extra.
_MODULES = ("measures", "plot")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def proto_path() -> Path:
    """The directory to compile the protocol from.

    Returns:
        A directory that holds `replibank/v1/bank.proto` and its neighbours: the `-I` of protoc.

    Example:
        >>> import replibank
        >>> sorted(path.name for path in (replibank.proto_path() / "replibank" / "v1").iterdir())
        ['bank.proto', 'replication.proto', 'types.proto']
    """
    from pathlib import Path  # noqa: PLC0415 (a branch's child process does without it)

    return Path(__file__).parent / "proto"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    value: object = getattr(import_module(f".{_HOME_OF.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
