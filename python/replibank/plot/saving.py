"""Pictures as files, for the command line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from .compare import PICTURES

if TYPE_CHECKING:
    import os

    from ..trace.trace import Trace
    from .window import Window

#: Pixels an inch.
RESOLUTION = 150

#: What a file may be, by how its name ends.
FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


def form(path: str | os.PathLike[str]) -> str:
    """The format of a file, by its name.

    Raises:
        ValueError: It is none that can be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"{Path(path).name}: a picture's name ends in {', '.join(FORMATS)}")
    return FORMATS[suffix]


def rendered(
    trace: Trace, kind: str, form: str, *, window: Window | None = None, dark: bool = False
) -> bytes:
    """One picture of a trace, as the content of a file. The same trace gives the same bytes.

    Args:
        trace: The trace.
        kind: "convergence", "lag", "latency", "spacetime" or "staleness".
        form: "png", "svg" or "pdf".
        window: For "spacetime", what part of the run.
        dark: On a dark background.
    """
    options: dict[str, Any] = {} if window is None else {"window": window}
    # Ids within an SVG are drawn at random, unless they are given something to be drawn from.
    with mpl.style.context("dark_background" if dark else "default"), mpl.rc_context({"svg.hashsalt": kind}):
        figure = Figure(figsize=(11.0, 5.5), layout="constrained")
        PICTURES[kind].of(trace, **options).draw(figure.subplots())
        content = io.BytesIO()
        stamps = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(content, format=form, dpi=RESOLUTION, metadata=stamps[form])
    return content.getvalue()
