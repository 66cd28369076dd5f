"""Faults in a picture: a shaded band while they last, and a strip above that says which they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from .canvas import Clock, Ink

#: The height of a lane, in inches.
LANE = 0.2

#: The kinds, in the order of their lanes, and their colours.
COLOURS = {"partition": "red", "killed": "purple", "paused": "orange", "slow": "brown", "loss": "grey"}


def lanes(*tables: pd.DataFrame) -> list[str]:
    """The kinds of fault that happen in any of the tables, in the order of their lanes."""
    happened = {kind for table in tables for kind in table["kind"]}
    return [kind for kind in COLOURS if kind in happened]


def heights(ax: Axes, kinds: Sequence[str]) -> tuple[list[float], float]:
    """In inches: that of the strip, if it has lanes, and what is left of the place of `ax` for the rest."""
    whole = ax.get_position().height * ax.figure.get_figure(root=True).get_figheight()
    above = [LANE * len(kinds)] if kinds else []
    return above, max(1.0, whole - sum(above))


def each(faults: pd.DataFrame) -> Iterator[Any]:
    """The faults, one after another; what it has of each are the columns of `measures.faults`."""
    return iter(faults.itertuples())


def shade(ax: Axes, faults: pd.DataFrame, clock: Clock, ink: Ink) -> None:
    """A band behind the data for each fault."""
    for fault in each(faults):
        colour = ink.colours[COLOURS[fault.kind]]
        ax.axvspan(
            clock(fault.start_us),
            clock(fault.end_us),
            color=colour,
            alpha=0.16 if ink.dark else 0.10,
            linewidth=0,
            zorder=0,
        )


def strip(ax: Axes, faults: pd.DataFrame, kinds: Sequence[str], clock: Clock, ink: Ink) -> None:
    """Fills the panel above the data: a lane for each kind of fault, a bar for each fault.

    Args:
        ax: The panel; it shares its axis of time.
        faults: What `measures.faults` found.
        kinds: The lanes, from the top, whether they have bars here or not.
        clock: The picture's unit of time.
        ink: The picture's colours.
    """
    ax.set_ylim(len(kinds), 0)
    ax.set_yticks([lane + 0.5 for lane in range(len(kinds))], kinds)
    ax.tick_params(
        left=False, bottom=False, labelbottom=False, labelsize="small", labelcolor=ink.muted, which="both"
    )
    ax.grid(False)
    ax.set_facecolor("none")
    for spine in ax.spines.values():
        spine.set_visible(False)
    left, right = ax.get_xlim()
    for lane, kind in enumerate(kinds):
        own = faults[faults["kind"] == kind]
        starts = [max(clock(start), left) for start in own["start_us"]]
        ends = [min(clock(end), right) for end in own["end_us"]]
        colour = ink.colours[COLOURS[kind]]
        ax.barh(lane + 0.5, np.subtract(ends, starts), left=starts, height=0.78, color=colour, linewidth=0)
        for text, start, end in zip(own["text"], starts, ends, strict=True):
            after = min([other for other in starts if other > end], default=right)
            _name(ax, ink, text, lane, (start, end, after))


def _name(ax: Axes, ink: Ink, text: str, lane: int, places: tuple[float, float, float]) -> None:
    """The fault's branches on its bar if they fit there, or after it if they fit before the next; otherwise
    nowhere.
    """
    start, end, after = places
    left, right = ax.get_xlim()
    inches = ax.get_position().width * ax.figure.get_figure(root=True).get_figwidth()
    # A character of the smallest font takes some 5 points.
    needed = (len(text) * 5.0 + 6) / (inches * 72) * (right - left)
    look: dict[str, Any] = {"va": "center", "fontsize": "x-small", "clip_on": True}
    if needed <= end - start:
        look |= {"ha": "center", "color": "black" if ink.dark else "white", "fontweight": "bold"}
        ax.text((start + end) / 2, lane + 0.53, text, **look)
    elif needed <= after - end:
        ax.text(end, lane + 0.53, f" {text}", ha="left", color=ink.muted, **look)
