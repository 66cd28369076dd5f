"""What all pictures share: axes and panels, ink and colours for light and dark, and the axis of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Okabe and Ito 2008, "Color Universal Design", without black and yellow, which would be lost on paper.
LIGHT = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#B5629A",
    "sky": "#56B4E9",
    "brown": "#7A4B12",
    "grey": "#7F7F7F",
}

#: The same hues, lighter, for a dark background.
DARK = {
    "blue": "#5AB4F0",
    "orange": "#F0B93A",
    "green": "#35C79D",
    "red": "#FF8A4C",
    "purple": "#E59CCB",
    "sky": "#A5DBFA",
    "brown": "#C99A5B",
    "grey": "#A0A0A0",
}

#: Up to so many branches have a colour of their own.
COLOURED = 8


@dataclass(frozen=True)
class Ink:
    """The colours of one picture.

    Attributes:
        dark: Whether the background is dark.
        foreground, background: As the style in use has them.
        muted: For what is there but not the point.
        faint: For grids and bands.
        colours: By name.
    """

    dark: bool
    foreground: str
    background: str
    muted: str
    faint: str
    colours: dict[str, str]

    @classmethod
    def of(cls, ax: Axes) -> Ink:
        """The ink for these axes: whatever style made them, it can be read on their background."""
        figure: Any = ax.get_figure(root=True)
        red, green, blue, alpha = to_rgba(ax.get_facecolor())
        # Axes without a face of their own show that of the figure.
        face = tuple(
            alpha * front + (1 - alpha) * back
            for front, back in zip((red, green, blue), to_rgb(figure.get_facecolor()), strict=True)
        )
        dark = 0.2126 * face[0] + 0.7152 * face[1] + 0.0722 * face[2] < 0.4
        foreground = to_rgb(plt.rcParams["text.color"])
        # A style that was in use when the axes were made, and is no more.
        if (sum(foreground) > 1.5) != dark:
            foreground = (0.93, 0.93, 0.93) if dark else (0.1, 0.1, 0.1)
        return cls(
            dark,
            to_hex(foreground),
            _mixed(face, face, 1.0),
            _mixed(foreground, face, 0.55),
            _mixed(foreground, face, 0.14),
            DARK if dark else LIGHT,
        )

    def colour(self, place: int) -> str:
        """That of the branch at this place, of up to `COLOURED`."""
        return list(self.colours.values())[place % len(self.colours)]

    def faded(self, colour: str, share: float) -> str:
        """The colour with so much of it left."""
        return _mixed(to_rgb(colour), to_rgb(self.background), share)


def _mixed(ink: Sequence[float], paper: Sequence[float], share: float) -> str:
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(ink, paper, strict=True))
    return to_hex((red, green, blue))


@dataclass(frozen=True)
class Clock:
    """The unit in which a picture tells time: the largest of which it shows more than a few, but one in
    which the time it shows is no long number.
    """

    unit: str
    us: float
    since: str = "the run began"

    @classmethod
    def of(cls, begin_us: float, end_us: float, since: str = "the run began") -> Clock:
        """The unit for a picture from one time to another."""
        units = (("µs", 1.0), ("ms", 1e3), ("s", 1e6), ("min", 60e6))
        shown = [place for place, (_, us) in enumerate(units) if end_us - begin_us >= 3 * us]
        short = [place for place, (_, us) in enumerate(units) if end_us < 20_000 * us]
        unit, us = units[max(shown[-1] if shown else 0, short[0] if short else 3)]
        return cls(unit, us, since)

    def __call__(self, us: Any) -> Any:
        """Microseconds in this unit."""
        return us / self.us

    @property
    def label(self) -> str:
        return f"time since {self.since} ({self.unit})"


def axes(ax: Axes | None, width: float = 9.0, height: float = 5.0) -> Axes:
    """The axes to draw into: those given, or the only ones of a new figure.

    Args:
        ax: Axes, or None.
        width: The new figure's, in inches.
        height: The same.

    Raises:
        TypeError: What was given is no Axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    if not isinstance(ax, Axes):
        kind = type(ax).__name__
        raise TypeError(f"ax is of type {kind}: give Axes of matplotlib, or None for a new figure")
    return ax


def panels(ax: Axes, heights: Sequence[float], main: int) -> list[Axes]:
    """Parts the place of `ax` into panels, one below the other, on one axis of time.

    Args:
        ax: It becomes the panel `main`.
        heights: Their heights, as shares of the whole.
        main: Which of them `ax` becomes.

    Returns:
        The panels, from the top.
    """
    figure, spec = ax.figure, ax.get_subplotspec()
    if len(heights) == 1:
        return [ax]
    if spec is not None:
        grid = GridSpecFromSubplotSpec(len(heights), 1, spec, height_ratios=list(heights), hspace=0.03)
        ax.set_subplotspec(grid[main])
        return [ax if i == main else figure.add_subplot(grid[i], sharex=ax) for i in range(len(heights))]
    # Axes that were placed by hand.
    box, top, whole, made = ax.get_position(), 1.0, sum(heights), []
    for i, height in enumerate(heights):
        share = height / whole
        place = (box.x0, box.y0 + (top - 0.94 * share) * box.height, box.width, 0.94 * share * box.height)
        top -= share
        if i == main:
            ax.set_position(place)
        made.append(ax if i == main else figure.add_axes(place, sharex=ax))
    return made


def dress(ax: Axes, ink: Ink, grid: Literal["x", "y"] | None = "y") -> None:
    """A frame of two lines, a grid that stays behind, ticks that are not many."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(ink.muted)
    ax.tick_params(colors=ink.muted, labelcolor=ink.foreground, labelsize="small")
    ax.set_axisbelow(True)
    ax.grid(False)
    if grid is not None:
        ax.grid(True, axis=grid, color=ink.faint, linewidth=0.8)
    ax.xaxis.label.set_color(ink.foreground)
    ax.yaxis.label.set_color(ink.foreground)


def title(ax: Axes, ink: Ink, text: str) -> None:
    """At the left, above everything."""
    ax.set_title(text, loc="left", fontsize="medium", fontweight="bold", color=ink.foreground, pad=8)


def branch_ticks(ax: Axes, branches: Sequence[int], most: int) -> None:
    """The branches' ids at their rows; of more than `most`, some."""
    every = 1 if len(branches) <= most else 5
    named = [row for row, branch in enumerate(branches) if every == 1 or (branch % every == 0)]
    ax.set_yticks(named, [str(branches[row]) for row in named])
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel("branch")


def number(value: float) -> str:
    """As people write it: three digits, or all of a large one, with commas; no power of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def whole_numbers(ax: Axes, ticks: int = 4) -> None:
    """Ticks of the vertical axis at whole numbers, with commas."""
    ax.yaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def legend(ax: Axes, ink: Ink, handles: Sequence[Any] | None = None, **options: Any) -> None:
    """To the right of the axes, where it covers nothing."""
    given: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.015, 1.0), "frameon": False}
    given |= {"fontsize": "small", "labelcolor": ink.foreground, "borderaxespad": 0.0} | options
    shown = ax.get_legend_handles_labels()[0] if handles is None else list(handles)
    if shown:
        ax.legend(handles=shown, **given)
