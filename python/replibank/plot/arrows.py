"""Messages between branches: out of a trace, and into a space-time diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from .canvas import Clock, Ink

#: Up to so many messages have arrowheads; of more, one would see nothing else.
HEADS = 400

QUIET = ("greeting", "acknowledgement")


def messages(frame: pd.DataFrame, branches: Sequence[int], acknowledgements: bool) -> pd.DataFrame:
    """The messages of a trace.

    Args:
        frame: The trace's rows.
        branches: The ids, in the order of the picture's rows.
        acknowledgements: Whether acknowledgements and greetings are among them.

    Returns:
        A row for each: `message_id`, `from` and `to` (rows of the picture), `sent_us`, `received_us` (nan:
        it was not received within the trace), `quiet` and `lost` (bool).
    """
    event = frame["event"]
    sent = (event == "sent").to_numpy()
    if not acknowledgements:
        sent = sent & ~frame["message"].isin(QUIET).to_numpy()
    got = frame.loc[(event == "received").to_numpy(), ["message_id", "time_us"]]
    # A message that a fault doubled comes twice: the first is the one to draw.
    first = got.drop_duplicates("message_id").set_index("message_id")["time_us"]
    lost = frame.loc[(event == "lost").to_numpy(), "message_id"].dropna()
    table = frame.loc[sent, ["message_id", "branch", "peer", "time_us", "message"]]
    rows = {branch: row for row, branch in enumerate(branches)}
    table = table.assign(
        **{"from": table["branch"].map(rows), "to": table["peer"].astype("int64").map(rows)},
        received_us=table["message_id"].map(first).astype(float),
        quiet=table["message"].isin(QUIET),
        lost=table["message_id"].isin(lost),
    )
    return table.rename(columns={"time_us": "sent_us"}).drop(columns=["branch", "peer", "message"])


def draw(ax: Axes, ink: Ink, clock: Clock, table: pd.DataFrame, followed: str) -> list[Line2D]:
    """Draws them, and returns what the legend has to say."""
    came = table["received_us"].notna()
    many = len(table) > HEADS
    faint = 0.35 if followed else 0.8
    handles = []
    groups: list[tuple[str, Any, str, float, float]] = [
        (f"message that {followed}", came & table["followed"], "blue", 1.6, 1.0),
        ("message", came & ~table["followed"] & ~table["quiet"], "sky" if followed else "blue", 0.9, faint),
        ("acknowledgement, greeting", came & ~table["followed"] & table["quiet"], "grey", 0.7, 0.45),
    ]
    for place, (label, chosen, name, width, alpha) in enumerate(groups):
        some = table[chosen]
        if some.empty:
            continue
        colour, front = ink.colours[name], place == 0
        start = np.column_stack([clock(some["sent_us"].to_numpy()), some["from"].to_numpy()])
        end = np.column_stack([clock(some["received_us"].to_numpy()), some["to"].to_numpy()])
        look: dict[str, Any] = {"alpha": alpha, "zorder": 4 if front else 3}
        if front or not many:
            _lines(ax, start, end, colors=colour, linewidths=width, **look)
            _heads(ax, start, end, color=colour, **look)
        else:
            _lines(ax, start, end, colors=colour, linewidths=0.5, **look | {"alpha": min(alpha, 0.5)})
        handles.append(Line2D([], [], color=colour, lw=width + 0.3, marker=">", ms=4, label=label))
    lost = table[~came & table["lost"]]
    if len(lost):
        handles.append(_lost(ax, ink, clock, table, lost))
    return handles


def _lost(ax: Axes, ink: Ink, clock: Clock, table: pd.DataFrame, lost: pd.DataFrame) -> Line2D:
    """A stub towards where it should have gone: nobody knows when it would have come."""
    took = (table["received_us"] - table["sent_us"]).median()
    left, right = ax.get_xlim()
    usual = clock(took) if np.isfinite(took) else (right - left) / 50
    x, y = clock(lost["sent_us"].to_numpy()), lost["from"].to_numpy(dtype=float)
    way = lost["to"].to_numpy() - y
    share = 0.35 / np.maximum(1, np.abs(way))
    start = np.column_stack([x, y])
    end = np.column_stack([x + share * usual, y + share * way])
    few, colour = len(lost) <= HEADS, ink.colours["red"]
    _lines(ax, start, end, colors=colour, linewidths=0.9 if few else 0.5, zorder=3)
    ax.plot(end[:, 0], end[:, 1], "x", color=colour, ms=3.5 if few else 2.0, mew=0.9, zorder=3)
    return Line2D([], [], color=colour, lw=1.0, marker="x", ms=5, label="message, lost")


def _lines(ax: Axes, start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], **look: Any) -> None:
    ax.add_collection(LineCollection(list(np.stack([start, end], axis=1)), **look), autolim=False)


def _heads(ax: Axes, start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], **look: Any) -> None:
    """Arrowheads of one size, whatever the messages' length."""
    ax.quiver(
        *start.T,
        *(end - start).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="dots",
        width=0.9,
        headwidth=7,
        headlength=9,
        headaxislength=8,
        minshaft=1,
        minlength=0,
        **look,
    )
