"""How long requests waited at their branches, and how many there were, over time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from .. import measures
from ..trace import playback
from . import canvas, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from ..trace.trace import Trace

#: Parts of the time of the run.
BINS = 60

#: The percentiles that are shown; 100 is the longest wait.
PERCENTILES = (50, 90, 99, 100)

#: Kinds of answers, from the bottom of the stack, and their colours.
ANSWERS = {"query": "purple", "deposit": "green", "withdraw": "orange", "refused": "red"}


def latency(trace: Trace, *, ax: Axes | None = None, bins: int = BINS) -> Axes:
    """Draws how long requests waited from their arrival at a branch to its answer, in percentiles over time,
    and below it how many were answered a second.

    Args:
        trace: The trace.
        ax: The Axes to draw into; None: a new figure.
        bins: Into how many parts the time of the run is parted; each has its own percentiles.

    Returns:
        The Axes of the percentiles.

    Raises:
        ValueError: `bins` is not positive.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
        >>> replibank.plot.latency(trace).get_ylabel()
        'wait (ms)'
    """
    return Latency.of(trace, bins).draw(ax)


@dataclass(frozen=True)
class Latency:
    """What the picture shows.

    Attributes:
        edges_us: Where parts begin, and the last ends.
        waits_ms: By percentile, a number for each part; nan where nothing was answered.
        rates: By kind of answer, answers a second for each part.
        faults: What `measures.faults` found.
    """

    edges_us: np.ndarray[Any, Any]
    waits_ms: dict[float, np.ndarray[Any, Any]]
    rates: dict[str, np.ndarray[Any, Any]]
    faults: pd.DataFrame

    @classmethod
    def of(cls, trace: Trace, bins: int = BINS) -> Latency:
        """Takes what is needed out of a trace."""
        if bins < 1:
            raise ValueError(f"{bins} bins are not right: give a positive number")
        frame = playback.frame_of(trace)
        answered = frame[frame["event"].isin(list(ANSWERS)) & frame["waited_us"].notna()]
        end = float(frame["time_us"].max()) + 1 if len(frame) else 1.0
        edges = np.linspace(playback.begin_us(trace, frame), end, bins + 1)
        part = np.clip(np.searchsorted(edges, answered["time_us"].to_numpy(), side="right") - 1, 0, bins - 1)
        waits = answered["waited_us"].to_numpy(dtype=float) / 1000
        order = np.lexsort([waits, part])
        cuts = np.searchsorted(part[order], np.arange(bins + 1))
        groups = [waits[order][begin:stop] for begin, stop in itertools.pairwise(cuts)]
        percentiles = {
            float(percentile): np.array([measures.nearest_rank(group, percentile) for group in groups])
            for percentile in PERCENTILES
        }
        seconds = (edges[1] - edges[0]) / 1e6
        kinds = answered["event"].astype(object).to_numpy()
        rates = {kind: np.bincount(part[kinds == kind], minlength=bins) / seconds for kind in ANSWERS}
        return cls(edges, percentiles, rates, measures.faults(trace))

    def draw(
        self,
        ax: Axes | None = None,
        kinds: Sequence[str] | None = None,
        until_us: float = 0.0,
        uneven: bool | None = None,
    ) -> Axes:
        """Draws it.

        Args:
            ax: The Axes to draw into; None: a new figure.
            kinds: The lanes of faults; None: those that happen.
            until_us: Where the axis of time ends, if that is later than the run does.
            uneven: Whether the scale of waits is logarithmic; None: if they are uneven.

        Returns:
            The Axes of the percentiles.
        """
        ax = canvas.axes(ax)
        end = max(self.edges_us[-1], until_us)
        ink, clock = canvas.Ink.of(ax), canvas.Clock.of(self.edges_us[0], end)
        kinds = strip.lanes(self.faults) if kinds is None else kinds
        above, rest = strip.heights(ax, kinds)
        made = canvas.panels(ax, [*above, 0.66 * rest, 0.34 * rest], main=len(above))
        below = made[-1]
        ax.set_xlim(clock(self.edges_us[0]), clock(end))
        self._waits(ax, ink, clock)
        if self.uneven if uneven is None else uneven:
            ax.set_yscale("log")
            low, high = ax.get_ylim()
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
            ax.yaxis.set_major_formatter(lambda value, _: canvas.number(value))
            ax.yaxis.set_minor_locator(NullLocator())
        else:
            ax.set_ylim(bottom=0)
        canvas.dress(ax, ink)
        ax.set_ylabel("wait (ms)")
        ax.tick_params(labelbottom=False)
        canvas.legend(ax, ink)
        self._rates(below, ink, clock)
        for panel in (ax, below):
            strip.shade(panel, self.faults, clock, ink)
        if kinds:
            strip.strip(made[0], self.faults, kinds, clock, ink)
        canvas.title(made[0], ink, "How long requests waited at their branches")
        return ax

    def _waits(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        """The longest as a line, what is below as areas, the median as a line in front."""
        edges, blue = clock(self.edges_us), ink.colours["blue"]
        half, most, nearly, longest = (_held(self.waits_ms[percentile]) for percentile in PERCENTILES)
        ax.step(edges, longest, where="post", color=ink.muted, lw=1.0, label="longest")
        areas = (("50th to 99th percentile", nearly, 0.25), ("50th to 90th percentile", most, 0.5))
        for label, upper, strength in areas:
            colour = ink.faded(blue, strength)
            ax.fill_between(edges, half, upper, step="post", color=colour, linewidth=0, label=label)
        ax.step(edges, half, where="post", color=blue, lw=1.8, label="50th percentile")

    @property
    def uneven(self) -> bool:
        """Whether the waits differ so much that a logarithmic scale is needed to see them."""
        waits = np.concatenate(list(self.waits_ms.values()))
        waits = waits[np.isfinite(waits) & (waits > 0)]
        return bool(len(waits) and waits.max() > 10 * waits.min())

    def _rates(self, ax: Axes, ink: canvas.Ink, clock: canvas.Clock) -> None:
        base = np.zeros(len(self.edges_us) - 1)
        edges = clock(self.edges_us)
        for kind, name in ANSWERS.items():
            rate = self.rates[kind]
            if rate.any():
                ax.stairs(base + rate, edges, baseline=base, fill=True, color=ink.colours[name], label=kind)
                base = base + rate
        canvas.dress(ax, ink)
        ax.set_ylim(bottom=0)
        canvas.whole_numbers(ax, 3)
        ax.set_ylabel("answers a second")
        ax.set_xlabel(clock.label)
        ax.set_label("rate")
        handles, _ = ax.get_legend_handles_labels()
        canvas.legend(ax, ink, handles[::-1])


def _held(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One value for each edge: that of the last part holds to its end."""
    return np.append(values, values[-1])
