"""`Customer` for asyncio: the same methods, as coroutines, over the same operations of the core. Nothing here
blocks the loop, and a cancelled task drops its operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .. import _core
from ..errors import Unreachable, with_option
from .state import CustomerState
from .status import Snapshot, status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .._core import Deposit, Query, Receipt, Version, Withdraw
    from ..errors import Refused
    from .customer import Concern
    from .status import Status


class AsyncCustomer(CustomerState):
    """A connection to one branch, for asyncio. It connects at `async with`, or at `connect`.

    A cancelled write may have happened: what its branch had received by then stays. Of operations
    that wait for no other branch, 4,000 are under way together, and as many of those that may; more wait
    their turn, within their timeout.

    Args:
        address: The branch's "HOST:PORT".
        timeout: Seconds that connecting may take, and each operation after it unless it is given a
            timeout of its own; above 0, at most a day.

    Example:
        >>> import asyncio, replibank
        >>> async def main():
        ...     async with replibank.AsyncBank({1: 400}) as bank:
        ...         async with replibank.AsyncCustomer(bank.addresses[1]) as customer:
        ...             return (await customer.deposit(170)).balance
        >>> asyncio.run(main())
        570
    """

    async def connect(self) -> Self:
        """Connects. Harmless when called again.

        Returns:
            This customer.

        Raises:
            Unreachable: Nobody answers at the address in time.
            TypeError, ValueError: The address is not "HOST:PORT", or the timeout is out of its range.
        """
        if self._core is None:
            try:
                self._core = await _core.connect(self._address, self._timeout).future()
            except Unreachable as error:
                raise with_option(error, "timeout") from None
        return self

    async def deposit(
        self,
        amount: int,
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """`Customer.deposit`, as a coroutine."""
        return await self._live().deposit(amount, account, concern, at_least, self._seconds(timeout)).future()

    async def withdraw(
        self,
        amount: int,
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """`Customer.withdraw`, as a coroutine."""
        return (
            await self._live().withdraw(amount, account, concern, at_least, self._seconds(timeout)).future()
        )

    async def query(
        self,
        *,
        account: int = 0,
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> int:
        """`Customer.query`, as a coroutine."""
        return await self._live().query(account, at_least, self._seconds(timeout)).future()

    async def read(
        self,
        *,
        account: int = 0,
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> tuple[int, Version]:
        """`Customer.read`, as a coroutine."""
        return await self._live().read(account, at_least, self._seconds(timeout)).future()

    async def execute(
        self,
        actions: Iterable[Deposit | Withdraw | Query],
        *,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> list[int | Receipt | Refused]:
        """`Customer.execute`, as a coroutine."""
        return await self._live().execute(actions, concern, at_least, self._seconds(timeout)).future()

    async def deposit_many(
        self,
        amounts: Iterable[int],
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> list[Receipt | Refused]:
        """`Customer.deposit_many`, as a coroutine."""
        seconds = self._seconds(timeout)
        return await self._live().deposit_many(amounts, account, concern, at_least, seconds).future()

    async def status(self, *, timeout: float | None = None) -> Status:
        """`Customer.status`, as a coroutine."""
        return status_of(await self._live().status(self._seconds(timeout)).future())

    async def watch(self, interval: float = 0.0, *, timeout: float | None = None) -> AsyncIterator[Snapshot]:
        """`Customer.watch`, as an asynchronous iterator."""
        watch = await self._live().watch(interval, self._seconds(timeout)).future()
        last = None
        while (seen := await watch.next().future()) is not None:
            # The branch may wake up for something that shows neither in balances nor in the version.
            if seen != last:
                yield Snapshot(*seen)
            last = seen

    async def close(self) -> None:
        """`Customer.close`, as a coroutine."""
        self._forget()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        await self.close()
