"""One fault on a running bank: what it is, and the two objects that stand for it while it is in force, for
`Bank` and for `AsyncBank`. `faults` has the methods that make them.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..errors import AlreadyRunning, Closed, NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from types import TracebackType

    from .._core import Bank as CoreBank
    from .._core import Call

    #: The running bank, or why there is none any more.
    Live = Callable[[], CoreBank]
    Branches = Iterable[int] | None
    Links = Iterable[tuple[int, int]] | None

#: What lifting a fault need not say: it is lifted already, or there is no bank any more.
LIFTED_ALREADY = (AlreadyRunning, Closed, NotRunning)


@dataclass(frozen=True)
class Kind:
    """What a fault is: in words, what lets it befall the bank, and, given what that came to, what lifts it
    again."""

    what: str
    begin: Callable[[], Call[Any]]
    lift: Callable[[Any], Call[None]]


def partition(live: Live, groups: Sequence[Iterable[int]], one_way: bool) -> Kind:
    what = f"partition of {', '.join(map(repr, groups))}{', one way' if one_way else ''}"
    return _wires(live, what, lambda: live().partition(groups, one_way))


def delay(live: Live, seconds: float, branches: Branches, links: Links, one_way: bool) -> Kind:
    return _wires(live, f"delay of {seconds} s", lambda: live().delay(seconds, branches, links, one_way))


def drop(live: Live, share: float, branches: Branches, links: Links, one_way: bool) -> Kind:
    what = f"drop of {share:.1%}" if isinstance(share, float) else f"drop of {share}"
    return _wires(live, what, lambda: live().drop(share, branches, links, one_way))


def drop_requests(live: Live, share: float, branches: Branches) -> Kind:
    return _wires(live, f"drop of requests, {share}", lambda: live().drop_requests(share, branches))


def pause(live: Live, branch: int) -> Kind:
    return Kind(f"pause of branch {branch}", lambda: live().pause(branch), lambda _: live().resume(branch))


def kill(live: Live, branch: int) -> Kind:
    return Kind(f"kill of branch {branch}", lambda: live().kill(branch), lambda _: live().restart(branch))


def _wires(live: Live, what: str, begin: Callable[[], Call[Any]]) -> Kind:
    """A fault of wires, which the bank names by a number."""
    return Kind(what, begin, lambda fault: live().lift(fault))


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

    def __init__(self, kind: Kind) -> None:
        """Not for users: the bank's methods make faults."""
        self._kind = kind
        # What it came to is known before anything can go wrong with this object.
        self._came_to = kind.begin().wait()

    def lift(self) -> None:
        """Lifts this fault and no other. Harmless when it is lifted already.

        Raises:
            ProcessError, StorageError: A branch has ended by itself and cannot be told, or does not
                start again.
        """
        with suppress(*LIFTED_ALREADY):
            self._kind.lift(self._came_to).wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lift()

    def __repr__(self) -> str:
        return f"<Fault: {self._kind.what}>"


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

    def __init__(self, kind: Kind) -> None:
        """Not for users: the bank's methods make faults."""
        self._kind = kind
        self._came_to: list[Any] = []
        # Python itself warns of a coroutine that nobody has awaited.
        self._begun = _begin(kind, self._came_to)

    async def lift(self) -> None:
        """Lifts this fault and no other. Harmless when it is lifted already.

        Raises:
            ProcessError, StorageError: A branch has ended by itself and cannot be told, or does not
                start again.
        """
        with suppress(*LIFTED_ALREADY):
            await self._kind.lift(self._came_to[0]).future()

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
        return f"<AsyncFault: {self._kind.what}>"


async def _begin(kind: Kind, came_to: list[Any]) -> None:
    came_to.append(await kind.begin().future())
