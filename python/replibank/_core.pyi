"""The compiled core, as Python sees it. The public API, with its documentation, is in `replibank`.

Every operation is a `Call`: nothing happens until it is run, blocking (`wait`) or on a running
asyncio loop (`future`). Times are in seconds, money in the account's smallest unit.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, Self, TypeVar, final

from typing_extensions import CapsuleType

_T_co = TypeVar("_T_co", covariant=True)

__all__ = [
    "BOUNDS",
    "FAULTS",
    "Bank",
    "Call",
    "Customer",
    "Deposit",
    "Plan",
    "Played",
    "Progress",
    "Query",
    "Receipt",
    "Replies",
    "Run",
    "Scenario",
    "Served",
    "Span",
    "Trace",
    "Verdict",
    "Version",
    "Watch",
    "Withdraw",
    "__version__",
    "bugs",
    "check_history",
    "connect",
    "differences",
    "play",
    "run",
    "serve_branch",
    "start_bank",
    "supervised_branch",
    "topology",
]

#: The bounds of what there can be, by name.
BOUNDS: Final[dict[str, int]]

#: The kinds of faults that a plan may be drawn with.
FAULTS: Final[tuple[str, ...]]

__version__: str

@final
class Call(Generic[_T_co]):
    """An operation that has not begun: it runs once."""

    def wait(self) -> _T_co:
        """Runs it and blocks, without the GIL; Ctrl-C interrupts it within 0.1 s."""

    def future(self) -> asyncio.Future[_T_co]:
        """Starts it; a future of the running loop gets its result. Cancelling drops it."""

@final
class Version:
    def __new__(cls, sequences: Mapping[Any, int] | None = None, /) -> Self: ...
    def to_dict(self) -> dict[Any, int]: ...
    def __ge__(self, other: Version, /) -> bool: ...
    def __le__(self, other: Version, /) -> bool: ...
    def __gt__(self, other: Version, /) -> bool: ...
    def __lt__(self, other: Version, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __or__(self, other: Version, /) -> Version: ...
    def __ror__(self, other: Version, /) -> Version: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...
    def __hash__(self) -> int: ...

@final
class Deposit:
    def __new__(cls, amount: int, *, account: int = 0) -> Self: ...
    @property
    def amount(self) -> int: ...
    @property
    def account(self) -> int: ...
    def __getnewargs_ex__(self, /) -> tuple[tuple[int], dict[str, int]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Withdraw:
    def __new__(cls, amount: int, *, account: int = 0) -> Self: ...
    @property
    def amount(self) -> int: ...
    @property
    def account(self) -> int: ...
    def __getnewargs_ex__(self, /) -> tuple[tuple[int], dict[str, int]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Query:
    def __new__(cls, *, account: int = 0) -> Self: ...
    @property
    def account(self) -> int: ...
    def __getnewargs_ex__(self, /) -> tuple[tuple[()], dict[str, int]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Receipt:
    def __new__(cls, branch: int, incarnation: int, sequence: int, balance: int) -> Self: ...
    @property
    def branch(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def balance(self) -> int: ...
    @property
    def version(self) -> Version: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Customer:
    @property
    def address(self) -> str: ...
    def query(self, account: int, at_least: Version | Receipt | None, timeout: float) -> Call[int]: ...
    def read(
        self, account: int, at_least: Version | Receipt | None, timeout: float
    ) -> Call[tuple[int, Version]]:
        """The balance and the version it was read at."""

    def deposit(
        self, amount: int, account: int, concern: str, at_least: Version | Receipt | None, timeout: float
    ) -> Call[Receipt]: ...
    def withdraw(
        self, amount: int, account: int, concern: str, at_least: Version | Receipt | None, timeout: float
    ) -> Call[Receipt]: ...
    def execute(
        self,
        actions: Iterable[Deposit | Withdraw | Query],
        concern: str,
        at_least: Version | Receipt | None,
        timeout: float,
    ) -> Call[list[Any]]:
        """Answer i is to action i: a balance, a Receipt, or an (unraised) Refused."""

    def deposit_many(
        self,
        amounts: Iterable[int],
        account: int,
        concern: str,
        at_least: Version | Receipt | None,
        timeout: float,
    ) -> Call[list[Any]]:
        """Answer i is to amount i: a Receipt, or an (unraised) Refused."""

    def status(self, timeout: float) -> Call[dict[str, Any]]:
        """Keys: branch, incarnation, balances {account: balance}, version, and links, a list of
        (peer, connected, behind)."""

    def watch(self, interval: float, timeout: float) -> Call[Watch]: ...

@final
class Watch:
    def next(self) -> Call[tuple[int, dict[int, int], Version] | None]:
        """(branch, {account: balance}, version); None once the branch has closed the stream."""

def connect(address: str, timeout: float) -> Call[Customer]: ...

@final
class Bank:
    def addresses(self) -> dict[int, str]: ...
    def customer(self, branch: int, timeout: float) -> Call[Customer]: ...
    def balances(self, account: int, timeout: float) -> Call[dict[int, int]]: ...
    def versions(self, timeout: float) -> Call[dict[int, Version]]: ...
    def wait_until_converged(self, timeout: float) -> Call[None]: ...
    def kill(self, branch: int) -> Call[None]: ...
    def restart(self, branch: int) -> Call[None]: ...
    def partition(self, groups: Sequence[Iterable[int]], one_way: bool) -> Call[int]:
        """This fault's id, as of the next three."""

    def delay(
        self,
        seconds: float,
        branches: Iterable[int] | None,
        links: Iterable[tuple[int, int]] | None,
        one_way: bool,
    ) -> Call[int]: ...
    def drop(
        self,
        share: float,
        branches: Iterable[int] | None,
        links: Iterable[tuple[int, int]] | None,
        one_way: bool,
    ) -> Call[int]: ...
    def drop_requests(self, share: float, branches: Iterable[int] | None) -> Call[int]: ...
    def lift(self, fault: int) -> Call[None]: ...
    def heal(self) -> Call[None]: ...
    def pause(self, branch: int) -> Call[None]: ...
    def resume(self, branch: int) -> Call[None]: ...
    def history(self) -> Call[tuple[str, int]]:
        """JSON lines for `check_history`, and how many events found no room."""

    def trace(self) -> Call[Trace | None]:
        """What has happened so far, at branches that have ended too, but not in processes that were killed;
        None without a trace."""

    def failures(self) -> Call[dict[int, str]]:
        """The branches that have ended by themselves, and why."""

    def run(self, scenario: Scenario, timeout: float, progress: Progress) -> Call[Replies]: ...
    def close(self) -> Call[dict[int, int]]: ...

def start_bank(
    branches: Mapping[int, str | None],
    accounts: Mapping[int, int],
    propagation: str,
    topology: str,
    propagation_delay: float,
    program: Sequence[str] | None,
    data_dir: str | os.PathLike[str] | None = None,
    durability: str = "synced",
    trace_capacity: int = 0,
) -> Call[Bank]:
    """`branches`: id to "HOST:PORT", or None: the system chooses a loopback port.
    `program`: the command of a child process a branch, which is to call `supervised_branch`;
    None: branches live in this process. `data_dir`: holds a directory for each branch; None: in
    memory only. `durability`: "synced" or "buffered". `trace_capacity`: the most rows that the trace
    keeps; 0: there is none."""

def topology(branches: Sequence[int], propagation: str, topology: str) -> tuple[int, int, int]:
    """Number of links, most links of a branch, diameter in hops."""

@final
class Served:
    @property
    def address(self) -> str: ...
    def connect(self, peers: Mapping[int, str]) -> Call[None]:
        """Links to the neighbours among these peers; those named with an address at the start are
        linked already. To be called once."""

    def check(self) -> None:
        """Raises StorageError if its disk has failed."""

    def close(self) -> Call[int]: ...

def serve_branch(
    branch: int,
    listen: str,
    peers: Mapping[int, str | None],
    accounts: Mapping[int, int],
    propagation: str,
    topology: str,
    propagation_delay: float,
    data_dir: str | os.PathLike[str] | None = None,
    durability: str = "synced",
) -> Call[Served]:
    """`data_dir`: the branch's own; None: in memory only."""

def supervised_branch() -> Call[None]:
    """Serves as the parent says on standard input, until that ends."""

@final
class Progress:
    """How many events of a run are answered; read it from any thread."""

    def __new__(cls) -> Self: ...
    @property
    def done(self) -> int: ...

@final
class Scenario:
    """A course input (project 1) that has been read and checked."""

    def __new__(cls, text: bytes, order: str = "file") -> Self:
        """Raises InputError. `order`: "file" or "id"."""

    @property
    def branches(self) -> list[int]: ...
    @property
    def opening(self) -> int: ...
    @property
    def customers(self) -> list[tuple[int, int, int]]:
        """(id, branch, number of events) of every record, in file order."""

    @property
    def event_count(self) -> int: ...
    def expected(self) -> Replies: ...
    def check(self, output: bytes) -> list[str]:
        """What is wrong with an output file, one sentence each; empty if it is right."""

@final
class Replies:
    """What every event was answered."""

    def output(self, form: str = "current") -> str:
        """The output file's text. `form`: "current" or "old"."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

def run(
    addresses: Mapping[int, str], scenario: Scenario, timeout: float, progress: Progress
) -> Call[Replies]:
    """Runs the customers against served branches, one record after another."""

@final
class Plan:
    """Everything that a simulation does, as data."""

    @staticmethod
    def draw(seed: int, given: Mapping[str, Any]) -> Plan: ...
    @staticmethod
    def parse(text: str) -> Plan: ...
    def to_json(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def branches(self) -> int: ...
    @property
    def operations(self) -> int: ...
    @property
    def faults(self) -> int: ...
    @property
    def bug(self) -> str | None: ...
    def run(self, trace_capacity: int, progress: Callable[[int], None] | None) -> Run:
        """Runs it without the GIL; what `progress` raises, and Ctrl-C, break it off."""

    def shrink(self, tries: int) -> Plan | None:
        """The smallest plan found that fails in the same way; None if this one does not fail."""

def differences(plan: Plan) -> list[str]:
    """What of a plan is other than in the simulator when it is played, in sentences. Raises
    ConfigError for one that cannot be played."""

def play(
    plan: Plan,
    program: Sequence[str] | None,
    data_dir: str | os.PathLike[str] | None,
    capacity: int,
    progress: Progress,
) -> Call[Played]:
    """Plays a plan on a live bank. `capacity`: of the trace and of the history, in events."""

@final
class Played:
    """What came of a play."""

    @property
    def violations(self) -> list[tuple[str, str]]: ...
    @property
    def verdict(self) -> Verdict: ...
    def history(self) -> str: ...
    @property
    def lost(self) -> int: ...
    @property
    def trace(self) -> Trace | None: ...
    @property
    def faults(self) -> int: ...
    @property
    def seconds(self) -> float: ...

@final
class Run:
    """What came of a simulation."""

    @property
    def violations(self) -> list[tuple[str, str]]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def counts(self) -> list[tuple[str, int]]: ...
    @property
    def times(self) -> tuple[int, int | None]: ...
    def history(self) -> str: ...
    @property
    def trace(self) -> Trace: ...

@final
class Span:
    """A fault of a trace, of one branch or of several at once."""

    @property
    def kind(self) -> str:
        """ "partition", "killed", "paused", "slow" or "loss"."""

    @property
    def text(self) -> str:
        """Where, for people."""

    @property
    def reason(self) -> str | None:
        """Details, for people."""

    @property
    def branches(self) -> list[int]:
        """The branches that it befell, of links both ends."""

    @property
    def links(self) -> list[tuple[int, int]]:
        """Of a partition, the links (from, to) that were cut."""

    @property
    def sides(self) -> list[list[int]]:
        """The branches in parts that heard nothing of each other; none if it parted nobody."""

    @property
    def start_us(self) -> int: ...
    @property
    def end_us(self) -> int: ...
    @property
    def lifted(self) -> bool:
        """Whether it ended within the trace."""

    @property
    def parts(self) -> list[tuple[int, int, int, int | None, int | None]]:
        """What it is made of: (branch, from, until, the row that began it, the row that ended it)."""

@final
class Trace:
    """What happened at the branches of a bank."""

    @staticmethod
    def parse(text: str) -> Trace:
        """Reads JSON lines; a `ValueError` names the first line that is wrong."""

    def __len__(self) -> int: ...
    @property
    def branches(self) -> list[int]: ...
    @property
    def accounts(self) -> dict[int, int]: ...
    @property
    def links(self) -> list[tuple[int, int]]: ...
    @property
    def lost(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def span(self) -> tuple[int, int] | None:
        """The times of the first row and the last, in microseconds; None: there is none."""

    def columns(self) -> list[tuple[str, str, bytes, bytes | None, list[str] | None, bool]]:
        """(name, "int64", "uint64", "uint32" or "text", the values in this machine's order of bytes, a
        byte a cell that is 1 where it is empty (None: none is), the texts that the values of a "text"
        column are places in, as int32, whether it is a category)."""

    def __arrow_c_stream__(self, requested_schema: object) -> CapsuleType: ...
    def to_jsonl(self) -> str: ...
    def to_shiviz(self) -> str: ...
    def window(self, start: int, end: int) -> Trace: ...
    def versions(self, time_us: int | None = None) -> dict[int, Version]: ...
    def faults(self) -> list[Span]:
        """What was wrong, in the order of time."""

    def row_versions(self) -> list[Version]:
        """The version of each row's branch after the row."""

@final
class Verdict:
    @property
    def ok(self) -> bool:
        """Whether something was examined, and no promise was broken."""
    @property
    def broken(self) -> bool: ...
    @property
    def anomalies(self) -> list[tuple[str, bool, int, int | None, int | None, list[int], str]]: ...
    @property
    def operations(self) -> int: ...
    @property
    def answered(self) -> int: ...
    @property
    def reads(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    @property
    def settled(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def faults(self) -> int: ...
    @property
    def answered_in_faults(self) -> int: ...

def check_history(text: str) -> Verdict:
    """Judges a history in JSON lines; a `ValueError` names the first line that is wrong."""

def bugs() -> list[tuple[str, str, str, str]]:
    """(name, story) of every bug that can be planted."""
