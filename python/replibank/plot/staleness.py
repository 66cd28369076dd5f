"""How likely a read returns a write, by the time since it: the curve of PBS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import measures
from ..trace import playback
from . import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..trace.trace import Trace

#: The share of reads whose time is named.
SHARE = 0.99


def staleness(traces: Trace | Mapping[str, Trace], *, ax: Axes | None = None) -> Axes:
    """Draws the probability that a read returns a write, by how long ago the write was committed: the
    t-visibility of Probabilistically Bounded Staleness (Bailis et al. 2012), measured: see
    `measures.consistency`.

    A curve starts at the share of the branches that have a write at once: the writer's own. A dot marks
    where 99 reads of 100 return the write.

    Args:
        traces: A trace, or several by name.
        ax: The Axes to draw into; None: a new figure.

    Returns:
        The Axes.

    Raises:
        ValueError: There is no trace.

    Example:
        >>> import replibank
        >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
        >>> replibank.plot.staleness(trace).get_xlabel()
        'time since the write was committed (ms)'
    """
    return Staleness.of(traces).draw(ax)


@dataclass(frozen=True)
class Staleness:
    """What the picture shows.

    Attributes:
        delays_ms: By name: for each write and each branch, how long the branch went without it,
            increasing; inf: it never got it.
    """

    delays_ms: dict[str, np.ndarray[Any, Any]]

    @classmethod
    def of(cls, traces: Trace | Mapping[str, Trace]) -> Staleness:
        """Takes what is needed out of traces."""
        named = traces if isinstance(traces, Mapping) else {"": traces}
        if not named:
            raise ValueError("no trace was given: give one, or several by name")
        delays = {}
        for name, trace in named.items():
            seen = measures.visibility(trace)
            alive = playback.running(trace, playback.frame_of(trace))
            delays[str(name)] = np.sort(seen.loc[:, alive].to_numpy().ravel())
        return cls(delays)

    def draw(self, ax: Axes | None = None, longest_ms: float | None = None) -> Axes:
        """Draws it.

        Args:
            ax: The Axes to draw into; None: a new figure.
            longest_ms: Where the axis of time ends; None: where the last read is consistent.

        Returns:
            The Axes.
        """
        ax = canvas.axes(ax, 8.0, 4.6)
        ink = canvas.Ink.of(ax)
        finite = np.concatenate([delays[np.isfinite(delays)] for delays in self.delays_ms.values()])
        late = finite[finite > 0]
        longest = longest_ms or (float(late.max()) if len(late) else 1.0)
        # Milliseconds near 0 and far from it, in one picture: linear up to where little happens before.
        shortest = float(np.quantile(late, 0.02)) if len(late) else 1.0
        if longest > 30 * shortest:
            ax.set_xscale("symlog", linthresh=10 ** np.floor(np.log10(shortest)), linscale=0.4)
            ax.xaxis.set_major_formatter(lambda value, _: canvas.number(value))
        for place, (name, delays) in enumerate(self.delays_ms.items()):
            if len(delays):
                self._curve(ax, name, longest, ink.colour(place), ink)
        canvas.dress(ax, ink)
        ax.set_xlim(0, longest * 1.05)
        ax.set_ylim(0, 1.04)
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ax.set_ylabel("reads that return the write")
        ax.set_xlabel("time since the write was committed (ms)")
        canvas.title(ax, ink, "Probability of a consistent read")
        canvas.legend(ax, ink)
        return ax

    def _curve(self, ax: Axes, name: str, longest: float, colour: str, ink: canvas.Ink) -> None:
        delays = self.delays_ms[name]
        share = np.arange(1, len(delays) + 1) / len(delays)
        kept = np.isfinite(delays)
        x = np.concatenate([delays[kept], [longest * 1.05]])
        y = np.concatenate([share[kept], [kept.sum() / len(delays)]])
        reached = measures.nearest_rank(delays, 100 * SHARE)
        when = f"99% at {canvas.number(reached)} ms" if np.isfinite(reached) else f"{y[-1]:.1%} at the end"
        label = f"{name}: {when}" if name else when
        ax.step(x, y, where="post", color=colour, linewidth=2.0, label=label)
        if np.isfinite(reached):
            ax.plot(reached, SHARE, "o", color=colour, ms=6, mec=ink.background, mew=1.0, zorder=4)
