"""What was wrong in a run, and from when until when: the faults of a trace, gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._base.extras import missing
from . import playback

try:
    import pandas as pd
except ImportError as error:
    raise missing("replibank.measures", error) from None

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .trace import Trace

#: A fault's first event, its last, and its name.
KINDS = {
    "cut": ("mended", "partition"),
    "killed": ("restarted", "killed"),
    "paused": ("resumed", "paused"),
    "slowed": ("unslowed", "slow"),
    "dropping": ("delivering", "loss"),
}
ENDS = {last: first for first, (last, _) in KINDS.items()}

#: Of these, one may begin while another lasts; the first to begin is taken for the first to end.
NESTED = ("cut", "paused", "slowed")

#: Microseconds within which what happens at several branches is one fault: it reaches them one by one.
TOGETHER_US = 5_000


def faults(trace: Trace) -> pd.DataFrame:
    """What was wrong, and from when until when.

    Definition: a fault lasts from its first event ("cut", "killed", "paused", "slowed", "dropping") to its
    last ("mended", "restarted", "resumed", "unslowed", "delivering"), or to the end of the trace. Faults of
    one kind that begin and end together are one: a partition is many links cut at once.

    Args:
        trace: The trace.

    Returns:
        A frame with a row for each fault, in the order of time: `kind` ("partition", "killed", "paused",
        "slow" or "loss"), `text` (which branches: "1, 2 | 3" is a partition in two, "1 → 2" a link that
        fails one way), `branches` (a tuple of ids), `links` (a tuple of (from, to), for partitions),
        `start_us` and `end_us` (int64, microseconds), and `lifted` (bool: it ended within the trace).

    Example:
        >>> import replibank
        >>> run = replibank.simulate(seed=7, branches=3, operations=50, faults=["pause"], trace=True)
        >>> set(replibank.measures.faults(run.trace)["kind"]) <= {"paused"}
        True
    """
    frame = playback.frame_of(trace)
    end_us = int(frame["time_us"].max()) if len(frame) else 0
    rows = frame[frame["event"].isin([*KINDS, *ENDS])]
    begin_us = playback.begin_us(trace, frame)
    lasting: dict[tuple[str, int, Any], list[int]] = {}
    spans: list[tuple[str, int, int, bool, int, Any]] = []
    peers = rows["peer"].astype(object).where(rows["peer"].notna(), None)
    for time, branch, event, peer in zip(
        rows["time_us"].tolist(), rows["branch"].tolist(), rows["event"].tolist(), peers.tolist(), strict=True
    ):
        begun = lasting.setdefault((ENDS.get(event, event), branch, peer), [])
        if event in KINDS:
            if event in NESTED or not begun:
                begun.append(time)
        elif begun or begin_us > 0:
            # In a part of a trace, what ends may have begun before it.
            start = begun.pop(0) if begun else begin_us
            spans.append((ENDS[event], start, time, True, branch, peer))
    for (event, branch, peer), begun in lasting.items():
        spans.extend((event, start, end_us, False, branch, peer) for start in begun)
    spans.sort(key=lambda span: (span[1], span[2]))
    found = [_told(group, trace) for group in _together(spans)]
    columns = ["kind", "text", "branches", "links", "start_us", "end_us", "lifted"]
    table = pd.DataFrame(found, columns=columns).astype(
        {"start_us": "int64", "end_us": "int64", "lifted": "bool"}
    )
    return table.sort_values("start_us", kind="stable", ignore_index=True)


def _together(spans: Iterable[Any]) -> list[list[Any]]:
    """Spans of one kind whose beginnings and ends are close to those of the first of them."""
    groups: list[list[Any]] = []
    for span in spans:
        event, start, end, lifted, *_ = span
        for group in groups:
            first = group[0]
            # Short faults are told apart by less.
            near = min(TOGETHER_US, (first[2] - first[1]) // 4)
            same = first[0] == event and first[3] == lifted
            if same and abs(start - first[1]) <= near and abs(end - first[2]) <= near:
                group.append(span)
                break
        else:
            groups.append([span])
    return groups


def _told(group: list[Any], trace: Trace) -> tuple[Any, ...]:
    event, lifted = group[0][0], group[0][3]
    start, end = min(span[1] for span in group), max(span[2] for span in group)
    branches = tuple(sorted({span[4] for span in group}))
    links: tuple[tuple[int, int], ...] = ()
    text = "all" if len(branches) == len(trace.branches) > 1 else ranges(branches)
    if event == "cut":
        links = tuple(sorted((span[4], span[5]) for span in group))
        branches = tuple(sorted({end for link in links for end in link}))
        text = _partition(links, trace)
    return KINDS[event][1], text, branches, links, start, end, lifted


def _partition(cut: Sequence[tuple[int, int]], trace: Trace) -> str:
    """The sides, if the cut links part the branches; otherwise the links."""
    parts = sides(cut, trace)
    if len(parts) > 1:
        return " | ".join(ranges(part) for part in parts)
    if way := _one_way(cut, trace):
        return way
    told = [f"{a} ↔ {b}" for a, b in cut if a < b and (b, a) in cut]
    told += [f"{a} → {b}" for a, b in cut if (b, a) not in cut]
    return ", ".join(told) if len(told) <= 3 else f"{len(told)} links"


def _one_way(cut: Sequence[tuple[int, int]], trace: Trace) -> str:
    """From some branches to others, if every link of the bank from these to those is cut, and no other."""
    senders, receivers = {a for a, _ in cut}, {b for _, b in cut}
    links = [pair for a, b in trace.links for pair in ((a, b), (b, a))]
    if senders & receivers or any((a, b) not in cut for a, b in links if a in senders and b in receivers):
        return ""
    return f"{ranges(senders)} → {ranges(receivers)}"


def sides(cut: Sequence[tuple[int, int]], trace: Trace) -> list[list[int]]:
    """The branches in parts that hear of each other while these links (from, to) are cut; each part in
    order, and the parts by their first branch. A link that is cut one way still joins.
    """
    lost = set(cut)
    peers: dict[int, list[int]] = {branch: [] for branch in trace.branches}
    for a, b in trace.links:
        if (a, b) not in lost or (b, a) not in lost:
            peers[a].append(b)
            peers[b].append(a)
    parts: list[list[int]] = []
    seen: set[int] = set()
    for branch in sorted(trace.branches):
        if branch in seen:
            continue
        part, todo = [], [branch]
        seen.add(branch)
        while todo:
            part.append(todo.pop())
            todo.extend(new for new in peers[part[-1]] if new not in seen)
            seen.update(todo)
        parts.append(sorted(part))
    return parts


def ranges(branches: Iterable[int]) -> str:
    """Ids as people write them: 1-3, 7."""
    parts: list[list[int]] = []
    for branch in sorted(branches):
        if parts and branch == parts[-1][-1] + 1:
            parts[-1].append(branch)
        else:
            parts.append([branch])
    return ", ".join(
        str(part[0]) if len(part) == 1 else f"{part[0]}{', ' if len(part) == 2 else '-'}{part[-1]}"
        for part in parts
    )
