"""`Bank` for asyncio: the same methods, as coroutines, over the same operations of the core. Nothing here
blocks the loop, and a cancelled task drops its operation.
"""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from typing import TYPE_CHECKING, Self

from ..customer.async_customer import AsyncCustomer
from ..errors import Closed
from .bank import describe, describe_in_html, told, traced
from .faults import AsyncFaults
from .launch import mapping, start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core import Bank as CoreBank
    from .._core import Version
    from ..live.watch import Watch
    from ..trace.trace import Trace
    from .bank import Durability, Propagation, Topology


class AsyncBank(AsyncFaults):
    """A bank for asyncio. It starts at `async with`, or at `start`, and ends at `close`, at the end
    of its `async with` block, or with this process.

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
        data_dir: A directory in which each branch keeps its pages and its table of requests: see `Bank`.
        durability: "synced" or "buffered": see `Bank` for what each can lose.
        trace: Whether to keep what happens, for `trace`, or the most rows that are kept: see `Bank`.

    Example:
        >>> import asyncio, replibank
        >>> async def main():
        ...     async with replibank.AsyncBank({1: 400, 2: 400, 3: 400}) as bank:
        ...         customer = await bank.customer(2)
        ...         await customer.deposit(170)
        ...         await bank.wait_until_converged(timeout=5)
        ...         return await bank.balances()
        >>> asyncio.run(main())
        {1: 570, 2: 570, 3: 570}
    """

    _core: CoreBank | None = None
    _traced: CoreBank | None = None

    def __init__(
        self,
        branches: Mapping[int, int],
        *,
        accounts: Mapping[int, int] | None = None,
        propagation: Propagation = "stream",
        topology: Topology = "auto",
        processes: bool = False,
        ports: Mapping[int, int] | None = None,
        propagation_delay: float = 0.0,
        data_dir: str | os.PathLike[str] | None = None,
        durability: Durability = "synced",
        trace: bool | int = False,
    ) -> None:
        self._branches = mapping("branches", branches, "opening balances by branch id")
        self._accounts = mapping("accounts", accounts or {}, "opening balances by account id")
        self._propagation = propagation
        self._topology = topology
        self._processes = processes
        self._ports = mapping("ports", ports or {}, "ports by branch id")
        self._propagation_delay = propagation_delay
        self._data_dir = data_dir
        self._durability: Durability = durability
        self._trace = trace
        self._addresses: dict[int, str] = {}
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._pid = os.getpid()

    async def start(self) -> Self:
        """Starts every branch and waits until each answers. Harmless when called again.

        Returns:
            This bank.

        Raises:
            ConfigError: The bank cannot be as it is described, or needs more open files than it may
                have.
            AddressInUse: Another program has a port.
            ProcessError: A child process did not start.
            StorageError: A branch's data directory cannot be used; nothing in it was changed.
            TypeError: A number is no whole number.
        """
        if self._core is None:
            call = start(
                self._branches,
                accounts=self._accounts,
                propagation=self._propagation,
                topology=self._topology,
                processes=self._processes,
                ports=self._ports,
                propagation_delay=self._propagation_delay,
                data_dir=self._data_dir,
                durability=self._durability,
                trace=self._trace,
            )
            core = await call.future()
            self._addresses = core.addresses()
            self._pid = os.getpid()
            self._core = core
            self._traced = core if self._trace else None
        return self

    @property
    def branches(self) -> list[int]:
        """The branches' ids, in order."""
        return sorted(self._branches)

    @property
    def addresses(self) -> dict[int, str]:
        """Each branch's "HOST:PORT", by branch id; empty before the start."""
        return dict(self._addresses)

    async def customer(self, branch: int, timeout: float = 5.0) -> AsyncCustomer:
        """A new customer of one branch: see `Bank.customer`.

        Args:
            branch: The branch's id.
            timeout: Seconds that connecting may take, and each of the customer's operations unless
                it is given a timeout of its own.

        Returns:
            The customer, connected.

        Raises:
            UnknownBranch: The bank has no such branch.
            Unreachable: The branch does not answer in time.
        """
        core = await self._live().customer(branch, timeout).future()
        customer = AsyncCustomer(core.address, timeout)
        customer._core = core
        return customer

    async def balances(self, account: int = 0, *, timeout: float = 5.0) -> dict[int, int]:
        """What each branch sees at this moment: see `Bank.balances`.

        Args:
            account: The account's id.
            timeout: Seconds.

        Returns:
            Balance by branch id, in the account's smallest unit.

        Raises:
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: A branch that is a child process does not answer.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.
        """
        return await self._live().balances(account, timeout).future()

    async def versions(self, *, timeout: float = 5.0) -> dict[int, Version]:
        """What each branch has seen by now: see `Bank.versions`.

        Args:
            timeout: Seconds.

        Returns:
            Version by branch id.

        Raises:
            Unreachable, DeadlineExceeded: A branch that is a child process does not answer.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.
        """
        return await self._live().versions(timeout).future()

    async def wait_until_converged(self, timeout: float = 10.0) -> None:
        """Returns once every write that was committed before the call is at every branch: see
        `Bank.wait_until_converged`.

        Args:
            timeout: Seconds.

        Raises:
            NotConverged: The time is over; the message says which branches lack how much.
            ProcessError, StorageError: A branch has ended by itself, or its disk has failed.
        """
        await self._live().wait_until_converged(timeout).future()

    def watch(
        self, *, account: int = 0, interval: float = 0.25, window: float = 30.0, timeout: float = 5.0
    ) -> Watch:
        """Watches the branches: a picture in a notebook, a few times a second; a line in a terminal; or the
        balances as they change.

        Args:
            account: The account whose balance is watched.
            interval: The least seconds between two pictures.
            window: How many seconds a picture shows.
            timeout: Seconds that a branch may take to answer at first.

        Returns:
            The watch, which begins when it is used: see `Watch` for how. It ends with the bank.

        Raises:
            ValueError: A number is out of its range.

        Example:
            >>> import asyncio, replibank
            >>> async def main():
            ...     async with replibank.AsyncBank({1: 400, 2: 400}) as bank:
            ...         async for balances in bank.watch():
            ...             return balances
            >>> asyncio.run(main())
            {1: 400, 2: 400}
        """
        from ..live.watch import Watch  # noqa: PLC0415 (asyncio is long to import, and needed here only)

        self._live()
        watch = Watch(self._addresses, account=account, interval=interval, window=window, timeout=timeout)
        self._watches.add(watch)
        return watch

    async def trace(self) -> Trace:
        """What has happened so far; of a closed bank, everything: see `Bank.trace`, also for what is
        left of a child process that was killed.

        Returns:
            The rows of all branches, in the order of time; in this process, those of branches that were
            killed included.

        Raises:
            ConfigError: The bank keeps no trace: start it with `trace=True`.
            DeadlineExceeded: A child process is paused, and cannot hand over its rows.
            ProcessError: A child process does not hand over its rows in time.
            ForkedError: The bank is that of the process that this one was forked from.
        """
        return traced(None if self._traced is None else await self._traced.trace().future())

    async def history(self) -> str:
        """What customers that `customer` has made asked and were told, and the branches that came back, as
        JSON lines for `check`: see `Bank.history`.

        If nobody waits for an answer and every branch runs and has everything, it ends with the settled
        end. What other programs' customers asked is not in it, and makes it look wrong.

        Returns:
            The history. It keeps as many events as the trace does; from the first that finds no room on,
            nothing more is written, and a `RuntimeWarning` says how many there were.

        Raises:
            ConfigError: The bank keeps no trace: start it with `trace=True`; or it went on from a data
                directory that had been used.
            Closed: The bank is closed.
        """
        return told(await self._live().history().future())

    async def close(self) -> None:
        """Stops every branch and waits until each has ended. Harmless when called again, and in a
        forked child, where there is nothing to stop.
        """
        core, self._core = self._core, None
        if core is not None and self._pid == os.getpid():
            for watch in list(self._watches):
                await asyncio.to_thread(watch.close)
            # If this is cancelled, the core's bank is dropped, and its branches end unwatched.
            await core.close().future()

    def _live(self) -> CoreBank:
        if self._core is None:
            raise Closed("this bank is not running: use `async with`, or await start()")
        return self._core

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        # Dropping the core's bank stops its branches, but does not wait for them.
        if self._core is not None and self._pid == os.getpid():
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        return describe(
            self, self._addresses or dict.fromkeys(self.branches, ""), running=self._core is not None
        )

    def _repr_html_(self) -> str:
        addresses = self._addresses or dict.fromkeys(self.branches, "")
        return describe_in_html(self, addresses, running=self._core is not None)
