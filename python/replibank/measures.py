"""What can be said of a run in numbers: pure functions of a trace. Needs the extra `replibank[plot]`.

A trace is that of a simulation, of a live bank, or a part of one. All durations are in milliseconds. What a
trace has lost (`trace.lost`), or what happened outside of the part, is not counted.

Words: an operation is a deposit or a withdrawal that a branch committed. A branch *has* it from the
moment it is part of what the branch answers. A branch is *behind* by the operations that some running
branch has and it has not. A branch that was killed does not run until it is restarted; what it alone had
cannot be had meanwhile, and whoever lacks that is not behind.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, overload

from ._base.extras import missing
from .trace.playback import (
    ADVANCES,
    COMMITS,
    DOWN,
    UNKNOWN,
    Playback,
    balances,
    frame_of,
    positions,
    running,
    steps_of,
)
from .trace.spans import faults

try:
    import numpy as np
    import pandas as pd
except ImportError as error:
    raise missing("replibank.measures", error) from None

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .trace.trace import Trace

__all__ = [
    "consistency",
    "convergence_time",
    "cost",
    "divergence",
    "faults",
    "latency",
    "staleness",
    "versions_behind",
    "visibility",
]


def convergence_time(trace: Trace) -> float | None:
    """How long the bank took to agree after its last write.

    Definition: the time from the last committed operation until no running branch was behind any more,
    and none was until the end of the trace. Ours; it is the time that eventual consistency leaves open
    (Vogels 2009, "Eventually Consistent", CACM 52(1): the inconsistency window).

    Args:
        trace: The trace.

    Returns:
        Milliseconds; 0 if nothing was written; None if a branch was still behind at the end.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> replibank.measures.convergence_time(trace) > 0
        True
    """
    frame = frame_of(trace)
    written = frame["time_us"][frame["event"].isin(COMMITS)]
    if written.empty:
        return 0.0
    behind = _most_behind(trace, frame)
    if behind.iloc[-1] > 0:
        return None
    last = int(written.iloc[-1])
    apart = np.flatnonzero(behind.to_numpy() > 0)
    settled = last if len(apart) == 0 else int(behind.index[apart[-1] + 1])
    return max(0, settled - last) / 1000


def divergence(trace: Trace, account: int = 0) -> pd.DataFrame:
    """How far apart the branches were, over time.

    Definition: at each moment, the largest balance minus the smallest, and the most operations that a
    branch is behind, over the running branches. Ours; the second is the staleness bound k of
    Bailis et al. 2012 (see `consistency`), taken over all replicas.

    Args:
        trace: The trace.
        account: The account whose balances are compared. Versions are those of all accounts.

    Returns:
        A frame with a row for each moment at which anything changed; what it says holds until the next.
        Its index `time_us` (int64) is in microseconds. Columns: `spread` (int64), in the account's
        smallest unit, and `behind` (int64), in operations.

    Raises:
        ValueError: The trace has no such account.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> replibank.measures.divergence(trace).iloc[-1].tolist()
        [0, 0]
    """
    frame = frame_of(trace)
    steps = balances(trace, frame, account)
    known = Playback.of(trace, frame).known
    # A branch that does not run shows no balance: both are looked at on one axis of time.
    times = np.union1d(steps.time_us, known.time_us)
    at_balance = np.searchsorted(steps.time_us, times, side="right") - 1
    at_known = np.searchsorted(known.time_us, times, side="right") - 1
    lowest = np.full(len(times), np.iinfo(np.int64).max)
    highest = np.full(len(times), np.iinfo(np.int64).min)
    for column, have in zip(steps.columns(), known.columns(), strict=True):
        values = column[at_balance]
        down = (have[at_known] == DOWN) | (values == UNKNOWN)
        lowest = np.minimum(lowest, np.where(down, lowest, values))
        highest = np.maximum(highest, np.where(down, highest, values))
    spread = np.where(lowest > highest, 0, highest - lowest)
    behind = _most_behind(trace, frame).to_numpy()[at_known]
    index = pd.Index(times, name="time_us")
    return pd.DataFrame({"spread": spread, "behind": behind}, index=index)


def versions_behind(trace: Trace, bins: int | None = None) -> pd.DataFrame:
    """How many operations each branch lacked, over time.

    Definition: the number of operations that some running branch has, minus the number of those that
    this branch has. That is the distance of its version vector from the join of all (Parker et al. 1983,
    "Detection of Mutual Inconsistency in Distributed Systems", IEEE TSE 9(3), has the vectors).

    Args:
        trace: The trace.
        bins: None: each moment at which anything changed. A number: the time of the run in so many
            equal parts, and the most that a branch was behind within each.

    Returns:
        A frame with a column for each branch (its id) in operations, as Float64: <NA> while the branch
        does not run. The index `time_us`, in microseconds, is where a moment or a part begins.

    Raises:
        ValueError: `bins` is not positive.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> replibank.measures.versions_behind(trace, bins=100).shape
        (100, 3)
    """
    frame = frame_of(trace)
    played = Playback.of(trace, frame)
    times = played.known.time_us
    if bins is None:
        index, most = times, None
    else:
        if bins < 1:
            raise ValueError(f"{bins} bins are not right: give a positive number")
        end = max(int(times[-1]), int(frame["time_us"].max()) if len(frame) else 0) + 1
        edges = np.linspace(times[0], end, bins + 1)
        index = edges[:-1]
        # A part holds what held as it began, and whatever changed within it.
        begins = np.searchsorted(times, edges[:-1], side="right") - 1
        ends = np.searchsorted(times, edges[1:], side="left")
        most = np.column_stack([begins, np.maximum(ends, begins + 1)]).ravel()
    columns = {}
    for place, branch in enumerate(trace.branches):
        behind = played.behind(place)
        if most is not None:
            # `reduceat` wants the end of its last part to be a place.
            behind = np.maximum.reduceat(np.append(behind, DOWN), most)[::2]
        columns[branch] = pd.array(np.where(behind == DOWN, np.nan, behind), dtype="Float64")
    return pd.DataFrame(columns, index=pd.Index(index, name="time_us"))


def staleness(trace: Trace) -> pd.DataFrame:
    """How old each answer to a query was.

    Definitions: a read misses the operations on its account that some running branch had committed or
    had been told before, and its own branch had not. `versions` is their number: the k of k-staleness
    (Bailis et al. 2012, see `consistency`). `ms` is how long ago the oldest of them was committed. So
    far one must go back in time until the answer was right (the Delta of Golab, Li and Shah 2011,
    "Analyzing Consistency Properties for Fun and Profit", PODC).

    Args:
        trace: The trace.

    Returns:
        A frame with a row for each `query`, in the order of time: `time_us` (int64, microseconds),
        `branch` (int64), `account` (int64), `versions` (int64, operations), `ms` (float64,
        milliseconds; 0 if nothing was missed).

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=50, trace=True).trace
        >>> list(replibank.measures.staleness(trace).columns)
        ['time_us', 'branch', 'account', 'versions', 'ms']
    """
    frame = frame_of(trace)
    knowledge, _, steps = steps_of(trace, frame, "query")
    times = frame["time_us"].to_numpy()
    accounts = frame["account"].fillna(0).astype("int64").to_numpy()
    # By origin and account: the sequences of its operations, increasing, and when they were committed.
    written: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    rows = []
    for event, branch, origin, sequence, row in steps:
        if event != "query":
            knowledge.step(event, branch, origin, sequence)
            if event in COMMITS:
                sequences, at = written.setdefault((origin, int(accounts[row])), ([], []))
                sequences.append(sequence)
                at.append(int(times[row]))
            continue
        count, oldest, account = 0, int(times[row]), int(accounts[row])
        if knowledge.total[branch] < knowledge.head_total:
            for origin_, (known, head) in enumerate(
                zip(knowledge.known[branch], knowledge.head, strict=True)
            ):
                if known < head and (origin_, account) in written:
                    sequences, at = written[origin_, account]
                    first, end = bisect_right(sequences, known), bisect_right(sequences, head)
                    if first < end:
                        count += end - first
                        oldest = min(oldest, at[first])
        rows.append((int(times[row]), trace.branches[branch], account, count, (times[row] - oldest) / 1000))
    read = pd.DataFrame(rows, columns=["time_us", "branch", "account", "versions", "ms"])
    return read.astype(
        {"time_us": "int64", "branch": "int64", "account": "int64", "versions": "int64", "ms": "float64"}
    )


def visibility(trace: Trace) -> pd.DataFrame:
    """When each operation became visible at each branch.

    Definition: the time from the commit of an operation until a branch had it: the t-visibility of
    Bailis et al. 2012 (see `consistency`), one write and one replica at a time.

    Args:
        trace: The trace.

    Returns:
        A frame with a row for each committed operation, indexed by `origin` and `sequence`, in the order
        of commits; a column for each branch (its id), float64, in milliseconds: 0 at the branch that
        committed it, inf if the branch never got it within the trace. The largest of a row is how long
        the operation took to be everywhere.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> everywhere_ms = replibank.measures.visibility(trace).max(axis="columns")
        >>> bool((everywhere_ms > 0).all())
        True
    """
    frame = frame_of(trace)
    commits = frame[frame["event"].isin(COMMITS)]
    advances = frame[frame["event"].isin(ADVANCES)]
    origins, names = pd.factorize(commits["origin"].astype(object))
    sequences = commits["sequence_through"].astype("int64").to_numpy()
    committed = commits["time_us"].to_numpy()
    advanced = names.get_indexer(pd.Index(advances["origin"].astype(object)))
    key = advanced * len(trace.branches) + positions(trace.branches, advances["branch"])
    order = np.argsort(key, kind="stable")
    order = order[advanced[order] >= 0]
    reached = advances["sequence_through"].astype("int64").to_numpy()[order]
    at = advances["time_us"].to_numpy()[order]
    cuts = np.searchsorted(key[order], np.arange(len(names) * len(trace.branches) + 1))
    delays = np.full((len(commits), len(trace.branches)), np.inf)
    for origin in range(len(names)):
        own = np.flatnonzero(origins == origin)
        for branch in range(len(trace.branches)):
            group = origin * len(trace.branches) + branch
            begin, end = cuts[group], cuts[group + 1]
            # The first moment at which the branch had as much: later losses do not count.
            most = np.maximum.accumulate(reached[begin:end])
            first = np.searchsorted(most, sequences[own], side="left")
            got = first < end - begin
            delays[own[got], branch] = (at[begin:end][first[got]] - committed[own[got]]) / 1000
    index = pd.MultiIndex.from_arrays(
        [commits["origin"].astype(object), sequences], names=["origin", "sequence"]
    )
    return pd.DataFrame(delays, index=index, columns=list(trace.branches))


@overload
def consistency(trace: Trace, t_ms: float) -> float: ...
@overload
def consistency(trace: Trace, t_ms: Sequence[float] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]: ...
def consistency(trace: Trace, t_ms: Any) -> Any:
    """The probability that a read, `t_ms` after a write, returns that write: measured, not modelled.

    Definition: the share of pairs of a committed operation and a branch in which the branch had the
    operation `t_ms` after its commit: a read at a branch picked at random, the writer's own included.
    This is P(consistency) after t of Probabilistically Bounded Staleness (Bailis, Venkataraman,
    Franklin, Hellerstein and Stoica 2012, PVLDB 5(8), section 3.1, t-visibility) with R = W = 1; they
    predict it from latencies, here it is counted. A branch that never gets an operation has it at no t.
    Branches that do not run at the end of the trace answer nobody and are left out.

    Args:
        trace: The trace.
        t_ms: Milliseconds after the commit: one number or many.

    Returns:
        A probability from 0 to 1, or an array of them in the shape of `t_ms`; nan if nothing was written.

    Raises:
        ValueError: A time is negative, or no number.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> replibank.measures.consistency(trace, 60_000)
        1.0
    """
    frame = frame_of(trace)
    wanted = np.asarray(t_ms, dtype=float)
    wrong = wanted[~(wanted >= 0)]
    if wrong.size:
        raise ValueError(f"t_ms {wrong.flat[0]:g} is not right: give milliseconds from 0")
    seen = visibility(trace).loc[:, running(trace, frame)].to_numpy().ravel()
    if len(seen) == 0:
        found = np.full(wanted.shape, np.nan)
    else:
        found = np.searchsorted(np.sort(seen), wanted, side="right") / len(seen)
    return float(found) if wanted.ndim == 0 else found


def cost(trace: Trace) -> pd.DataFrame:
    """What propagation cost: messages and bytes for each operation.

    Definition: all messages that branches sent to each other, received or not, divided by the number
    of committed operations. Ours. N branches of which each hears of each operation once would take
    N - 1 updates an operation; operations that travel together take fewer.

    Args:
        trace: The trace.

    Returns:
        A frame with a row for each kind of message ("greeting", "update", "call", "acknowledgement") and
        one for "all": `messages` (int64), `bytes` (Int64: <NA> in simulations, which encode nothing),
        `messages_per_operation` and `bytes_per_operation` (Float64, <NA> if nothing was written).

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> bool(replibank.measures.cost(trace).loc["all", "messages"] > 0)
        True
    """
    frame = frame_of(trace)
    sent = frame[frame["event"] == "sent"]
    kinds = sent["message"].astype(object)
    table = pd.DataFrame(
        index=pd.Index(["greeting", "update", "call", "acknowledgement", "all"], name="message")
    )
    counts = kinds.value_counts()
    sizes = sent["bytes"].groupby(kinds).sum(min_count=1)
    counts["all"] = len(sent)
    sizes["all"] = sent["bytes"].sum(min_count=1)
    table["messages"] = counts.reindex(table.index, fill_value=0).astype("int64")
    table["bytes"] = sizes.reindex(table.index).astype("Int64")
    operations = int(frame["event"].isin(COMMITS).sum())
    for name in ("messages", "bytes"):
        table[f"{name}_per_operation"] = table[name].astype("Float64") / (operations or pd.NA)
    return table


def latency(trace: Trace, percentiles: Sequence[float] = (50, 90, 99, 100)) -> pd.DataFrame:
    """How long customers' requests waited at their branches.

    Definition: the time from a request's arrival at its branch to the branch's answer, in percentiles.
    The p-th is the smallest wait that at least p percent of the waits do not exceed (nearest rank; it
    is always a wait that happened). The way to the branch and back is not in it.

    Args:
        trace: The trace.
        percentiles: Which, above 0 and up to 100, which is the longest wait.

    Returns:
        A frame with a row for each kind of answer ("deposit", "withdraw", "query", "refused") that
        happened, and one for "all": `count` (int64), and for each percentile a column "p50" and so on
        (float64, milliseconds).

    Raises:
        ValueError: A percentile is out of its range.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=1, branches=3, operations=20, trace=True).trace
        >>> list(replibank.measures.latency(trace, [50, 99.9]).columns)
        ['count', 'p50', 'p99.9']
    """
    for percentile in percentiles:
        if not 0 < percentile <= 100:
            raise ValueError(f"percentile {percentile:g} is not right: give a number above 0 and up to 100")
    frame = frame_of(trace)
    answered = frame[frame["event"].isin((*COMMITS, "query", "refused")) & frame["waited_us"].notna()]
    waits = answered["waited_us"].astype("int64")
    names = [name for name in (*COMMITS, "query", "refused") if (answered["event"] == name).any()]
    groups = {name: waits[answered["event"] == name] for name in names} | {"all": waits}
    table = {}
    for name, group in groups.items():
        row: dict[str, float] = {"count": len(group)}
        for percentile in percentiles:
            row[f"p{percentile:g}"] = nearest_rank(np.sort(group.to_numpy()), percentile) / 1000
        table[name] = row
    return pd.DataFrame.from_dict(table, orient="index").astype({"count": "int64"})


def nearest_rank(ordered: np.ndarray[Any, Any], percentile: float) -> float:
    """The smallest of the ordered values that at least `percentile` percent do not exceed; nan of none."""
    if len(ordered) == 0:
        return float("nan")
    # Multiplied before it is divided: 0.9 * 10 would be more than 9.
    rank = int(np.ceil(percentile * len(ordered) / 100))
    return float(ordered[max(rank, 1) - 1])


def _most_behind(trace: Trace, frame: pd.DataFrame) -> pd.Series:
    """The most operations that any running branch was behind, from each moment on."""
    played = Playback.of(trace, frame)
    most = np.zeros(len(played.head), dtype=np.int64)
    for place in range(len(trace.branches)):
        most = np.maximum(most, played.behind(place))
    return pd.Series(most, index=pd.Index(played.known.time_us, name="time_us"))
