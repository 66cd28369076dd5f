"""A customer of one branch, blocking. Each method runs one operation of the core to its end; Ctrl-C
interrupts it. `AsyncCustomer` has the same for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from .. import _core
from ..errors import Unreachable, with_option
from .state import CustomerState
from .status import Snapshot, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._core import Deposit, Query, Receipt, Version, Withdraw
    from ..errors import Refused
    from .status import Status

#: How many branches must have a write before it is answered.
Concern = Literal["local", "majority", "all"]


class Customer(CustomerState):
    """A connection to one branch.

    Writes are retried where that is safe, under a request id of their own: what was committed once
    counts once, whatever became of the connection. May be used from several threads: of operations
    that wait for no other branch, 4,000 are under way together, and as many of those that may; more wait
    their turn, within their timeout.

    Args:
        address: The branch's "HOST:PORT".
        timeout: Seconds that connecting may take, and each operation after it unless it is given a
            timeout of its own; above 0, at most a day.

    Raises:
        Unreachable: Nobody answers at the address in time.
        TypeError, ValueError: The address is not "HOST:PORT", or the timeout is out of its range.

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400}) as bank:
        ...     with replibank.Customer(bank.addresses[1], timeout=2) as customer:
        ...         customer.deposit(170).balance
        570
    """

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        try:
            core = _core.connect(address, timeout).wait()
        except Unreachable as error:
            raise with_option(error, "timeout") from None
        super().__init__(core.address, timeout)
        self._core = core

    def deposit(
        self,
        amount: int,
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Deposits.

        Args:
            amount: In the account's smallest unit, from 1 to 2**48 - 1.
            account: The account's id.
            concern: How many branches must have the deposit before it is answered: this one
                ("local"), more than half ("majority") or "all".
            at_least: Decide only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The receipt: its place, and the balance at this branch right after it.

        Raises:
            Refused: The branch refused: see its subclasses, and `definite`.
            Unreachable, DeadlineExceeded: No answer came: see `may_have_happened`.
            TypeError, ValueError: An argument is out of its range.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     bank.customer(1).deposit(100, concern="all").balance, bank.balances()
            (500, {1: 500, 2: 500})
        """
        return self._live().deposit(amount, account, concern, at_least, self._seconds(timeout)).wait()

    def withdraw(
        self,
        amount: int,
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Withdraws.

        Args:
            amount: In the account's smallest unit, from 1 to 2**48 - 1.
            account: The account's id.
            concern: How many branches must have the withdrawal before it is answered: this one
                ("local"), more than half ("majority") or "all".
            at_least: Decide only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The receipt: its place, and the balance at this branch right after it.

        Raises:
            InsufficientFunds: The branch sees less than the amount.
            Refused: The branch refused: see its other subclasses, and `definite`.
            Unreachable, DeadlineExceeded: No answer came: see `may_have_happened`.
            TypeError, ValueError: An argument is out of its range.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     try:
            ...         bank.customer(1).withdraw(500)
            ...     except replibank.InsufficientFunds as refusal:
            ...         print(refusal.available, refusal.definite)
            400 True
        """
        return self._live().withdraw(amount, account, concern, at_least, self._seconds(timeout)).wait()

    def query(
        self,
        *,
        account: int = 0,
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> int:
        """Reads a balance.

        Args:
            account: The account's id.
            at_least: Answer only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The balance at this branch, in the account's smallest unit. (Negative if withdrawals at
            several branches at the same time took more than there was.)

        Raises:
            VersionNotReached: The branch did not get there in time.
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: No answer came.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     receipt = bank.customer(1).deposit(100)
            ...     bank.customer(2).query(at_least=receipt)
            500
        """
        return self._live().query(account, at_least, self._seconds(timeout)).wait()

    def read(
        self,
        *,
        account: int = 0,
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> tuple[int, Version]:
        """Reads a balance and what it includes.

        Args:
            account: The account's id.
            at_least: Answer only once the branch has this version, or the write of this receipt.
            timeout: Seconds, for all of it; the customer's own if None.

        Returns:
            The balance, in the account's smallest unit, and the version it was read at: to be given
            as `at_least` to whoever must not see less.

        Raises:
            VersionNotReached: The branch did not get there in time.
            UnknownAccount: The bank has no such account.
            Unreachable, DeadlineExceeded: No answer came.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     receipt = bank.customer(1).deposit(1)
            ...     bank.customer(1).read()
            (401, Version({1: 1}))
        """
        return self._live().read(account, at_least, self._seconds(timeout)).wait()

    def execute(
        self,
        actions: Iterable[Deposit | Withdraw | Query],
        *,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> list[int | Receipt | Refused]:
        """Runs many actions down one stream, a hundred times as fast as one by one.

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

        Example:
            >>> from replibank import Bank, Deposit, Query, Withdraw
            >>> with Bank({1: 400}) as bank:
            ...     _, refusal, balance = bank.customer(1).execute([Deposit(5), Withdraw(500), Query()])
            >>> balance, type(refusal).__name__
            (405, 'InsufficientFunds')
        """
        return self._live().execute(actions, concern, at_least, self._seconds(timeout)).wait()

    def deposit_many(
        self,
        amounts: Iterable[int],
        *,
        account: int = 0,
        concern: Concern = "local",
        at_least: Version | Receipt | None = None,
        timeout: float | None = None,
    ) -> list[Receipt | Refused]:
        """Deposits each of these amounts, down one stream: `execute` without an object for each.

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

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     [receipt.balance for receipt in bank.customer(1).deposit_many([10, 20, 30])]
            [410, 430, 460]
        """
        return self._live().deposit_many(amounts, account, concern, at_least, self._seconds(timeout)).wait()

    def status(self, *, timeout: float | None = None) -> Status:
        """Asks the branch about itself.

        Args:
            timeout: Seconds; the customer's own if None.

        Returns:
            Its balances, its version and its links.

        Raises:
            Unreachable, DeadlineExceeded: No answer came.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}, accounts={7: 20}) as bank:
            ...     bank.customer(1).status().balances
            {0: 400, 7: 20}
        """
        return status_of(self._live().status(self._seconds(timeout)).wait())

    def watch(self, interval: float = 0.0, *, timeout: float | None = None) -> Iterator[Snapshot]:
        """Watches the branch: its state now, and again whenever it has changed.

        Changes that come quickly are merged: what is seen is always the newest state, but not every
        state.

        Args:
            interval: The least seconds between two snapshots, from 0 to a day.
            timeout: Seconds that the first snapshot may take; the customer's own if None.

        Returns:
            An iterator that waits for the next snapshot, and ends when the branch is closed.

        Raises:
            Unreachable, DeadlineExceeded: The branch does not answer; the iterator raises it too, if
                the connection is lost.

        Example:
            >>> import replibank
            >>> with replibank.Bank({1: 400}) as bank:
            ...     snapshots = bank.customer(1).watch()
            ...     before = next(snapshots)
            ...     receipt = bank.customer(1).deposit(1)
            ...     after = next(snapshots)
            >>> before.balances, after.balances
            ({0: 400}, {0: 401})
        """
        return _snapshots(self._live().watch(interval, self._seconds(timeout)).wait())

    def close(self) -> None:
        """Forgets the connection. Harmless when called again."""
        self._forget()

    def __enter__(self) -> Self:
        self._live()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _snapshots(watch: _core.Watch) -> Iterator[Snapshot]:
    last = None
    while (seen := watch.next().wait()) is not None:
        # The branch may wake up for something that shows neither in balances nor in the version.
        if seen != last:
            yield Snapshot(*seen)
        last = seen
