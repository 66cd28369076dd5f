"""What was wrong in a run, and from when until when: the faults of a trace, as the core gathers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._base.extras import missing
from .trace import spans_of

try:
    import pandas as pd
except ImportError as error:
    raise missing("replibank.measures", error) from None

if TYPE_CHECKING:
    from .trace import Trace


def faults(trace: Trace) -> pd.DataFrame:
    """What was wrong, and from when until when.

    Definition: a fault lasts from its first event ("cut", "killed", "paused", "slowed", "dropping") to its
    last ("mended", "restarted", "resumed", "unslowed", "delivering"), or to the end of the trace. Faults of
    one kind and with the same details that begin and end together are one: a partition is many links cut at
    once. Together is within 5 ms, or within a quarter of the fault if that is less.

    Args:
        trace: The trace.

    Returns:
        A frame with a row for each fault, in the order of time: `kind` ("partition", "killed", "paused",
        "slow" or "loss"), `text` (which branches: "1, 2 | 3" is a partition in two, "1 → 2" a link that
        fails one way), `branches` (a tuple of ids), `links` (a tuple of (from, to), for partitions),
        `start_us` and `end_us` (int64, microseconds), and `lifted` (bool: it ended within the trace).

    Example:
        >>> import replibank
        >>> run = replibank.simulate(seed=7, branches=3, operations=50, faults=["pause"], trace=True)
        >>> set(replibank.measures.faults(run.trace)["kind"]) <= {"paused"}
        True
    """
    columns = ["kind", "text", "branches", "links", "start_us", "end_us", "lifted"]
    rows = [
        (
            span.kind,
            span.text,
            tuple(span.branches),
            tuple(span.links),
            span.start_us,
            span.end_us,
            span.lifted,
        )
        for span in spans_of(trace)
    ]
    return pd.DataFrame(rows, columns=columns).astype(
        {"start_us": "int64", "end_us": "int64", "lifted": "bool"}
    )
