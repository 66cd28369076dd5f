"""`Customer` for asyncio: the same methods, as coroutines, over the same operations of the core. Nothing here
blocks the loop, and a cancelled task drops its operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .. import _core
from ..errors import Closed, Unreachable, _with_option
from .status import Snapshot, Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .._core import Customer as CoreCustomer
    from .._core import Deposit, Query, Receipt, Version, Withdraw
    from ..errors import Refused
    from .customer import Concern


class AsyncCustomer:
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

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        self._core: CoreCustomer | None = None
        self._address = address
        self._timeout = timeout

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
                raise _with_option(error, "timeout") from None
        return self

    @property
    def address(self) -> str:
        """The branch's "HOST:PORT"."""
        return self._address

    async def deposit(
        self,
        amount: int,
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Deposits: see `Customer.deposit`.

        Args:
            amount: In the account's smallest unit, from 1 to 2**48 - 1.
            account: The account's id.
            concern: How many branches must have the deposit before it is answered.
            at_least: Decide only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The receipt: its place, and the balance at this branch right after it.

        Raises:
            Refused: The branch refused: see its subclasses, and `definite`.
            Unreachable, DeadlineExceeded: No answer came: see `may_have_happened`.
        """
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
        """Withdraws: see `Customer.withdraw`.

        Args:
            amount: In the account's smallest unit, from 1 to 2**48 - 1.
            account: The account's id.
            concern: How many branches must have the withdrawal before it is answered.
            at_least: Decide only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The receipt: its place, and the balance at this branch right after it.

        Raises:
            InsufficientFunds: The branch sees less than the amount.
            Refused: The branch refused: see its other subclasses, and `definite`.
            Unreachable, DeadlineExceeded: No answer came: see `may_have_happened`.
        """
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
        """Reads a balance: see `Customer.query`.

        Args:
            account: The account's id.
            at_least: Answer only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The balance at this branch, in the account's smallest unit.

        Raises:
            VersionNotReached: The branch did not get there in time.
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: No answer came.
        """
        return await self._live().query(account, at_least, self._seconds(timeout)).future()

    async def read(
        self,
        *,
        account: int = 0,
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> tuple[int, Version]:
        """Reads a balance and what it includes: see `Customer.read`.

        Args:
            account: The account's id.
            at_least: Answer only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The balance, in the account's smallest unit, and the version it was read at.

        Raises:
            VersionNotReached: The branch did not get there in time.
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: No answer came.
        """
        return await self._live().read(account, at_least, self._seconds(timeout)).future()

    async def execute(
        self,
        actions: Iterable[Deposit | Withdraw | Query],
        *,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> list[int | Receipt | Refused]:
        """Runs many actions down one stream: see `Customer.execute`.

        Args:
            actions: What to do, in this order.
            concern: How many branches must have a write before it is answered.
            at_least: Begin only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            One answer per action, in the same order: a query's balance, a write's receipt, or the
            refusal, which is not raised.

        Raises:
            Unreachable, DeadlineExceeded: Not every answer came: see `may_have_happened`.
            TypeError: Something among the actions is none.
        """
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
        """Deposits each of these amounts, down one stream: see `Customer.deposit_many`.

        Args:
            amounts: In the account's smallest unit, each from 1 to 2**48 - 1.
            account: The account's id.
            concern: How many branches must have a deposit before it is answered.
            at_least: Begin only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            One receipt per amount, in the same order, or the refusal, which is not raised.

        Raises:
            Unreachable, DeadlineExceeded: Not every answer came: see `may_have_happened`.
            TypeError, ValueError: An amount is out of its range; then nothing was deposited.
        """
        seconds = self._seconds(timeout)
        return await self._live().deposit_many(amounts, account, concern, at_least, seconds).future()

    async def status(self, *, timeout: float | None = None) -> Status:
        """Asks the branch about itself: see `Customer.status`.

        Args:
            timeout: Seconds; the customer's own if None.

        Returns:
            Its balances, its version and its links.

        Raises:
            Unreachable, DeadlineExceeded: No answer came.
        """
        return Status._from_core(await self._live().status(self._seconds(timeout)).future())

    async def watch(self, interval: float = 0.0, *, timeout: float | None = None) -> AsyncIterator[Snapshot]:
        """Watches the branch: its state now, and again whenever it has changed. See `Customer.watch`.

        Args:
            interval: The least seconds between two snapshots, from 0 to a day.
            timeout: Seconds that the first snapshot may take; the customer's own if None.

        Yields:
            Snapshots, the newest at each time, until the branch is closed.

        Raises:
            Unreachable, DeadlineExceeded: The branch does not answer, or the connection is lost.

        Example:
            >>> import asyncio, replibank
            >>> async def main():
            ...     async with replibank.AsyncBank({1: 400}) as bank:
            ...         customer = await bank.customer(1)
            ...         async for snapshot in customer.watch():
            ...             return snapshot.balances
            >>> asyncio.run(main())
            {0: 400}
        """
        watch = await self._live().watch(interval, self._seconds(timeout)).future()
        last = None
        while (seen := await watch.next().future()) is not None:
            # The branch may wake up for something that shows neither in balances nor in the version.
            if seen != last:
                yield Snapshot(*seen)
            last = seen

    async def close(self) -> None:
        """Forgets the connection. Harmless when called again."""
        self._core = None

    def _live(self) -> CoreCustomer:
        if self._core is None:
            raise Closed(
                f"this customer of {self._address} is not connected: use `async with`, or await connect()"
            )
        return self._core

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "" if self._core is not None else ", not connected"
        return f"<{type(self).__name__} of {self._address}{state}>"
