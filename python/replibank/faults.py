"""Faults on a running bank: what `Bank` and `AsyncBank` can let befall it. Each is in force from the
call on; with `with` (`async with`), until the block ends; otherwise until it is lifted.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from .errors import AlreadyRunning, Closed, NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType

    from ._core import Bank as CoreBank
    from ._core import Call

    #: What lets the fault befall the bank; and, given what that came to, what lifts it.
    Begin = Callable[[], Call[Any]]
    Lift = Callable[[Any], Call[None]]

#: What lifting a fault need not say: it is lifted already, or there is no bank any more.
LIFTED_ALREADY = (AlreadyRunning, Closed, NotRunning)


class Fault:
    """A fault that is in force. It stays so until `lift`, the bank's `heal`, or the end of its `with`
    block.

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400, 2: 400}) as bank:
        ...     with bank.partition([1], [2]):
        ...         receipt = bank.customer(1).deposit(170)
        ...         apart = bank.balances()
        ...     bank.wait_until_converged()
        ...     apart, bank.balances()
        ({1: 570, 2: 400}, {1: 570, 2: 570})
    """

    def __init__(self, what: str, begin: Begin, lift: Lift) -> None:
        """Not for users: the bank's methods make faults."""
        self._what = what
        # What it came to is known before anything can go wrong with this object.
        self._came_to = begin().wait()
        self._lift = lift

    def lift(self) -> None:
        """Lifts this fault and no other. Harmless when it is lifted already.

        Raises:
            ProcessError, StorageError: A branch has ended by itself and cannot be told, or does not
                start again.
        """
        with suppress(*LIFTED_ALREADY):
            self._lift(self._came_to).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lift()

    def __repr__(self) -> str:
        return f"<Fault: {self._what}>"


class AsyncFault(Coroutine[Any, Any, None]):
    """A fault of an `AsyncBank`: `await` it, and it is in force until the bank's `heal`; or use it with
    `async with`, and it is lifted at the end of the block. Until then it has not begun.

    Example:
        >>> import asyncio, replibank
        >>> async def main():
        ...     async with replibank.AsyncBank({1: 400, 2: 400}) as bank:
        ...         async with bank.partition([1], [2]):
        ...             await (await bank.customer(1)).deposit(170)
        ...             apart = await bank.balances()
        ...         await bank.wait_until_converged()
        ...         return apart, await bank.balances()
        >>> asyncio.run(main())
        ({1: 570, 2: 400}, {1: 570, 2: 570})
    """

    def __init__(self, what: str, begin: Begin, lift: Lift) -> None:
        """Not for users: the bank's methods make faults."""
        self._what = what
        self._lift = lift
        self._came_to: list[Any] = []
        # Python itself warns of a coroutine that nobody has awaited.
        self._begun = _begin(begin, self._came_to)

    async def lift(self) -> None:
        """Lifts this fault and no other. Harmless when it is lifted already.

        Raises:
            ProcessError, StorageError: A branch has ended by itself and cannot be told, or does not
                start again.
        """
        with suppress(*LIFTED_ALREADY):
            await self._lift(self._came_to[0]).future()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._begun.__await__()

    def send(self, value: Any) -> Any:
        """A coroutine's: so that this can be a task."""
        return self._begun.send(value)

    def throw(
        self, kind: Any, value: BaseException | object = None, traceback: TracebackType | None = None
    ) -> Any:
        """A coroutine's."""
        # Python deprecates the form with three arguments, and asyncio uses the one with one.
        return self._begun.throw(kind) if value is None else self._begun.throw(kind, value, traceback)

    def close(self) -> None:
        """A coroutine's."""
        self._begun.close()

    async def __aenter__(self) -> Self:
        await self._begun
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.lift()

    def __repr__(self) -> str:
        return f"<AsyncFault: {self._what}>"


async def _begin(begin: Begin, came_to: list[Any]) -> None:
    came_to.append(await begin().future())


class Faults:
    """The faults of `Bank`, as methods."""

    def _live(self) -> CoreBank:
        raise NotImplementedError

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
        what = f"partition of {', '.join(map(repr, groups))}{', one way' if one_way else ''}"
        core = self._live()
        return Fault(what, lambda: core.partition(groups, one_way), core.lift)

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
        core = self._live()
        return Fault(
            f"delay of {seconds} s", lambda: core.delay(seconds, branches, links, one_way), core.lift
        )

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
        core = self._live()
        return Fault(
            f"drop of {share:.1%}" if isinstance(share, float) else f"drop of {share}",
            lambda: core.drop(share, branches, links, one_way),
            core.lift,
        )

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
            >>> with replibank.Bank({1: 400}) as bank, bank.drop_requests(0.5):
            ...     [bank.customer(1).deposit(1).balance for _ in range(3)]
            [401, 402, 403]
        """
        core = self._live()
        return Fault(f"drop of requests, {share}", lambda: core.drop_requests(share, branches), core.lift)

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
        core = self._live()
        return Fault(f"pause of branch {branch}", lambda: core.pause(branch), lambda _: core.resume(branch))

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
        core = self._live()
        return Fault(f"kill of branch {branch}", lambda: core.kill(branch), lambda _: core.restart(branch))

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


class AsyncFaults:
    """The faults of `AsyncBank`, as methods. Nothing happens until they are awaited, or entered."""

    def _live(self) -> CoreBank:
        raise NotImplementedError

    def partition(self, *groups: Iterable[int], one_way: bool = False) -> AsyncFault:
        """Cuts every link between branches of different groups: see `Bank.partition`.

        Args:
            groups: Lists of branch ids, two at least.
            one_way: Only what a group says to those after it is lost.

        Returns:
            The fault, to be awaited, or used with `async with`.
        """
        return AsyncFault(
            f"partition of {', '.join(map(repr, groups))}{', one way' if one_way else ''}",
            lambda: self._live().partition(groups, one_way),
            lambda fault: self._live().lift(fault),
        )

    def delay(
        self,
        seconds: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> AsyncFault:
        """Holds messages between branches back: see `Bank.delay`.

        Args:
            seconds: How much longer each takes, from 0 to a day.
            branches: The messages that these branches send and receive.
            links: The messages between each pair of branches, which must have a link.
            one_way: Of each pair, only what the first says to the second.

        Returns:
            The fault, to be awaited, or used with `async with`.
        """
        return AsyncFault(
            f"delay of {seconds} s",
            lambda: self._live().delay(seconds, branches, links, one_way),
            lambda fault: self._live().lift(fault),
        )

    def drop(
        self,
        share: float,
        branches: Iterable[int] | None = None,
        *,
        links: Iterable[tuple[int, int]] | None = None,
        one_way: bool = False,
    ) -> AsyncFault:
        """Loses messages between branches, each by chance: see `Bank.drop`.

        Args:
            share: How many are lost, from 0 to 1.
            branches: The messages that these branches send and receive.
            links: The messages between each pair of branches, which must have a link.
            one_way: Of each pair, only what the first says to the second.

        Returns:
            The fault, to be awaited, or used with `async with`.
        """
        return AsyncFault(
            f"drop of {share}",
            lambda: self._live().drop(share, branches, links, one_way),
            lambda fault: self._live().lift(fault),
        )

    def drop_requests(self, share: float, branches: Iterable[int] | None = None) -> AsyncFault:
        """Loses customers' requests, and the answers to them: see `Bank.drop_requests`.

        Args:
            share: How many are lost, from 0 to 1.
            branches: Of these branches; of all if None.

        Returns:
            The fault, to be awaited, or used with `async with`.
        """
        return AsyncFault(
            f"drop of requests, {share}",
            lambda: self._live().drop_requests(share, branches),
            lambda fault: self._live().lift(fault),
        )

    def pause(self, branch: int) -> AsyncFault:
        """Holds a branch still until `resume`: see `Bank.pause`.

        Args:
            branch: The branch's id.

        Returns:
            The fault, to be awaited, or used with `async with`.
        """
        return AsyncFault(
            f"pause of branch {branch}",
            lambda: self._live().pause(branch),
            lambda _: self._live().resume(branch),
        )

    async def resume(self, branch: int) -> None:
        """Lets a paused branch go on: see `Bank.resume`.

        Args:
            branch: The branch's id.

        Raises:
            UnknownBranch: The bank has no such branch.
            NotRunning: It was killed.
            ProcessError: It has ended by itself.
        """
        await self._live().resume(branch).future()

    async def heal(self) -> None:
        """Lifts every fault, and lets paused branches go on: see `Bank.heal`.

        Raises:
            ProcessError: A branch has ended by itself and cannot be told; all others were.
        """
        await self._live().heal().future()

    def kill(self, branch: int) -> AsyncFault:
        """Ends a branch as kill -9 does: see `Bank.kill`.

        Args:
            branch: The branch's id.

        Returns:
            The fault, to be awaited, or used with `async with`.

        Raises:
            UnknownBranch: The bank has no such branch.
            NotRunning: It was killed before.
            ProcessError, StorageError: It had ended by itself, or its disk had failed; from now on it
                counts as killed.
        """
        return AsyncFault(
            f"kill of branch {branch}",
            lambda: self._live().kill(branch),
            lambda _: self._live().restart(branch),
        )

    async def restart(self, branch: int) -> None:
        """Starts a branch again that was killed or has ended by itself: see `Bank.restart`.

        Args:
            branch: The branch's id.

        Raises:
            UnknownBranch: The bank has no such branch.
            AlreadyRunning: It was not killed.
            AddressInUse: Another program has taken its port meanwhile.
            ProcessError: Its process did not start.
            StorageError: Its data directory cannot be used; nothing in it was changed.
        """
        await self._live().restart(branch).future()
