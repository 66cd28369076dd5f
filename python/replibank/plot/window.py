"""Which part of a run a space-time diagram shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: (from, to) in seconds, or what to look for.
Window = Literal["busiest", "all"] | tuple[float, float]

#: As many messages as one can follow.
MESSAGES = 200

#: A window is at least so many times as long as a message takes: a shorter one shows no arrow whole.
TRANSITS = 4


def chosen(
    window: Window | None, messages: pd.DataFrame, operations_us: pd.Series, run: tuple[float, float]
) -> tuple[float, float]:
    """From when until when, in microseconds.

    Args:
        window: What was asked for; None: from the first to the last that there is to see, or the busiest
            part if that is much.
        messages: `sent_us` and `received_us` of the messages that count.
        operations_us: When operations happened.
        run: The whole run.

    Raises:
        ValueError: The window is none.
    """
    if (window is None and len(messages) > 2 * MESSAGES) or (
        window == "busiest" and len(messages) > MESSAGES
    ):
        return busiest(messages)
    if window is None:
        seen = np.concatenate([messages["sent_us"], messages["received_us"].dropna(), operations_us])
        return _with_margins(*((seen.min(), seen.max()) if len(seen) else run))
    if window in {"all", "busiest"}:
        return _with_margins(*run)
    try:
        begin_us, end_us = (float(edge) * 1e6 for edge in window)
    except (TypeError, ValueError):
        begin_us = end_us = np.nan
    if not begin_us < end_us:
        raise ValueError(f"window {window!r} is not right: give 'all', 'busiest' or (from, to) in seconds")
    return begin_us, end_us


def _with_margins(begin_us: float, end_us: float) -> tuple[float, float]:
    margin = max(1.0, (end_us - begin_us) * 0.02)
    return begin_us - margin, end_us + margin


def busiest(messages: pd.DataFrame) -> tuple[float, float]:
    """The shortest time in which `MESSAGES` were sent, or the busiest that is `TRANSITS` times as long as
    a message takes, if that is longer.
    """
    sent = np.sort(messages["sent_us"].to_numpy(dtype=float))
    spans = sent[MESSAGES - 1 :] - sent[: len(sent) - MESSAGES + 1]
    took = (messages["received_us"] - messages["sent_us"]).median()
    length = max(float(spans.min()), TRANSITS * float(took) if np.isfinite(took) else 0.0, 1.0)
    within = np.searchsorted(sent, sent + length, side="right") - np.arange(len(sent))
    begin = float(sent[within.argmax()])
    return _with_margins(begin, begin + length)
