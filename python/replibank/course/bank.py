"""The one bank that a program in the course's style has, behind the objects that it builds: its
branches as they are named, and the running core. It knows what the program has written so far. Every
branch waits for that before it answers, which takes the place of the course's sleeps."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Mapping

from .. import _core
from .._base.words import some
from ..bank.launch import launch
from ..errors import Closed, ConfigError, UnknownBranch

#: Seconds that a request may take.
TIMEOUT = 30.0

Ids = Callable[[], Iterable[int]]


class CourseBank:
    """The program's branches; at first there are none.

    Attributes:
        written: What the program's customers have written.
    """

    def __init__(self) -> None:
        self._openings: dict[int, int] = {}
        self._ids: list[Ids] = []
        self._bank: _core.Bank | None = None
        self._addresses: dict[int, str] = {}
        self._customers: dict[int, _core.Customer] = {}
        self._is_over = False
        self.written = _core.Version()

    def add(self, branch: int, balance: int, branches: Ids) -> None:
        """Names a branch, before the bank starts or (one of its branches) after."""
        if self._is_over or self._is_begun_again(branch):
            self.close()
            self._openings.clear()
            self._ids.clear()
            self._is_over = False
        if branch in self._openings:
            raise ConfigError(f"branch {branch} is built twice: each branch has an id of its own")
        for other, opening in self._openings.items():
            if opening != balance:
                raise ConfigError(
                    f"branch {other} opens with {opening} and branch {branch} with {balance}: "
                    "give equal ones, since branches are replicas of one balance"
                )
        if self._bank and branch not in self._addresses:
            raise ConfigError(f"branch {branch} comes too late: the bank runs without it")
        self._openings[branch] = balance
        self._ids.append(branches)

    def _is_begun_again(self, branch: int) -> bool:
        """Whether the program builds its branches once more, as when a notebook's cell runs again."""
        has_run = bool(self._addresses)
        is_first = next(iter(self._openings), None) == branch
        return branch in self._openings and (has_run or is_first)

    def opening(self, branch: int) -> int:
        return self._openings[branch]

    @property
    def is_fresh(self) -> bool:
        """Whether the bank has not been started yet."""
        return not self._addresses and not self._is_over

    def start(self) -> None:
        """Starts the branches. In a child process that is left to whoever needs them there."""
        if multiprocessing.parent_process() is None:
            self.addresses()

    def addresses(self) -> Mapping[int, str]:
        """Where the branches are; starts them if need be."""
        if self._is_over:
            raise Closed("the bank was stopped: build its branches again for a new one")
        if not self._addresses:
            if not self._openings:
                raise UnknownBranch(
                    "there are no branches: build each Branch first, or let `join` find served ones"
                )
            ids = set(self._openings).union(*(named() for named in self._ids))
            opening = next(iter(self._openings.values()))
            self._bank = launch(dict.fromkeys(sorted(ids), opening)).wait()
            self._addresses = self._bank.addresses()
        return self._addresses

    def join(self, addresses: Mapping[int, str], written: _core.Version) -> None:
        """Takes branches that somebody else serves, with what was written to them before."""
        self.close()
        self._is_over = False
        self._addresses = dict(addresses)
        self.written = written

    def customer(self, branch: int) -> _core.Customer:
        """This program's one connection to a branch."""
        if branch not in self._customers:
            addresses = self.addresses()
            if branch not in addresses:
                raise UnknownBranch(f"no branch {branch}: there are {some(addresses)}")
            self._customers[branch] = _core.connect(addresses[branch], TIMEOUT).wait()
        return self._customers[branch]

    def close(self) -> None:
        """Ends the branches, if they are this program's. Harmless when called again."""
        self._is_over = True
        bank, self._bank = self._bank, None
        self._addresses = {}
        self._customers = {}
        self.written = _core.Version()
        if bank:
            bank.close().wait()


BANK = CourseBank()
