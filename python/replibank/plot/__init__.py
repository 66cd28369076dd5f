"""Pictures of a run, for a trace of a live bank or of a simulated one. Needs the extra `replibank[plot]`.

    >>> import replibank
    >>> trace = replibank.simulate(seed=7, branches=3, operations=60, trace=True).trace
    >>> axes = replibank.plot.convergence(trace)
    >>> axes.get_ylabel()
    'balance'

Every picture takes `ax=None`: the Axes to draw into, whose place it fills (with further panels, where it
has some), or None for a figure of its own. It returns the Axes of its main panel; `.figure` has the rest.
The colours are those of Okabe and Ito, which colour-blind people tell apart, and lighter ones of their
kind where the background is dark: `plt.style.use("dark_background")` is all there is to say. Nothing here
changes a setting of matplotlib.
"""

from __future__ import annotations

from .._base.extras import missing

try:
    import matplotlib  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
except ImportError as error:
    raise missing("replibank.plot", error) from None

from .compare import compare
from .convergence import convergence
from .lag import lag
from .latency import latency
from .spacetime import spacetime
from .staleness import staleness

__all__ = ["compare", "convergence", "lag", "latency", "spacetime", "staleness"]
