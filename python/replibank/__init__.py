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

    from . import measures as measures
    from . import plot as plot
    from ._core import Deposit as Deposit
    from ._core import Query as Query
    from ._core import Receipt as Receipt
    from ._core import Version as Version
    from ._core import Withdraw as Withdraw
    from ._core import __version__ as __version__
    from .bank.async_bank import AsyncBank as AsyncBank
    from .bank.bank import Bank as Bank
    from .bank.fault import AsyncFault as AsyncFault
    from .bank.fault import Fault as Fault
    from .customer.async_customer import AsyncCustomer as AsyncCustomer
    from .customer.customer import Customer as Customer
    from .customer.status import Link as Link
    from .customer.status import Snapshot as Snapshot
    from .customer.status import Status as Status
    from .errors import AddressInUse as AddressInUse
    from .errors import AlreadyRunning as AlreadyRunning
    from .errors import Closed as Closed
    from .errors import ConcernNotReached as ConcernNotReached
    from .errors import ConfigError as ConfigError
    from .errors import DeadlineExceeded as DeadlineExceeded
    from .errors import ForkedError as ForkedError
    from .errors import InputError as InputError
    from .errors import InsufficientFunds as InsufficientFunds
    from .errors import InvalidAmount as InvalidAmount
    from .errors import NotConverged as NotConverged
    from .errors import NotRunning as NotRunning
    from .errors import Overloaded as Overloaded
    from .errors import ProcessError as ProcessError
    from .errors import ProtocolError as ProtocolError
    from .errors import Refused as Refused
    from .errors import ReplibankError as ReplibankError
    from .errors import RequestConflict as RequestConflict
    from .errors import RequestExpired as RequestExpired
    from .errors import StorageError as StorageError
    from .errors import TotalLimit as TotalLimit
    from .errors import UnknownAccount as UnknownAccount
    from .errors import UnknownBranch as UnknownBranch
    from .errors import Unreachable as Unreachable
    from .errors import VersionLost as VersionLost
    from .errors import VersionNotReached as VersionNotReached
    from .live.watch import Watch as Watch
    from .live.watch import watch as watch
    from .scenario.run import Result as Result
    from .scenario.run import run as run
    from .sim.bugs import bugs as bugs
    from .sim.play import Play as Play
    from .sim.play import play as play
    from .sim.simulation import Simulation as Simulation
    from .sim.simulation import simulate as simulate
    from .trace.trace import Trace as Trace
    from .trace.trace import read_trace as read_trace
    from .verdict import Anomaly as Anomaly
    from .verdict import Verdict as Verdict
    from .verdict import check as check

#: Where each name lives. A branch's child process and the command line import the package for a small part
#: of it: each name is therefore fetched at its first use (PEP 562).
_HOMES = {
    "_core": ("Deposit", "Query", "Receipt", "Version", "Withdraw", "__version__"),
    "bank.async_bank": ("AsyncBank",),
    "bank.bank": ("Bank",),
    "bank.fault": ("AsyncFault", "Fault"),
    "customer.async_customer": ("AsyncCustomer",),
    "customer.customer": ("Customer",),
    "customer.status": ("Link", "Snapshot", "Status"),
    "errors": (
        "AddressInUse",
        "AlreadyRunning",
        "Closed",
        "ConcernNotReached",
        "ConfigError",
        "DeadlineExceeded",
        "ForkedError",
        "InputError",
        "InsufficientFunds",
        "InvalidAmount",
        "NotConverged",
        "NotRunning",
        "Overloaded",
        "ProcessError",
        "ProtocolError",
        "Refused",
        "ReplibankError",
        "RequestConflict",
        "RequestExpired",
        "StorageError",
        "TotalLimit",
        "UnknownAccount",
        "UnknownBranch",
        "Unreachable",
        "VersionLost",
        "VersionNotReached",
    ),
    "live.watch": ("Watch", "watch"),
    "scenario.run": ("Result", "run"),
    "sim.bugs": ("bugs",),
    "sim.play": ("Play", "play"),
    "sim.simulation": ("Simulation", "simulate"),
    "trace.trace": ("Trace", "read_trace"),
    "verdict": ("Anomaly", "Verdict", "check"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

#: Modules, which need an extra.
_MODULES = ("measures", "plot")

__all__ = sorted([*_HOME_OF, *_MODULES, "proto_path"])  # noqa: PLE0605 (told once, above)


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
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
