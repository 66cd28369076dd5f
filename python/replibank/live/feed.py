"""Following several branches at once, in a thread of its own: what each says of itself, as it comes, and
what of it is remembered. `watch` shows it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .._base.words import plural
from ..customer.async_customer import AsyncCustomer
from ..errors import DeadlineExceeded, ReplibankError, UnknownAccount, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._core import Version
    from ..customer.status import Snapshot

#: Seconds between two snapshots of one branch, at least.
SAMPLING = 0.05

#: Seconds until a branch that does not answer is dialled again.
RETRY = 0.25

#: Seconds that a branch may take to say how it stands at the end.
LAST_LOOK = 1.0

#: So many changes of a branch are remembered, at most.
REMEMBERED = 4_096

#: So many balances are named in a line.
NAMED = 6


@dataclass(frozen=True)
class Moment:
    """How a branch stood from some time on.

    Attributes:
        at: Seconds since the feed began.
        balance: The account's balance; None: the branch does not answer.
    """

    at: float
    balance: int | None


class Feed:
    """What several branches say of one account.

    Args:
        addresses: "HOST:PORT" by branch id.
        account: The account.
        window: Seconds that are remembered.
        timeout: Seconds that a branch may take to answer at first.
    """

    def __init__(self, addresses: Mapping[int, str], account: int, window: float, timeout: float) -> None:
        self._addresses = dict(addresses)
        self._account = account
        self._window = window
        self._timeout = timeout
        self._began = time.monotonic()
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], object]] = []
        self._heard: set[int] = set()
        self._failure: ReplibankError | None = None
        self._versions: dict[int, Version] = {}
        self._now: dict[int, int] = {}
        self._past: dict[int, deque[Moment]] = {branch: deque(maxlen=REMEMBERED) for branch in addresses}
        self._spread: deque[Moment] = deque(maxlen=REMEMBERED)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._asked = self._look = False
        self._thread: threading.Thread | None = None
        #: How many changes there were.
        self.count = 0
        self.ended = False
        #: What ended it, other than `stop`.
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begins, and returns once every branch has answered or failed to.

        Raises:
            Unreachable, DeadlineExceeded: No branch answers.
            UnknownAccount: The branches have no such account.
        """
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="replibank-watch", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self.ended or len(self._heard) == len(self._addresses))
            failure = self.error or (None if self._now else self._failure)
        if failure is not None:
            self.stop()
            raise failure

    def stop(self, *, look: bool = False) -> None:
        """Ends it, and returns when it has ended. Harmless when called again.

        Args:
            look: Whether to ask every branch once more, so that what was seen last is how things stand.
        """
        with self._changed:
            thread, loop, stopping = self._thread, self._loop, self._stopping
            self._look, self._asked = look, True
        if thread is None:
            return
        if loop is not None and stopping is not None:
            # It may have ended by itself, and its loop with it.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)
        thread.join()

    def wait(self, seen: int, seconds: float | None) -> int:
        """Waits for another change than the first `seen`, for so many seconds, or the end.

        Returns:
            How many there were by then.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self.count > seen, seconds)
            return self.count

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Calls `listener` at every change and at the end, from the thread of this feed.

        Returns:
            What ends that.
        """
        with self._changed:
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def _forget(self, listener: Callable[[], object]) -> None:
        with self._changed:
            self._listeners.remove(listener)

    @property
    def state(self) -> Literal["new", "running", "ended"]:
        """Whether it has begun, and whether it has ended or was told to."""
        if self.ended or self._asked:
            return "ended"
        return "new" if self._thread is None else "running"

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def balances(self) -> dict[int, int]:
        """The newest balance of each branch that answers, by branch id."""
        with self._changed:
            return dict(sorted(self._now.items()))

    @property
    def agreed(self) -> bool:
        """Whether all branches that answer have the same operations."""
        with self._changed:
            return len({self._versions[branch] for branch in self._now}) <= 1

    @property
    def operations(self) -> int:
        """How many operations the branch that has the most has."""
        with self._changed:
            versions = [self._versions[branch].to_dict() for branch in self._now]
        return max((sum(version.values()) for version in versions), default=0)

    def said(self, account: int) -> str:
        """How things stand, in one line."""
        balances = self.balances
        count = plural(len(balances), "branch")
        which = "" if account == 0 else f" of account {account}"
        if not balances:
            return f"{count} that answer"
        low, high = min(balances.values()), max(balances.values())
        if len(balances) <= NAMED:
            shown = ", ".join(f"{branch}: {balance:,}" for branch, balance in balances.items())
        else:
            shown = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        state = "agreed" if self.agreed else f"{high - low:,} apart"
        return f"{count}{which}: {shown}; {self.operations:,} operations, {state}"

    def past(self) -> tuple[dict[int, list[Moment]], list[Moment]]:
        """What is remembered: the moments of each branch, and those of the largest minus the smallest."""
        with self._changed:
            return {branch: list(past) for branch, past in self._past.items()}, list(self._spread)

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:  # it belongs to whoever started this, who raises it
            self.error = error
        finally:
            with self._changed:
                self.ended = True
            self._tell()

    async def _all(self) -> None:
        stopping = asyncio.Event()
        with self._changed:
            self._loop, self._stopping = asyncio.get_running_loop(), stopping
            if self._asked:
                return
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(*branch)) for branch in self._addresses.items()]
                await stopping.wait()
                for task in tasks:
                    task.cancel()
        except* ReplibankError as errors:
            raise errors.exceptions[0] from None
        if self._look:
            async with asyncio.TaskGroup() as group:
                for branch in list(self._now):
                    group.create_task(self._again(branch, self._addresses[branch]))

    async def _one(self, branch: int, address: str) -> None:
        """One branch, for ever: it may be killed and restarted."""
        while True:
            failure = None
            try:
                async with AsyncCustomer(address, self._timeout) as customer:
                    async for snapshot in customer.watch(SAMPLING):
                        self._seen(branch, snapshot)
            except (Unreachable, DeadlineExceeded) as error:
                failure = error
            self._lost(branch, failure)
            await asyncio.sleep(RETRY)

    async def _again(self, branch: int, address: str) -> None:
        """How a branch stands that answered before."""
        try:
            async with AsyncCustomer(address, LAST_LOOK) as customer:
                status = await customer.status()
        except (Unreachable, DeadlineExceeded) as error:
            self._lost(branch, error)
        else:
            self._note(branch, status.balances[self._account], status.version)

    def _seen(self, branch: int, snapshot: Snapshot) -> None:
        if self._account not in snapshot.balances:
            raise UnknownAccount(f"branch {branch} has no account {self._account}", True, self._account)
        self._note(branch, snapshot.balances[self._account], snapshot.version)

    def _lost(self, branch: int, failure: ReplibankError | None) -> None:
        self._failure = failure
        self._note(branch, None, None)

    def _note(self, branch: int, balance: int | None, version: Version | None) -> None:
        with self._changed:
            at = self.elapsed
            self._heard.add(branch)
            if balance is None:
                self._now.pop(branch, None)
            else:
                self._now[branch] = balance
            if version is not None:
                self._versions[branch] = version
            spread = max(self._now.values()) - min(self._now.values()) if self._now else 0
            for past, moment in (
                (self._past[branch], Moment(at, balance)),
                (self._spread, Moment(at, spread)),
            ):
                if not past or past[-1].balance != moment.balance:
                    past.append(moment)
                # The last before the window says how things stood as it began.
                while len(past) > 1 and past[1].at < at - self._window:
                    past.popleft()
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
