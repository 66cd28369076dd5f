"""Faults on a running bank: what `Bank` and `AsyncBank` can let befall it. Each is in force from the
call on; with `with` (`async with`), until the block ends; otherwise until it is lifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fault
from .fault import AsyncFault, Fault
from .state import BankState

if TYPE_CHECKING:
    from collections.abc import Iterable


class FaultInjection(BankState):
    """The faults of `Bank`, as methods."""

    def partition(self, *groups: Iterable[int], one_way: bool = False) -> Fault:
        """Cuts every link between branches of different groups. Branches that no group names keep all
        their links, and so may pass on what one side writes to the other.

        Links are cut at once; what was on its way may be lost or arrive. Customers are not kept from
        any branch.

        Args:
            groups: Lists of branch ids, two at least.
            one_way: Only what a group says to those after it is lost. A stream needs both ways, so it
                breaks all the same; unary calls the other way arrive, and their answers are lost.

        Returns:
            The fault; with `with`, it is lifted at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            ConfigError: There are less than two groups, an empty one, or a branch is in two.
            ProcessError: A branch has ended by itself and cannot be told.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
            ...     with bank.partition([1, 2], [3]):
            ...         receipt = bank.customer(1).deposit(170, concern="majority")
            ...         apart = bank.balances()
            ...     bank.wait_until_converged()
            ...     apart, bank.balances()
            ({1: 570, 2: 570, 3: 400}, {1: 570, 2: 570, 3: 570})
        """
        return Fault(fault.partition(self._live, groups, one_way))

    def delay(
        self,
        seconds: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> Fault:
        """Holds messages between branches back, on top of the bank's `propagation_delay`.

        Args:
            seconds: How much longer each takes, from 0 to a day.
            branches: The messages that these branches send and receive; of all branches if neither
                these nor links are given.
            links: The messages between each pair of branches, which must have a link.
            one_way: Of each pair, only what the first says to the second.

        Returns:
            The fault; with `with`, it is lifted at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            ConfigError: Branches and links are given, or branches that have no link.
            ProcessError: A branch has ended by itself and cannot be told.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank, bank.delay(60, links=[(1, 2)]):
            ...     receipt = bank.customer(1).deposit(170)
            ...     bank.balances()
            {1: 570, 2: 400}
        """
        return Fault(fault.delay(self._live, seconds, branches, links, one_way))

    def drop(
        self,
        share: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> Fault:
        """Loses messages between branches, each by chance. Streams are in order, so a lost message breaks
        its stream, which is dialled again; of unary calls, the call is lost or its answer.

        Args:
            share: How many are lost, from 0 to 1.
            branches: The messages that these branches send and receive; of all branches if neither
                these nor links are given.
            links: The messages between each pair of branches, which must have a link.
            one_way: Of each pair, only what the first says to the second.

        Returns:
            The fault; with `with`, it is lifted at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            ConfigError: Branches and links are given, or branches that have no link.
            ProcessError: A branch has ended by itself and cannot be told.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     with bank.drop(0.5):
            ...         receipts = [bank.customer(1).deposit(1) for _ in range(20)]
            ...     bank.wait_until_converged()
            ...     bank.balances()
            {1: 420, 2: 420}
        """
        return Fault(fault.drop(self._live, share, branches, links, one_way))

    def drop_requests(self, share: float, branches: Iterable[int] | None = None) -> Fault:
        """Loses customers' requests, and the answers to them, each by chance. Customers try again under
        the request's own id, so that a write counts once.

        Args:
            share: How many are lost, from 0 to 1.
            branches: Of these branches; of all if None.

        Returns:
            The fault; with `with`, it is lifted at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            ProcessError: A branch has ended by itself and cannot be told.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank, bank.drop_requests(0.2):
            ...     [bank.customer(1).deposit(1).balance for _ in range(3)]
            [401, 402, 403]
        """
        return Fault(fault.drop_requests(self._live, share, branches))

    def pause(self, branch: int) -> Fault:
        """Holds a branch still: it answers nobody and sends nothing until `resume`. A child process is
        stopped by the system (SIGSTOP); in this process, its connections, its clock and its disk are
        held. Harmless when called again.

        Args:
            branch: The branch's id.

        Returns:
            The fault; with `with`, the branch goes on at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            NotRunning: It was killed.
            ProcessError: It has ended by itself.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     with bank.pause(2):
            ...         try:
            ...             bank.customer(2).deposit(5, timeout=0.1)
            ...         except replibank.DeadlineExceeded as error:
            ...             print(error.may_have_happened)
            ...     bank.customer(2).query() in (400, 405)
            True
            True
        """
        return Fault(fault.pause(self._live, branch))

    def resume(self, branch: int) -> None:
        """Lets a paused branch go on. Harmless when it is not paused.

        Args:
            branch: The branch's id.

        Raises:
            UnknownBranch: The bank has no such branch.
            NotRunning: It was killed.
            ProcessError: It has ended by itself.
        """
        self._live().resume(branch).wait()

    def heal(self) -> None:
        """Lifts every fault, and lets paused branches go on. Those that were killed stay so, until
        `restart`.

        Raises:
            ProcessError: A branch has ended by itself and cannot be told; all others were.
        """
        self._live().heal().wait()

    def kill(self, branch: int) -> Fault:
        """Ends a branch as kill -9 does, which a child process gets for real: it finishes nothing, tells
        nobody, and what is not in its data directory is lost. The others go on.

        Args:
            branch: The branch's id.

        Returns:
            The fault; with `with`, the branch is restarted at the end of the block.

        Raises:
            UnknownBranch: The bank has no such branch.
            NotRunning: It was killed before.
            ProcessError, StorageError: It had ended by itself, or its disk had failed; from now on it
                counts as killed.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     with bank.kill(2):
            ...         receipt = bank.customer(1).deposit(170)
            ...         alone = bank.balances()
            ...     bank.wait_until_converged()
            ...     alone, bank.balances()
            ({1: 570}, {1: 570, 2: 570})
        """
        return Fault(fault.kill(self._live, branch))

    def restart(self, branch: int) -> None:
        """Starts a branch again that was killed or has ended by itself, at its address. It goes on from
        its data directory. Without one it begins a new life with nothing, and its peers tell it what
        they have, its own earlier writes included. Peers and customers connect again by themselves.
        Faults that are in force befall it too.

        Args:
            branch: The branch's id.

        Raises:
            UnknownBranch: The bank has no such branch.
            AlreadyRunning: It was not killed.
            AddressInUse: Another program has taken its port meanwhile.
            ProcessError: Its process did not start.
            StorageError: Its data directory cannot be used; nothing in it was changed.
        """
        self._live().restart(branch).wait()


class AsyncFaultInjection(BankState):
    """The faults of `AsyncBank`, as methods. What gives an `AsyncFault` does nothing until that is awaited,
    or entered."""

    def partition(self, *groups: Iterable[int], one_way: bool = False) -> AsyncFault:
        """`Bank.partition`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.partition(self._live, groups, one_way))

    def delay(
        self,
        seconds: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> AsyncFault:
        """`Bank.delay`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.delay(self._live, seconds, branches, links, one_way))

    def drop(
        self,
        share: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> AsyncFault:
        """`Bank.drop`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.drop(self._live, share, branches, links, one_way))

    def drop_requests(self, share: float, branches: Iterable[int] | None = None) -> AsyncFault:
        """`Bank.drop_requests`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.drop_requests(self._live, share, branches))

    def pause(self, branch: int) -> AsyncFault:
        """`Bank.pause`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.pause(self._live, branch))

    async def resume(self, branch: int) -> None:
        """`Bank.resume`, as a coroutine."""
        await self._live().resume(branch).future()

    async def heal(self) -> None:
        """`Bank.heal`, as a coroutine."""
        await self._live().heal().future()

    def kill(self, branch: int) -> AsyncFault:
        """`Bank.kill`, to be awaited, or used with `async with`."""
        return AsyncFault(fault.kill(self._live, branch))

    async def restart(self, branch: int) -> None:
        """`Bank.restart`, as a coroutine."""
        await self._live().restart(branch).future()
