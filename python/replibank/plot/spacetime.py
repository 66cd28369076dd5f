"""The space-time diagram: a line for each branch, messages as arrows, operations as marks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from .. import measures
from .._base.words import plural
from ..trace import playback
from ..trace.trace import spans_of
from . import arrows, canvas, strip
from .window import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from .._core import Receipt
    from ..trace.trace import Trace
    from .window import Window

#: So many branches are named; of more, some.
NAMED = 25

#: Up to so many branches, a diagram is clear without following one operation.
CLEAR = 6

#: Operations: mark and colour, and size in points.
MARKS = {
    "deposit": ("^", "green", 7.0),
    "withdraw": ("v", "orange", 7.0),
    "query": ("o", "purple", 5.0),
    "refused": ("X", "red", 7.0),
}


def spacetime(
    trace: Trace,
    *,
    window: Window | None = None,
    follow: Receipt | tuple[int | str, int] | None = None,
    acknowledgements: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draws the space-time diagram (Lamport 1978): time to the right, a line for each branch, messages as
    arrows from where they were sent to where they were received, operations as marks.

    Messages that were lost end in a cross. A branch has no line while it does not run, and a dotted one
    while it is paused. Between branches that a partition parts there is a wall.

    Args:
        trace: The trace.
        window: What part of the run: (from, to) in seconds, "all", or "busiest": the shortest time in which
            some 200 messages were sent, or a few times what a message takes, if that is longer. None: from
            the first to the last message or operation, or the busiest if there are many more.
        follow: An operation, as its receipt or as (origin, sequence): the messages that brought it to each
            branch stand out. None: one that spread widely within the window, where there are many branches.
        acknowledgements: Whether to draw acknowledgements and greetings too.
        ax: The Axes to draw into; None: a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: The window is none.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
        >>> replibank.plot.spacetime(trace, window=(0, 0.1)).get_ylabel()
        'branch'
    """
    return Spacetime.of(trace, window, follow=follow, acknowledgements=acknowledgements).draw(ax)


@dataclass(frozen=True)
class Spacetime:
    """What the picture shows. Branches are told by their row, counted from 0 at the top.

    Attributes:
        branches: The branches' ids, in the order of rows.
        begin_us, end_us: The window.
        messages: A row for each message within it: `from`, `to` (rows), `sent_us`, `received_us` (nan: it
            was not), and whether it is `quiet` (an acknowledgement or a greeting), was `lost`, or is
            `followed` (it brought the operation that is followed).
        operations: `event`, `row`, `time_us`.
        followed: The operation that is followed, in words; empty if there is none.
        faults: What `measures.faults` found within the window.
        walls: The row above, and from when until when.
        whole: Whether the window is the whole run.
    """

    branches: list[int]
    begin_us: float
    end_us: float
    messages: pd.DataFrame
    operations: pd.DataFrame
    followed: str
    faults: pd.DataFrame
    walls: list[tuple[int, float, float]]
    whole: bool

    @classmethod
    def of(
        cls,
        trace: Trace,
        window: Window | None = None,
        *,
        follow: Receipt | tuple[int | str, int] | None = None,
        acknowledgements: bool = False,
    ) -> Spacetime:
        """Takes what is needed out of a trace."""
        frame = playback.frame_of(trace)
        begin_us = float(playback.begin_us(trace, frame))
        run = (begin_us, float(frame["time_us"].max()) if len(frame) else 1.0)
        messages = arrows.messages(frame, trace.branches, acknowledgements)
        operated = frame["time_us"][frame["event"].isin(list(MARKS))]
        begin, end = chosen(window, messages[~messages["quiet"]], operated, run)
        messages = messages[
            (messages["sent_us"] <= end) & (messages["received_us"].fillna(messages["sent_us"]) >= begin)
        ]
        if follow is None and len(trace.branches) > CLEAR:
            follow = _widest(frame, (begin, end))
        brought, followed = _followed(frame, follow)
        within = frame["event"].isin(list(MARKS)) & frame["time_us"].between(begin, end)
        rows = {branch: row for row, branch in enumerate(trace.branches)}
        operations = frame.loc[within, ["event", "time_us"]].assign(row=frame.loc[within, "branch"].map(rows))
        faults = measures.faults(trace)
        faults = faults[(faults["start_us"] < end) & (faults["end_us"] > begin)]
        return cls(
            list(trace.branches),
            begin,
            end,
            messages.assign(followed=messages["message_id"].isin(brought)),
            operations,
            followed,
            faults,
            _walls(trace, (begin, end)),
            begin <= run[0] and end >= run[1],
        )

    def draw(self, ax: Axes | None = None, kinds: Sequence[str] | None = None) -> Axes:
        """Draws it.

        Args:
            ax: The Axes to draw into; None: a new figure.
            kinds: The lanes of faults; None: those that happen.

        Returns:
            The Axes.
        """
        count = len(self.branches)
        ax = canvas.axes(ax, 11.0, min(8.5, 2.0 + 0.5 * count if count < 12 else 4.5 + 0.08 * count))
        ink, clock = canvas.Ink.of(ax), canvas.Clock.of(self.begin_us, self.end_us)
        kinds = strip.lanes(self.faults) if kinds is None else kinds
        above, main = strip.heights(ax, kinds)
        made = canvas.panels(ax, [*above, main], main=len(above))
        ax.set_xlim(clock(self.begin_us), clock(self.end_us))
        ax.set_ylim(count - 0.4, -0.6)
        self._walls(ax, ink, clock)
        self._branches(ax, ink, clock)
        handles = arrows.draw(ax, ink, clock, self.messages, self.followed)
        handles += self._operations(ax, ink, clock)
        canvas.dress(ax, ink, grid="x")
        ax.spines["left"].set_visible(False)
        canvas.branch_ticks(ax, self.branches, NAMED)
        ax.set_xlabel(clock.label)
        canvas.legend(ax, ink, handles)
        if kinds:
            strip.strip(made[0], self.faults, kinds, clock, ink)
        part = "" if self.whole else ", in a part of the run"
        canvas.title(
            made[0], ink, f"{plural(len(self.messages), 'message')} between {plural(count, 'branch')}{part}"
        )
        return ax

    def _branches(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        """Their lines, with gaps while they do not run."""
        width = 1.6 if len(self.branches) <= NAMED else 0.7
        hit = self.faults[self.faults["kind"].isin(("killed", "paused"))].explode("branches")
        for row, branch in enumerate(self.branches):
            own = hit[hit["branches"] == branch]
            edges = [self.begin_us, self.end_us, *own["start_us"], *own["end_us"]]
            stops = sorted({min(max(edge, self.begin_us), self.end_us) for edge in edges})
            for start, end in itertools.pairwise(stops):
                kinds = set(own[(own["start_us"] <= start) & (own["end_us"] >= end)]["kind"])
                if "killed" not in kinds:
                    style: Any = (0, (1, 2)) if "paused" in kinds else "-"
                    x = clock(np.array([start, end]))
                    ax.plot(x, [row, row], color=ink.muted, lw=width, ls=style, zorder=2)
            for fault in strip.each(own[own["kind"] == "killed"]):
                ends = [fault.start_us, fault.end_us] if fault.lifted else [fault.start_us]
                shown = [clock(end) for end in ends if self.begin_us <= end <= self.end_us]
                ax.plot(shown, [row] * len(shown), "|", color=ink.muted, ms=9, mew=width, zorder=2)

    def _walls(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        """What parts branches, between the rows that it parts."""
        colour = ink.faded(ink.colours[strip.COLOURS["partition"]], 0.35)
        for row, start, end in self.walls:
            left, right = clock(max(start, self.begin_us)), clock(min(end, self.end_us))
            ax.barh(row + 0.5, right - left, left=left, height=0.28, color=colour, linewidth=0, zorder=1)

    def _operations(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> list[Line2D]:
        handles = []
        small = len(self.operations) > 2 * arrows.HEADS or len(self.branches) > NAMED
        for event, (mark, name, size) in MARKS.items():
            some = self.operations[self.operations["event"] == event]
            if some.empty:
                continue
            look: dict[str, Any] = {"marker": mark, "color": ink.colours[name], "linestyle": "none"}
            look |= {"markeredgecolor": ink.background, "markeredgewidth": 0.3 if small else 0.6}
            x = clock(some["time_us"].to_numpy())
            ax.plot(x, some["row"], markersize=size * (0.65 if small else 1), zorder=5, **look)
            handles.append(Line2D([], [], markersize=size, label=event, **look))
        return handles


def _walls(trace: Trace, window: tuple[float, float]) -> list[tuple[int, float, float]]:
    """Where neighbours in the picture are on different sides of a partition."""
    begin, end = window
    walls = []
    for span in spans_of(trace):
        if not span.sides or span.start_us >= end or span.end_us <= begin:
            continue
        side = {branch: number for number, part in enumerate(span.sides) for branch in part}
        for row, (a, b) in enumerate(itertools.pairwise(trace.branches)):
            if side[a] != side[b]:
                walls.append((row, float(span.start_us), float(span.end_us)))
    return walls


def _widest(frame: pd.DataFrame, window: tuple[float, float]) -> tuple[str, int] | None:
    """Of the operations committed in the window, the one that most branches joined within it."""
    begin, end = window
    times = frame["time_us"]
    commits = frame[frame["event"].isin(("deposit", "withdraw")) & times.between(begin, end)]
    joins = frame[(frame["event"] == "joined") & times.between(begin, end)]
    best, most = None, 0
    for origin, rows in joins.groupby(joins["origin"].astype(object)):
        own = commits[commits["origin"] == origin]["sequence_through"].astype("int64").to_numpy()
        if len(own) == 0:
            continue
        first = rows["sequence_from"].astype("int64").to_numpy()[:, None]
        last = rows["sequence_through"].astype("int64").to_numpy()[:, None]
        # A page of several accounts is several rows of one branch.
        once = ~rows.duplicated(["branch", "sequence_from"]).to_numpy()
        reached = ((first <= own) & (own <= last))[once].sum(axis=0)
        if reached.max() > most:
            best, most = (str(origin), int(own[reached.argmax()])), int(reached.max())
    return best


def _followed(
    frame: pd.DataFrame, follow: Receipt | tuple[int | str, int] | None
) -> tuple[pd.Series | list[int], str]:
    """The messages that brought an operation, and its name."""
    if follow is None:
        return [], ""
    branch, sequence = follow if isinstance(follow, tuple) else (follow.branch, follow.sequence)
    joins = frame[(frame["event"] == "joined") & (frame["origin"].astype(object) == str(branch))]
    brought = joins[(joins["sequence_from"] <= sequence) & (joins["sequence_through"] >= sequence)]
    return brought["message_id"].dropna(), f"brought\noperation {sequence} of branch {branch}"
