"""Seeing branches converge while they do: a picture in a notebook, a line in a terminal, or the balances
for those who draw their own.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from .._base.addresses import resolve
from ..errors import Closed
from . import screens
from .feed import Feed
from .view import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from matplotlib.axes import Axes

#: Seconds between two pictures, at least.
INTERVAL = 0.25

#: Seconds that a picture shows.
WINDOW = 30.0

#: At most this share of the time goes into drawing.
DRAWING = 0.5


class Watch:
    """Branches being watched: `Bank.watch` and `replibank.watch` make one, and nothing happens until it is
    used, in one of four ways.

    - ``with watch: ...`` shows a picture while the block runs: a workload, say.
    - ``watch.follow()``, or the watch as the last line of a notebook's cell, shows it until it is
      interrupted (or for so many seconds), and then returns as if nothing had happened.
    - ``for balances in watch`` and ``async for balances in watch`` give the balances whenever they have
      changed, for those who draw their own. Changes that come quickly are merged.

    In a notebook the picture is `plot.convergence`, and needs the extra `replibank[plot]`. In a terminal it
    is one line that is written over. Elsewhere a line at the end says how things stand.

    A branch that does not answer is left out, and dialled again until it does.

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400, 2: 400}) as bank:
        ...     with bank.watch() as watch:
        ...         receipt = bank.customer(1).deposit(170, concern="all")
        ...     watch.balances
        {1: 570, 2: 570}
    """

    def __init__(
        self,
        addresses: Mapping[int, str],
        *,
        account: int = 0,
        interval: float = INTERVAL,
        window: float = WINDOW,
        timeout: float = 5.0,
    ) -> None:
        """Not for users: `Bank.watch` and `replibank.watch` make watches."""
        if not 0 < interval <= 3600:
            raise ValueError(f"interval {interval:g} is not right: give seconds above 0 and up to 3600")
        if not 0 < window <= 86_400:
            raise ValueError(f"window {window:g} is not right: give seconds above 0 and up to 86400")
        if not addresses:
            raise ValueError("no address was given: give one for each branch")
        self._interval = interval
        self._feed = Feed(addresses, account, window, timeout)
        self._view = View(self._feed, account, window)
        self._painter: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._over = threading.Event()

    @property
    def balances(self) -> dict[int, int]:
        """The newest balance of each branch that answers, by branch id."""
        return self._feed.balances

    def follow(self, seconds: float | None = None) -> None:
        """Shows the branches until it is interrupted, which ends it without an error, or for some time.

        Args:
            seconds: For how long; None: until Ctrl-C, a notebook's Interrupt, or the end of the bank.

        Raises:
            Unreachable, DeadlineExceeded: No branch answers.
            Closed: This watch was used before.
        """
        screen = screens.screen(self._view)
        with suppress(KeyboardInterrupt):
            self._begin()
            try:
                self._show(screen, seconds)
            finally:
                self._feed.stop(look=True)
        self._raise()
        screen.close()

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draws what was seen in the last seconds: the picture of a notebook.

        Args:
            ax: The Axes to draw into; None: a new figure.

        Returns:
            The Axes of the balances.
        """
        from . import picture  # noqa: PLC0415 (an extra)

        return picture.draw(self._view, ax)

    def close(self) -> None:
        """Ends it. Harmless when called again."""
        self._over.set()
        self._feed.stop(look=self._painter is not None)
        painter, self._painter = self._painter, None
        if painter is not None:
            painter.join()

    def _begin(self) -> None:
        if self._feed.state != "new":
            raise Closed("this watch was used before: make a new one")
        try:
            self._feed.start()
        except BaseException:
            self._feed.stop()
            raise

    def _raise(self) -> None:
        """What ended it that was not to."""
        if self._feed.error is not None:
            raise self._feed.error
        if self._failure is not None:
            raise self._failure

    def _show(self, screen: screens.Screen, seconds: float | None) -> None:
        """Shows the newest state again and again, and at last the last."""
        feed, seen = self._feed, -1
        until = None if seconds is None else feed.elapsed + seconds
        while not self._over.is_set() and not feed.ended:
            left = None if until is None else until - feed.elapsed
            if left is not None and left <= 0:
                break
            seen = feed.wait(seen, 1.0 if left is None else min(left, 1.0))
            took = feed.elapsed
            screen.show()
            took = feed.elapsed - took
            pause = max(self._interval - took, took * (1 / DRAWING - 1))
            self._over.wait(pause if left is None else max(0.0, min(pause, left)))

    def _paint(self, screen: screens.Screen) -> None:
        try:
            self._show(screen, None)
        except BaseException as error:  # it belongs to the caller's thread, which raises it
            self._failure = error

    def __enter__(self) -> Self:
        self._screen = screens.screen(self._view)
        self._begin()
        try:
            self._screen.show()
        except BaseException:
            self._feed.stop()
            raise
        self._painter = threading.Thread(
            target=self._paint, args=(self._screen,), name="replibank-paint", daemon=True
        )
        self._painter.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()
        if kind is None:
            self._raise()
        self._screen.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, kind: object, *_: object) -> None:
        await asyncio.to_thread(self.__exit__, kind)

    def __iter__(self) -> Iterator[dict[int, int]]:
        self._begin()
        return self._balances()

    def _balances(self) -> Iterator[dict[int, int]]:
        feed, seen, last = self._feed, -1, None
        try:
            while not feed.ended:
                seen = feed.wait(seen, None)
                balances = feed.balances
                if balances != last and not feed.ended:
                    yield balances
                last = balances
            self._raise()
        finally:
            self._feed.stop()

    async def __aiter__(self) -> AsyncIterator[dict[int, int]]:
        await asyncio.to_thread(self._begin)
        feed, last = self._feed, None
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        forget = feed.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            while not feed.ended:
                changed.clear()
                balances = feed.balances
                if balances != last:
                    yield balances
                    last = balances
                else:
                    await changed.wait()
            self._raise()
        finally:
            forget()
            # Short: what it waits for is a thread that ends at once.
            self._feed.stop()

    def _ipython_display_(self) -> None:
        if self._feed.state == "new":
            self.follow()
        else:
            screens.screen(self._view).show()

    def __repr__(self) -> str:
        return self._view.text()


def watch(
    addresses: Mapping[int, str],
    *,
    account: int = 0,
    interval: float = INTERVAL,
    window: float = WINDOW,
    timeout: float = 5.0,
) -> Watch:
    """Watches branches that run anywhere: `replibank serve` or `replibank branch` say where they are.

    Args:
        addresses: "HOST:PORT" by branch id.
        account: The account whose balance is watched.
        interval: The least seconds between two pictures.
        window: How many seconds a picture shows.
        timeout: Seconds that a branch may take to answer at first.

    Returns:
        The watch: see there for what it can do.

    Raises:
        ConfigError: An address is not "HOST:PORT", or its host is not known.
        ValueError: There is no address, or a number is out of its range.

    Example:
        >>> import replibank
        >>> with replibank.Bank({1: 400, 2: 400}) as bank:
        ...     for balances in replibank.watch(bank.addresses):
        ...         break
        >>> balances
        {1: 400, 2: 400}
    """
    dialled = {branch: resolve(address) for branch, address in addresses.items()}
    return Watch(dialled, account=account, interval=interval, window=window, timeout=timeout)
