"""How a server waits to be told to end: by Ctrl-C, by SIGTERM, or by its terminal going away. The
first signal ends it in good order; more of them change nothing, since its end takes only moments."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: Seconds between two looks at what is served.
LOOK_AGAIN = 0.5

WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """This process was told to end."""


class StopSignals:
    """While open, the first of the signals raises `StopRequested` in the main thread. That ends the block,
    and goes no further.

    Attributes:
        exit_code: 130 after Ctrl-C; 0 after the others, which are how a server is meant to end.
    """

    def __init__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in WATCHED}
        self._was_stopped = False
        self.exit_code = 0
        # A signal may reach a thread of the core, and then interrupts no wait of this one: a byte in
        # a pipe does.
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number, before in self._before.items():
            # Who began us with a signal ignored (nohup, a script's &) means that.
            if before is not signal.SIG_IGN:
                signal.signal(number, self._tell)
        return self

    def __exit__(self, _: object, raised: BaseException | None, __: object) -> bool:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._read)
        os.close(self._write)
        return isinstance(raised, StopRequested)

    def wait(self, look: Callable[[], None] | None = None) -> NoReturn:
        """Blocks until `StopRequested` is raised. `look` is called every now and then, and may raise too."""
        while True:
            select.select([self._read], [], [], LOOK_AGAIN if look else None)
            with suppress(BlockingIOError):
                os.read(self._read, 64)
            if look:
                look()

    def _tell(self, number: int, _frame: FrameType | None) -> None:
        if not self._was_stopped:
            self._was_stopped = True
            self.exit_code = 130 if number == signal.SIGINT else 0
            raise StopRequested(f"told to end by {signal.Signals(number).name}")
