"""How far behind each branch was, over time, as a heat map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm
from matplotlib.ticker import LogLocator, NullLocator

from .. import measures
from . import canvas, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from ..trace.trace import Trace

#: Parts of the time of the run: about as many as a picture can show.
BINS = 400

#: Up to so many versions behind, each number has a colour of its own.
COUNTED = 8

#: So many branches are named; of more, some.
NAMED = 25


def lag(trace: Trace, *, ax: Axes | None = None, bins: int = BINS) -> Axes:
    """Draws how many versions (operations) each branch was behind: a row for each branch, time to the right.

    A cell shows the most that its branch was behind within its time. Where a branch was not behind, there
    is no colour; where it did not run, the row is hatched.

    Args:
        trace: The trace.
        ax: The Axes to draw into; None: a new figure.
        bins: Into how many cells the time of the run is parted.

    Returns:
        The Axes of the heat map.

    Raises:
        ValueError: `bins` is not positive.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
        >>> replibank.plot.lag(trace).get_ylabel()
        'branch'
    """
    return Lag.of(trace, bins).draw(ax)


@dataclass(frozen=True)
class Lag:
    """What the picture shows.

    Attributes:
        branches: The branches' ids, in the order of rows.
        edges_us: Where cells begin, and the last ends.
        behind: Rows are branches, columns cells: operations; nan while the branch does not run.
        faults: What `measures.faults` found.
    """

    branches: list[int]
    edges_us: np.ndarray[Any, Any]
    behind: np.ndarray[Any, Any]
    faults: pd.DataFrame

    @classmethod
    def of(cls, trace: Trace, bins: int = BINS) -> Lag:
        """Takes what is needed out of a trace."""
        table = measures.versions_behind(trace, bins)
        begins = table.index.to_numpy(dtype=float)
        step = begins[1] - begins[0] if len(begins) > 1 else 1.0
        behind = table.to_numpy(dtype=float, na_value=np.nan).T
        return cls(list(trace.branches), np.append(begins, begins[-1] + step), behind, measures.faults(trace))

    def draw(
        self,
        ax: Axes | None = None,
        kinds: Sequence[str] | None = None,
        until_us: float = 0.0,
        most: float | None = None,
    ) -> Axes:
        """Draws it.

        Args:
            ax: The Axes to draw into; None: a new figure.
            kinds: The lanes of faults; None: those that happen.
            until_us: Where the axis of time ends, if that is later than the run does.
            most: What the darkest colour stands for, in operations; None: the most there is.

        Returns:
            The Axes of the heat map.
        """
        count = len(self.branches)
        ax = canvas.axes(ax, 9.0, min(8.0, 2.2 + 0.3 * count if count < 12 else 3.4 + 0.08 * count))
        end = max(self.edges_us[-1], until_us)
        ink, clock = canvas.Ink.of(ax), canvas.Clock.of(self.edges_us[0], end)
        kinds = strip.lanes(self.faults) if kinds is None else kinds
        above, main = strip.heights(ax, kinds)
        made = canvas.panels(ax, [*above, main], main=len(above))
        ax.set_xlim(clock(self.edges_us[0]), clock(end))
        self._cells(ax, ink, clock, most)
        canvas.dress(ax, ink, grid=None)
        ax.set_ylim(count - 0.5, -0.5)
        canvas.branch_ticks(ax, self.branches, NAMED)
        ax.set_xlabel(clock.label)
        if kinds:
            strip.strip(made[0], self.faults, kinds, clock, ink)
        canvas.title(made[0], ink, "Versions behind")
        return ax

    def _cells(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock, most: float | None) -> None:
        count = len(self.branches)
        down = np.isnan(self.behind)
        highest = max(1.0, most or (float(np.nanmax(self.behind)) if not down.all() else 1.0))
        shown = np.ma.masked_where(down | (self.behind <= 0), self.behind)
        # Dark is far behind on paper, and bright is where the paper is dark.
        name, palest = ("magma", 0.3) if ink.dark else ("YlGnBu", 0.2)
        shades = colormaps[name](np.linspace(palest, 1.0, 256))
        norm: BoundaryNorm | LogNorm
        if highest <= COUNTED:
            picked = shades[np.linspace(30, 255, int(highest)).astype(int)]
            colours, norm = ListedColormap(picked), BoundaryNorm(np.arange(0.5, highest + 1), int(highest))
        else:
            colours, norm = ListedColormap(shades), LogNorm(1, highest)
        rows = np.arange(count + 1) - 0.5
        cells = ax.pcolormesh(clock(self.edges_us), rows, shown, cmap=colours, norm=norm, rasterized=True)
        if down.any():
            self._hatch(ax, ink, clock, down)
        for row in rows[1:-1]:
            ax.axhline(row, color=ink.background, linewidth=1.5 if count <= NAMED else 0.3)
        bar = ax.figure.colorbar(cells, cax=ax.inset_axes((1.015, 0.0, 0.015, 1.0)))
        bar.set_label("operations that the branch lacks", color=ink.foreground, fontsize="small")
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=ink.muted, labelcolor=ink.foreground, labelsize="small")
        bar.ax.yaxis.set_minor_locator(NullLocator())
        if highest <= COUNTED:
            bar.set_ticks(list(range(1, int(highest) + 1)))
        else:
            bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        bar.ax.set_label("colours")

    def _hatch(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock, down: np.ndarray[Any, Any]) -> None:
        """Where a branch did not run."""
        for row, cells in enumerate(down):
            turns = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
            for begin, end in zip(turns[::2], turns[1::2], strict=True):
                left, right = clock(self.edges_us[begin]), clock(self.edges_us[end])
                ax.barh(
                    row,
                    right - left,
                    left=left,
                    height=1.0,
                    color="none",
                    edgecolor=ink.muted,
                    hatch="////",
                    linewidth=0,
                )
