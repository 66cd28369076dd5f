"""`Bank` for asyncio: the same methods, as coroutines, over the same operations of the core. Nothing here
blocks the loop, and a cancelled task drops its operation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from ..customer.async_customer import AsyncCustomer
from ..customer.state import connected
from .faults import AsyncFaultInjection
from .launch import history_of, trace_of

if TYPE_CHECKING:
    from .._core import Version
    from ..trace.trace import Trace


class AsyncBank(AsyncFaultInjection):
    """`Bank` for asyncio, with the same arguments. It starts at `async with`, or at `start`, and ends at
    `close`, at the end of its `async with` block, or with this process.

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

    _not_running = "this bank is not running: use `async with`, or await start()"

    async def start(self) -> Self:
        """Starts every branch and waits until each answers. Harmless when called again.

        Returns:
            This bank.

        Raises:
            ConfigError, AddressInUse, ProcessError, StorageError, TypeError: As `Bank` does at its making.
        """
        if self._core is None:
            self._started(await self._launch().future())
        return self

    async def customer(self, branch: int, timeout: float = 5.0) -> AsyncCustomer:
        """`Bank.customer`, as a coroutine."""
        return connected(AsyncCustomer, await self._live().customer(branch, timeout).future(), timeout)

    async def balances(self, account: int = 0, *, timeout: float = 5.0) -> dict[int, int]:
        """`Bank.balances`, as a coroutine."""
        return await self._live().balances(account, timeout).future()

    async def versions(self, *, timeout: float = 5.0) -> dict[int, Version]:
        """`Bank.versions`, as a coroutine."""
        return await self._live().versions(timeout).future()

    async def wait_until_converged(self, timeout: float = 10.0) -> None:
        """`Bank.wait_until_converged`, as a coroutine."""
        await self._live().wait_until_converged(timeout).future()

    async def trace(self) -> Trace:
        """`Bank.trace`, as a coroutine."""
        return trace_of(None if self._traced is None else await self._traced.trace().future())

    async def history(self) -> str:
        """`Bank.history`, as a coroutine."""
        return history_of(await self._live().history().future())

    async def close(self) -> None:
        """`Bank.close`, as a coroutine."""
        core = self._ended()
        if core is not None:
            for watch in list(self._watches):
                await asyncio.to_thread(watch.close)
            # If this is cancelled, the core's bank is dropped, and its branches end unwatched.
            await core.close().future()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.close()
