"""The picture of branches that are being watched."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..plot.convergence import Convergence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .feed import Moment
    from .view import View

#: Microseconds that a picture shows at least.
LEAST_US = 3e6


def draw(view: View, ax: Axes | None = None) -> Axes:
    """Draws what was seen in the last seconds into the Axes; None: into a new figure."""
    return picture(view).draw(ax, until_us=LEAST_US)


def png(view: View, resolution: int) -> bytes:
    """The picture as PNG, drawn without pyplot, which knows one thread only."""
    figure = Figure(figsize=(9.0, 4.2))
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    # To find the best margins takes longer than to draw.
    figure.subplots_adjust(left=0.08, right=0.85, bottom=0.12, top=0.92)
    draw(view, ax)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=resolution)
    return content.getvalue()


def picture(view: View) -> Convergence:
    """What was seen in the last seconds."""
    feed = view.feed
    past, spread = feed.past()
    end = feed.elapsed
    begin = max(0.0, end - view.window)
    faults = pd.DataFrame([], columns=["kind", "text", "branches", "links", "start_us", "end_us", "lifted"])
    spread_us, spreads = _steps(spread, begin)
    return Convergence(
        account=view.account,
        balances={branch: _steps(moments, begin) for branch, moments in past.items()},
        spread_us=spread_us,
        spread=np.nan_to_num(spreads),
        faults=faults,
        end_us=end * 1e6,
        begin_us=begin * 1e6,
        since="the watch began",
        title=view.line(),
    )


def _steps(moments: Sequence[Moment], begin: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Microseconds and values, from `begin` on; nan where there was none."""
    times = np.array([max(moment.at, begin) * 1e6 for moment in moments] or [begin * 1e6])
    values = [np.nan if moment.balance is None else float(moment.balance) for moment in moments] or [np.nan]
    return times, np.array(values)
