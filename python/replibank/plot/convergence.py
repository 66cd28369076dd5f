"""The balance at each branch over time, and below it how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from .. import measures
from .._base.words import plural
from ..trace import playback
from . import canvas, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from ..trace.trace import Trace

#: Of many branches, so many that faults hit have a colour.
HIT_COLOURED = 3


def convergence(trace: Trace, *, account: int = 0, ax: Axes | None = None) -> Axes:
    """Draws the balance at each branch, as steps, and below it the spread: the largest minus the smallest.

    Where the branches agree, their lines lie upon each other. Faults are shaded, and named above. A branch
    that is killed has no balance until it is restarted. Of more than eight branches, only some that faults
    hit have a colour of their own.

    Args:
        trace: The trace.
        account: The account.
        ax: The Axes to draw into; None: a new figure.

    Returns:
        The Axes of the balances.

    Raises:
        ValueError: The trace has no such account.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
        >>> replibank.plot.convergence(trace).get_xlabel()
        ''
    """
    return Convergence.of(trace, account).draw(ax)


@dataclass(frozen=True)
class Convergence:
    """What the picture shows.

    Attributes:
        account: The account.
        balances: By branch: microseconds and balances, constant in between; nan while it does not run.
        spread_us: When the spread changed.
        spread: The largest balance minus the smallest.
        faults: What `measures.faults` found.
        end_us: Where the picture ends.
        begin_us: Where it begins.
        since: What happened at time 0.
        title: What the picture says above; None: what it shows.
    """

    account: int
    balances: dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
    spread_us: np.ndarray[Any, Any]
    spread: np.ndarray[Any, Any]
    faults: pd.DataFrame
    end_us: float
    begin_us: float = 0.0
    since: str = "the run began"
    title: str | None = None

    @classmethod
    def of(cls, trace: Trace, account: int = 0) -> Convergence:
        """Takes what is needed out of a trace."""
        frame = playback.frame_of(trace)
        steps = playback.balances(trace, frame, account)
        faults = measures.faults(trace)
        end_us = float(frame["time_us"].max()) if len(frame) else 1.0
        lives = frame[frame["event"].isin(("killed", "restarted"))]
        balances = {}
        for place, branch in enumerate(trace.branches):
            times, values = _changes(steps.time_us, steps.column(place))
            own = lives[lives["branch"] == branch]
            balances[branch] = _with_gaps(times, values, own["time_us"], own["event"] == "killed")
        spread = measures.divergence(trace, account)["spread"]
        begin_us = float(playback.begin_us(trace, frame))
        return cls(account, balances, spread.index.to_numpy(), spread.to_numpy(), faults, end_us, begin_us)

    def draw(self, ax: Axes | None = None, kinds: Sequence[str] | None = None, until_us: float = 0.0) -> Axes:
        """Draws it.

        Args:
            ax: The Axes to draw into; None: a new figure.
            kinds: The lanes of faults; None: those that happen.
            until_us: Where the axis of time ends, if that is later than the run does.

        Returns:
            The Axes of the balances.
        """
        ax = canvas.axes(ax)
        end = max(self.end_us, until_us)
        ink, clock = canvas.Ink.of(ax), canvas.Clock.of(self.begin_us, end, self.since)
        kinds = strip.lanes(self.faults) if kinds is None else kinds
        above, rest = strip.heights(ax, kinds)
        made = canvas.panels(ax, [*above, 0.75 * rest, 0.25 * rest], main=len(above))
        below = made[-1]
        ax.set_xlim(clock(self.begin_us), clock(end))
        self._lines(ax, ink, clock)
        canvas.dress(ax, ink)
        canvas.whole_numbers(ax, 6)
        ax.set_ylabel("balance")
        ax.tick_params(labelbottom=False)
        self._spread(below, ink, clock)
        for panel in (ax, below):
            strip.shade(panel, self.faults, clock, ink)
        if kinds:
            strip.strip(made[0], self.faults, kinds, clock, ink)
        which = "" if self.account == 0 else f" of account {self.account}"
        canvas.title(made[0], ink, self.title or f"Balance{which} at {plural(len(self.balances), 'branch')}")
        return ax

    def _spread(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        x, y = np.append(clock(self.spread_us), clock(self.end_us)), np.append(self.spread, self.spread[-1])
        ax.fill_between(x, y, step="post", color=ink.faded(ink.foreground, 0.35), linewidth=0)
        ax.step(x, y, where="post", color=ink.muted, linewidth=0.8)
        canvas.dress(ax, ink)
        ax.set_ylim(0, max(1, y.max()) * 1.08)
        canvas.whole_numbers(ax, 3)
        ax.set_ylabel("spread")
        ax.set_xlabel(clock.label)
        ax.set_label("spread")

    def _lines(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        lines = {
            branch: (np.append(clock(times), clock(self.end_us)), np.append(values, values[-1]))
            for branch, (times, values) in self.balances.items()
        }
        if len(lines) <= canvas.COLOURED:
            # The first are the widest, so that all are seen where they agree.
            widths = np.linspace(min(4.0, 1.2 * len(lines)), 1.2, len(lines))
            for place, (branch, (x, y)) in enumerate(lines.items()):
                ax.step(
                    x, y, where="post", color=ink.colour(place), lw=widths[place], label=f"branch {branch}"
                )
            handles = None
        else:
            handles = self._many(ax, ink, lines)
        canvas.legend(ax, ink, handles)

    def _many(self, ax: Axes, ink: canvas.Ink, lines: dict[int, Any]) -> list[Line2D]:
        hit = _hit(self.faults)[:HIT_COLOURED]
        paths = [_stairs(*line) for branch, line in lines.items() if branch not in hit]
        colour = ink.colours["blue"]
        alpha = max(0.2, 0.6 - 0.01 * len(paths))
        ax.add_collection(LineCollection(paths, colors=colour, linewidths=0.8, alpha=alpha, zorder=2))
        rest = f"{len(paths)} {'others' if hit else 'branches'}"
        handles = [Line2D([], [], color=colour, alpha=0.6, lw=1.2, label=rest)]
        for place, branch in enumerate(hit):
            colour = ink.colours[("red", "green", "purple")[place]]
            ax.step(*lines[branch], where="post", color=colour, lw=1.6, zorder=3)
            handles.insert(place, Line2D([], [], color=colour, lw=1.6, label=f"branch {branch}"))
        ax.autoscale_view(scalex=False)
        return handles


def _hit(faults: pd.DataFrame) -> list[int]:
    """The branches that a fault of their own hit."""
    alone = [branches[0] for branches in faults["branches"] if len(branches) == 1]
    return sorted(set(alone), key=alone.index)


def _changes(times: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Only where the value changed, as floats."""
    kept = np.append(True, np.diff(values) != 0)
    shown = np.where(values == playback.UNKNOWN, np.nan, values.astype(float))
    return times[kept].astype(float), shown[kept]


def _with_gaps(times: Any, values: Any, at: pd.Series, ended: pd.Series) -> tuple[Any, Any]:
    """The steps with nan from each end of the branch until its next beginning."""
    for time, end in zip(at.tolist(), ended.tolist(), strict=True):
        place = np.searchsorted(times, time, side="right")
        known = values[:place][~np.isnan(values[:place])]
        held = np.nan if end or len(known) == 0 else known[-1]
        if end or times[place - 1] < time:
            times, values = np.insert(times, place, time), np.insert(values, place, held)
    return times, values


def _stairs(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The corners of steps that hold until the next."""
    return np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]])
