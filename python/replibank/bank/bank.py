"""A whole bank, blocking: its branches as real gRPC servers, in this process or one child process
each. `AsyncBank` is the same for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ..customer.customer import Customer
from ..customer.state import connected
from .faults import FaultInjection
from .launch import history_of, trace_of

if TYPE_CHECKING:
    from .._core import Version
    from ..trace.trace import Trace


class Bank(FaultInjection):
    """A running bank. It starts at once, and ends at `close`, at the end of its `with` block, or
    with this process.

    Args:
        branches: Opening balance by branch id, in the account's smallest unit: ids from 1 to
            2**32 - 1, balances from 0 to 2**53 - 1 and all equal, for they are replicas of one.
        accounts: Opening balances of further accounts, by account id from 1. The branches' balance is
            that of account 0.
        propagation: "stream", or "unary": one call for each operation and peer, as the course has it.
        topology: "auto", "mesh", "overlay" or "ring". Unary propagation is always a mesh.
        processes: A child process for each branch. They end with this process, however it ends.
        ports: Port by branch id, on 127.0.0.1; for the others, the system chooses.
        propagation_delay: Seconds that each message between branches is held back: for teaching and
            for tests.
        data_dir: A directory in which each branch has one of its own (`branch-1` and so on) for its
            pages and its table of requests. A bank of the same branches and accounts goes on from
            there. None: in memory only.
        durability: When a write counts as being in the data directory, and so may be acknowledged.
            "synced": when the disk says so; the write survives the machine. "buffered": when the system
            has it, which is several times faster; the write survives the process, even kill -9. If the
            machine fails (power, kernel), the last writes of its branches may then be lost. A directory
            may be found damaged as a whole: give such a branch an empty one.
        trace: Whether to keep what happens, for `trace`. A number: the most rows that are kept, of all
            branches (True: a million, in some 130 MB); those that find no room are counted. Child
            processes keep their own rows, with equal shares of that number. It also keeps the `history`.

    Raises:
        ConfigError: The bank cannot be as it is described, or needs more open files than it may have.
        AddressInUse: Another program has a port.
        ProcessError: A child process did not start.
        StorageError: A branch's data directory cannot be used; nothing in it was changed.
        TypeError: A number is no whole number.

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
        ...     receipt = bank.customer(2).deposit(170)
        ...     bank.wait_until_converged(timeout=5)
        ...     bank.balances()
        {1: 570, 2: 570, 3: 570}
    """

    _not_running = "this bank is closed: start a new one"

    def _prepared(self) -> None:
        self._started(self._launch().wait())

    def customer(self, branch: int, timeout: float = 5.0) -> Customer:
        """A new customer of one branch.

        Args:
            branch: The branch's id.
            timeout: Seconds that connecting may take, and each of the customer's operations unless
                it is given a timeout of its own.

        Returns:
            The customer, connected.

        Raises:
            UnknownBranch: The bank has no such branch.
            Unreachable: The branch does not answer in time.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     bank.customer(1).query()
            400
        """
        return connected(Customer, self._live().customer(branch, timeout).wait(), timeout)

    def balances(self, account: int = 0, *, timeout: float = 5.0) -> dict[int, int]:
        """What each branch sees at this moment; those that were killed see nothing.

        Args:
            account: The account's id.
            timeout: Seconds.

        Returns:
            Balance by branch id, in the account's smallest unit.

        Raises:
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: A branch that is a child process does not answer.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}, accounts={7: 20}) as bank:
            ...     bank.balances(), bank.balances(account=7)
            ({1: 400, 2: 400}, {1: 20, 2: 20})
        """
        return self._live().balances(account, timeout).wait()

    def versions(self, *, timeout: float = 5.0) -> dict[int, Version]:
        """What each branch has seen by now, but for those that were killed.

        Args:
            timeout: Seconds.

        Returns:
            Version by branch id.

        Raises:
            Unreachable, DeadlineExceeded: A branch that is a child process does not answer.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     receipt = bank.customer(1).deposit(1)
            ...     bank.versions()
            {1: Version({1: 1})}
        """
        return self._live().versions(timeout).wait()

    def wait_until_converged(self, timeout: float = 10.0) -> None:
        """Returns once every write that was committed before the call is at every branch. Branches that
        were killed are left out, and with them what they had told nobody.

        Args:
            timeout: Seconds.

        Raises:
            NotConverged: The time is over; the message says which branches lack how much.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     receipt = bank.customer(1).withdraw(100)
            ...     bank.wait_until_converged(timeout=5)
            ...     bank.balances()
            {1: 300, 2: 300}
        """
        self._live().wait_until_converged(timeout).wait()

    def trace(self) -> Trace:
        """What has happened so far; of a closed bank, everything.

        Child processes keep their rows themselves and hand them over when asked, all until the same
        moment, and once more when the bank is closed. A process that is killed takes its rows with it. Its
        `killed` row is left, and says so; what its peers received from it is left too, and the sending of
        that is missing. The queries with which `wait_until_converged` asks
        child processes are among the rows.

        Returns:
            The rows of all branches, in the order of time; in this process, those of branches that were
            killed included.

        Raises:
            ConfigError: The bank keeps no trace: start it with `trace=True`.
            DeadlineExceeded: A child process is paused, and cannot hand over its rows.
            ProcessError: A child process does not hand over its rows in time.
            ForkedError: The bank is that of the process that this one was forked from.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
            ...     receipt = bank.customer(1).deposit(1)
            >>> [row["amount"] for row in bank.trace().to_dicts() if row["event"] == "deposit"]
            [1]
        """
        return trace_of(None if self._traced is None else self._traced.trace().wait())

    def history(self) -> str:
        """What customers that `customer` has made asked and were told, and the branches that came back, as
        JSON lines for `check`.

        If nobody waits for an answer and every branch runs and has everything, it ends with the settled
        end. What other programs' customers asked is not in it, and makes it look wrong.

        Returns:
            The history. It keeps as many events as the trace does; from the first that finds no room on,
            nothing more is written, and a `RuntimeWarning` says how many there were.

        Raises:
            ConfigError: The bank keeps no trace: start it with `trace=True`; or it went on from a data
                directory that had been used.
            Closed: The bank is closed.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
            ...     receipt = bank.customer(1).deposit(170, concern="all")
            ...     history = bank.history()
            >>> verdict = replibank.check(history)
            >>> verdict.ok, verdict.operations
            (True, 1)
        """
        return history_of(self._live().history().wait())

    def close(self) -> None:
        """Stops every branch and waits until each has ended. Harmless when called again, and in a
        forked child, where there is nothing to stop.
        """
        core = self._ended()
        if core is not None:
            for watch in list(self._watches):
                watch.close()
            core.close().wait()

    def __enter__(self) -> Self:
        self._live()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
