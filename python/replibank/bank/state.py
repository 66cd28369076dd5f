"""What `Bank` and `AsyncBank` have in common: how each is described and starts, where its branches are, and
what it says of itself. Nothing here waits for a branch.
"""

from __future__ import annotations

import os
import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from .._base import tables
from .._base.arguments import mapping
from .._base.words import plural
from ..errors import Closed
from .launch import launch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core import Bank as CoreBank
    from ..live.watch import Watch
    from .launch import Durability, Propagation, Topology

#: How many branches a repr names.
BRANCHES_SHOWN = 4


class BankState:
    """A bank that is not running yet, runs, or is closed."""

    #: Why it cannot be asked while it does not run, and what would be right.
    _not_running: ClassVar[str]

    _core: CoreBank | None = None
    # Kept beyond the end: a trace is often looked at when all is over.
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
        # First, so that a bank that does not start can be shown in a traceback.
        self._addresses: dict[int, str] = {}
        self._branches: list[int] = []
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._pid = os.getpid()
        openings = mapping("branches", branches, "opening balances by branch id")
        self._branches = list(openings)
        self._keeps_trace = bool(trace)
        self._launch = partial(
            launch,
            openings,
            accounts=mapping("accounts", accounts or {}, "opening balances by account id"),
            propagation=propagation,
            topology=topology,
            processes=processes,
            ports=mapping("ports", ports or {}, "ports by branch id"),
            propagation_delay=propagation_delay,
            data_dir=data_dir,
            durability=durability,
            trace=trace,
        )
        self._prepared()

    def _prepared(self) -> None:
        """Called once the bank can start: a blocking one does."""

    def _started(self, core: CoreBank) -> None:
        self._addresses = core.addresses()
        self._branches = list(self._addresses)
        self._pid = os.getpid()
        self._core = core
        self._traced = core if self._keeps_trace else None

    def _live(self) -> CoreBank:
        if self._core is None:
            raise Closed(self._not_running)
        return self._core

    def _ended(self) -> CoreBank | None:
        """The core's bank, if it is still to be closed, and by this process: a forked one has nothing to
        stop."""
        core, self._core = self._core, None
        return core if self._pid == os.getpid() else None

    @property
    def branches(self) -> list[int]:
        """The branches' ids, in order."""
        return sorted(self._branches)

    @property
    def addresses(self) -> dict[int, str]:
        """Each branch's "HOST:PORT", by branch id; empty before the start."""
        return dict(self._addresses)

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
            >>> import replibank
            >>> with replibank.Bank({1: 400, 2: 400}) as bank:
            ...     for balances in bank.watch():
            ...         if balances == {1: 400, 2: 400}:
            ...             receipt = bank.customer(1).deposit(170)
            ...         if balances == {1: 570, 2: 570}:
            ...             break
        """
        from ..live.watch import Watch  # noqa: PLC0415 (asyncio is long to import, and needed here only)

        self._live()
        watch = Watch(self._addresses, account=account, interval=interval, window=window, timeout=timeout)
        self._watches.add(watch)
        return watch

    def __del__(self) -> None:
        # Dropping the core's bank stops its branches, but does not wait for them.
        if self._core is not None and self._pid == os.getpid():
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def _shown(self) -> list[tuple[int | str, str]]:
        """The first few branches and their addresses. It asks nobody."""
        shown: list[tuple[int | str, str]] = [
            (branch, self._addresses.get(branch, "")) for branch in self._branches[:BRANCHES_SHOWN]
        ]
        return shown if len(self._branches) <= BRANCHES_SHOWN else [*shown, ("…", "…")]

    def __repr__(self) -> str:
        shown = [f"{branch} at {address}" if branch != "…" else "…" for branch, address in self._shown()]
        state = "not running" if self._core is None else ", ".join(shown)
        return f"<{type(self).__name__} of {plural(len(self._branches), 'branch')}: {state}>"

    def _repr_html_(self) -> str:
        state = ", not running" if self._core is None else ""
        caption = f"{type(self).__name__}: {plural(len(self._branches), 'branch')}{state}"
        return tables.table(caption, ("branch", "address"), self._shown())
