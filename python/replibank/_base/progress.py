"""Progress, reported while the caller waits inside the core."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._core import Progress

#: Seconds between two reports.
INTERVAL = 0.1


@contextmanager
def reporting(progress: Callable[[int, int], None] | None, counter: Progress, total: int) -> Iterator[None]:
    """Calls `progress` with what is done and with all there is to do, from a thread of its own, and once
    more at the end of the block. What it raises ends the reports, and is raised at that end.
    """
    if progress is None:
        yield
        return
    ended = threading.Event()
    raised: list[BaseException] = []

    def report() -> None:
        try:
            while not ended.wait(INTERVAL):
                progress(counter.done, total)
        except BaseException as error:  # it belongs to the caller's thread, which raises it
            raised.append(error)

    reporter = threading.Thread(target=report, name="replibank-progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
    if raised:
        raise raised[0]
    progress(counter.done, total)
