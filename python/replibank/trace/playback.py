"""A trace played back: what every branch had, and what there was to have, after every event.

This is the ground of `measures` and of the pictures. It knows nothing of either, and it never guesses:
what a trace has lost, nobody can play back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._base.extras import missing
from .trace import a_trace

try:
    import numpy as np
    import pandas as pd
except ImportError as error:
    raise missing("replibank.measures", error) from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from .trace import Trace

#: So many accounts are listed where a wrong one was asked for.
ACCOUNTS_NAMED = 10

#: A branch decided an operation.
COMMITS = ("deposit", "withdraw")

#: Events after which a branch has operations that it did not have.
ADVANCES = (*COMMITS, "joined", "recovered")

#: What branches had before the first row of a trace, by branch and origin: something in a part of one only.
Before = dict[int, dict[str, int]]

#: What a column says of a branch that does not run.
DOWN = -1

#: What a column says of a balance that a part of a trace does not tell.
UNKNOWN = -(2**63)


class Knowledge:
    """What each branch has, by origin, and the most that any running branch has.

    Invariant: `head[o]` is the largest `known[b][o]` of the running branches b, `total[b]` the sum of
    `known[b]`, and `head_total` that of `head`; so a running branch lacks `head_total - total[b]`.
    """

    def __init__(self, branches: Sequence[int], origins: Sequence[str], before: Before) -> None:
        """All branches run. `before` is what they had by then."""
        self.known = [[before.get(branch, {}).get(origin, 0) for origin in origins] for branch in branches]
        self.total = [sum(known) for known in self.known]
        self.running = [True] * len(branches)
        self.head = [max(column) for column in zip(*self.known, strict=True)]
        self.head_total = sum(self.head)

    def step(self, event: str, branch: int, origin: int, sequence: int) -> None:
        """What one of the steps of `steps_of` says has happened."""
        if event in ADVANCES:
            self.advance(branch, origin, sequence)
        elif event == "killed":
            self.stop(branch)
        elif event == "restarted":
            self.start(branch)

    def advance(self, branch: int, origin: int, sequence: int) -> None:
        """The branch has the origin's operations up to this one."""
        gained = sequence - self.known[branch][origin]
        if gained <= 0:
            return
        self.known[branch][origin] = sequence
        self.total[branch] += gained
        if sequence > self.head[origin] and self.running[branch]:
            self.head_total += sequence - self.head[origin]
            self.head[origin] = sequence

    def stop(self, branch: int) -> None:
        """The branch was killed: what it alone had is not to be had."""
        self.running[branch] = False
        alive = [known for known, running in zip(self.known, self.running, strict=True) if running]
        self.head = [max(column) for column in zip(*alive, strict=True)] if alive else [0] * len(self.head)
        self.head_total = sum(self.head)

    def start(self, branch: int) -> None:
        """The branch is back, with nothing until it recovers something."""
        if self.running[branch]:
            self.stop(branch)
        self.known[branch] = [0] * len(self.head)
        self.total[branch] = 0
        self.running[branch] = True


@dataclass(frozen=True)
class Steps:
    """A whole number for each branch, constant between changes.

    Attributes:
        time_us: When anything changed, increasing; the first is the beginning.
        changes: By branch: the places in `time_us` of its changes, and the values from there on. Of
            several changes at one place the last counts.
    """

    time_us: np.ndarray[Any, np.dtype[np.int64]]
    changes: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]

    def column(self, branch: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The branch's value at each of `time_us`."""
        places, values = self.changes[branch]
        return np.repeat(values, np.diff(np.append(places, len(self.time_us))))

    def columns(self) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
        """All branches', one after another: together they may be large."""
        return (self.column(branch) for branch in range(len(self.changes)))

    @classmethod
    def of(cls, begin: int, times: Any, branches: Any, values: Any, initial: Sequence[int]) -> Steps:
        """Steps from changes in the order of time, which begin with the `initial` values of the branches."""
        times, first = np.asarray(times, dtype=np.int64), np.array([begin], dtype=np.int64)
        distinct, places = np.unique(np.concatenate([first, times]), return_inverse=True)
        places = places[1:]
        branches, values = np.asarray(branches, dtype=np.int64), np.asarray(values, dtype=np.int64)
        order = np.argsort(branches, kind="stable")
        cuts = np.searchsorted(branches[order], np.arange(len(initial) + 1))
        changes = []
        for value, own in zip(initial, np.split(order, cuts[1:-1]), strict=True):
            changes.append((np.insert(places[own], 0, 0), np.insert(values[own], 0, value)))
        return cls(distinct, changes)


@dataclass(frozen=True)
class Playback:
    """How far everybody is.

    Attributes:
        head: At each of `known.time_us`: how many operations some running branch has.
        known: How many a branch has; `DOWN` while it does not run.
    """

    head: np.ndarray[Any, np.dtype[np.int64]]
    known: Steps

    @classmethod
    def of(cls, trace: Trace, frame: pd.DataFrame) -> Playback:
        """Plays a trace back."""
        knowledge, _, steps = steps_of(trace, frame)
        initial, had = list(knowledge.total), knowledge.head_total
        places, known, heads, rows = [], [], [], []
        for event, branch, origin, sequence, row in steps:
            knowledge.step(event, branch, origin, sequence)
            places.append(branch)
            known.append(knowledge.total[branch] if knowledge.running[branch] else DOWN)
            heads.append(knowledge.head_total)
            rows.append(row)
        times = frame["time_us"].to_numpy()[rows]
        told = Steps.of(begin_us(trace, frame), times, places, known, initial)
        # Of several rows at one time, the last says how things stood.
        last = np.searchsorted(times, told.time_us, side="right")
        return cls(np.insert(np.asarray(heads, dtype=np.int64), 0, had)[last], told)

    def behind(self, branch: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many operations the branch lacks at each time; `DOWN` while it does not run."""
        known = self.known.column(branch)
        return np.where(known == DOWN, DOWN, self.head - known)


def positions(branches: Sequence[int], ids: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The place of each id in the trace's list of branches."""
    order = np.argsort(branches)
    return order[np.searchsorted(np.asarray(branches)[order], np.asarray(ids, dtype=np.int64))]


def before(trace: Trace, frame: pd.DataFrame) -> Before:
    """What branches had before the trace begins."""
    first = int(frame["time_us"].iloc[0]) if len(frame) else 0
    if first == 0:
        return {}
    versions = trace.versions(first - 1)
    return {
        branch: {_name(origin): sequence for origin, sequence in version.to_dict().items()}
        for branch, version in versions.items()
        if version
    }


def _name(origin: int | tuple[int, int]) -> str:
    """An origin as the trace's column has it."""
    return str(origin) if isinstance(origin, int) else f"{origin[0]}.{origin[1]}"


def frame_of(trace: Trace) -> pd.DataFrame:
    """The rows of what a measure or a picture was given.

    Raises:
        TypeError: It is no trace.
    """
    return a_trace(trace).to_pandas()


def begin_us(trace: Trace, frame: pd.DataFrame) -> int:
    """When the trace begins: 0 if it is whole, or the time of the first row of a part."""
    return int(frame["time_us"].iloc[0]) if before(trace, frame) else 0


def steps_of(
    trace: Trace, frame: pd.DataFrame, *also: str
) -> tuple[Knowledge, list[str], Iterator[tuple[Any, ...]]]:
    """The rows that change what is known, and those of the events `also`.

    Returns:
        What is known before them; the origins; and for each row the event, the place of the branch, that of
        the origin, the last sequence, and the place of the row.
    """
    wanted = frame["event"].isin((*ADVANCES, "killed", "restarted", *also)).to_numpy()
    rows = frame[wanted]
    had = before(trace, frame)
    codes, names = pd.factorize(rows["origin"].astype(object))
    origins = [*names, *sorted({origin for version in had.values() for origin in version} - set(names))]
    steps = zip(
        rows["event"].astype(object).tolist(),
        positions(trace.branches, rows["branch"]).tolist(),
        codes.tolist(),
        rows["sequence_through"].fillna(0).astype("int64").tolist(),
        np.flatnonzero(wanted).tolist(),
        strict=True,
    )
    return Knowledge(trace.branches, origins, had), origins, steps


def balances(trace: Trace, frame: pd.DataFrame, account: int) -> Steps:
    """Each branch's balance of one account; `UNKNOWN` where a part of a trace has no row about it.

    Raises:
        ValueError: The trace has no such account.
    """
    if account not in trace.accounts:
        some = [str(id_) for id_ in trace.accounts][:ACCOUNTS_NAMED]
        more = len(trace.accounts) - len(some)
        had = ", ".join(some) + (f" and {more:,} more" if more else "")
        raise ValueError(f"account {account!r} is not right: the trace has {had}")
    opening = trace.accounts[account]
    told = frame["event"].isin((*ADVANCES, "query")).to_numpy()
    told = told & (frame["account"] == account).fillna(False).to_numpy(dtype=bool)
    rows = frame[told | (frame["event"] == "restarted").to_numpy()]
    # A branch comes back with what it began with, and recovers the rest, row by row.
    restarts = (rows["event"] == "restarted").to_numpy()
    values = np.where(restarts, opening, rows["balance"].fillna(opening).astype("int64").to_numpy())
    places = positions(trace.branches, rows["branch"])
    change = rows["amount"].where(rows["event"] != "query").fillna(0).astype("int64").to_numpy()
    change = np.where((rows["event"] == "withdraw").to_numpy(), -change, change)
    initial = [UNKNOWN if before(trace, frame) else opening] * len(trace.branches)
    # What it was before its first row; in a whole trace, that is the opening balance.
    for place, first in zip(*np.unique(places, return_index=True), strict=True):
        if not restarts[first]:
            initial[place] = int(values[first] - change[first])
    kept = (rows["event"] != "query").to_numpy()
    return Steps.of(begin_us(trace, frame), rows["time_us"][kept], places[kept], values[kept], initial)


def running(trace: Trace, frame: pd.DataFrame) -> list[bool]:
    """Whether each branch runs at the end of the trace."""
    rows = frame[frame["event"].isin(("killed", "restarted"))]
    last = dict(zip(rows["branch"].tolist(), rows["event"].tolist(), strict=True))
    return [last.get(branch) != "killed" for branch in trace.branches]
