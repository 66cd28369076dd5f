"""Two runs side by side, on the same axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from ..trace.trace import a_trace
from . import canvas, strip
from .convergence import Convergence
from .lag import Lag
from .latency import Latency
from .spacetime import Spacetime
from .staleness import Staleness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ..trace.trace import Trace

#: What each picture takes out of a trace.
PICTURES: dict[str, Any] = {
    "convergence": Convergence,
    "lag": Lag,
    "latency": Latency,
    "spacetime": Spacetime,
    "staleness": Staleness,
}


def compare(
    a: Trace,
    b: Trace,
    *,
    kind: str = "convergence",
    labels: tuple[str, str] = ("a", "b"),
) -> tuple[Axes, Axes]:
    """Draws one picture of two runs side by side, with the same scales, so that what looks larger is.

    Args:
        a: A trace.
        b: Another.
        kind: The picture: "convergence", "lag", "latency", "spacetime" or "staleness".
        labels: What the runs are called.

    Returns:
        The main Axes of both.

    Raises:
        ValueError: There is no such picture.

    Example:
        >>> import replibank
        >>> near, far = (
        ...     replibank.simulate(seed=7, branches=3, operations=60, latency=us, trace=True).trace
        ...     for us in ("1000", "50000")
        ... )
        >>> left, right = replibank.plot.compare(near, far, labels=("1 ms away", "50 ms away"))
        >>> left.get_ylim() == right.get_ylim()
        True
    """
    if kind not in PICTURES:
        raise ValueError(f"kind {kind!r} is not right: give one of {', '.join(PICTURES)}")
    pictures = _taken(kind, (a_trace(a), a_trace(b)))
    figure, mains = plt.subplots(1, 2, figsize=(14, 5), layout="constrained")
    options = _shared(pictures)
    panels: list[list[Axes]] = []
    for picture, ax, label in zip(pictures, mains, labels, strict=True):
        before = set(figure.axes)
        picture.draw(ax, **options)
        panels.append([ax, *(new for new in figure.axes if new not in before)])
        top = max(panels[-1], key=lambda panel: panel.get_position().y1)
        for panel in panels[-1]:
            panel.set_title("", loc="left")
        canvas.title(top, canvas.Ink.of(ax), label)
    for pair in zip(*panels, strict=True):
        _scale(pair, ("ylim",) if kind == "spacetime" else ("xlim", "ylim"))
    return mains[0], mains[1]


def _taken(kind: str, traces: tuple[Trace, Trace]) -> list[Any]:
    """What the picture shows of both. Space-time diagrams show as much time of each, from where each is
    busiest.
    """
    pictures = [PICTURES[kind].of(trace) for trace in traces]
    if kind != "spacetime":
        return pictures
    length = max(picture.end_us - picture.begin_us for picture in pictures)
    begins = [picture.begin_us / 1e6 for picture in pictures]
    return [
        Spacetime.of(trace, (begin, begin + length / 1e6))
        for trace, begin in zip(traces, begins, strict=True)
    ]


def _shared(pictures: Sequence[Any]) -> dict[str, Any]:
    """What both pictures must be drawn with to be compared."""
    first = pictures[0]
    if isinstance(first, Staleness):
        late = [
            delays[np.isfinite(delays)].max(initial=0) for it in pictures for delays in it.delays_ms.values()
        ]
        return {"longest_ms": max(late) or None}
    options: dict[str, Any] = {"kinds": strip.lanes(*(picture.faults for picture in pictures))}
    if isinstance(first, Convergence):
        options["until_us"] = max(picture.end_us for picture in pictures)
    elif isinstance(first, Lag | Latency):
        options["until_us"] = max(picture.edges_us[-1] for picture in pictures)
    if isinstance(first, Latency):
        options["uneven"] = any(picture.uneven for picture in pictures)
    if isinstance(first, Lag):
        options["most"] = max(np.nanmax(picture.behind, initial=0) for picture in pictures)
    return options


def _scale(pair: tuple[Axes, Axes], names: Sequence[str]) -> None:
    """The same limits for both, as wide as one of them needs."""
    for name in names:
        limits = np.array([getattr(ax, f"get_{name}")() for ax in pair])
        down = limits[0, 0] > limits[0, 1]
        ordered = np.sort(limits, axis=1)
        low, high = ordered[:, 0].min(), ordered[:, 1].max()
        for ax in pair:
            getattr(ax, f"set_{name}")((high, low) if down else (low, high))
