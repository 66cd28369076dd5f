"""Where the servers of an input are to be found. `serve` claims the input and publishes its branches'
addresses in a file, under a name made from the input's path; `client` looks there. The claim is a
lock that the system lets go of when its holder ends, however it ends: so what a killed server leaves
behind is seen to be stale, and is simply taken over."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from ..errors import ConfigError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds between two looks at a file or a lock.
LOOK_AGAIN = 0.02

#: Seconds of waiting before people are told.
QUIET_AT_FIRST = 1.0

#: Seconds for which a lock may be somebody's glance (`_is_held`) rather than a server.
GLANCE = 0.3


class Service(NamedTuple):
    """Branches that are served.

    Attributes:
        pid: Whose they are.
        addresses: "HOST:PORT" by branch id.
    """

    pid: int
    addresses: dict[int, str]


class Claim:
    """This process as the one server of an input, until it is closed.

    Args:
        input: The input's path.

    Raises:
        ConfigError: Another process serves it; the text names that process and how to stop it.
    """

    def __init__(self, input: str | Path) -> None:
        self._lock, self._addresses = _paths(input)
        self._file = self._take(input)
        self._addresses.unlink(missing_ok=True)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def publish(self, addresses: Mapping[int, str]) -> None:
        """Lets clients find the branches."""
        new = self._addresses.with_suffix(".new")
        new.write_text(json.dumps(dict(addresses)), encoding="utf-8")
        new.replace(self._addresses)

    def close(self) -> None:
        """Takes the addresses back and lets go of the input. Harmless when called again."""
        if self._file < 0:
            return
        # The lock's file goes before the lock: a newcomer that opened it sees that it is gone.
        self._addresses.unlink(missing_ok=True)
        self._lock.unlink(missing_ok=True)
        os.close(self._file)
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, input: str | Path) -> int:
        deadline = time.monotonic() + GLANCE
        while True:
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # It may have been removed between the two calls; then it is nobody's lock.
                if _is_same(file, self._lock):
                    return file
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(file)
                    raise ConfigError(
                        f"{input} is served already, by process {_pid(self._lock)}: "
                        f"stop it with `replibank serve --stop {input}`"
                    ) from None
                time.sleep(LOOK_AGAIN)
            os.close(file)


def find(input: str | Path) -> Service | None:
    """The branches that are served for this input now, if there are any."""
    lock, addresses = _paths(input)
    if not _is_held(lock):
        return None
    try:
        published = json.loads(addresses.read_text(encoding="utf-8"))
    except FileNotFoundError:
        # The server is about to publish them, or to end.
        return None
    return Service(_pid(lock), {int(branch): address for branch, address in published.items()})


def wait_for(input: str | Path, timeout: float, say: Callable[[str], None]) -> Service:
    """The branches that are served for this input, as soon as there are any.

    Args:
        input: The input's path.
        timeout: Seconds that they may take to appear.
        say: Told once, after a second, what is waited for.

    Raises:
        Unreachable: There were none within `timeout` seconds.
    """
    begun = time.monotonic()
    told = False
    while (service := find(input)) is None:
        waited = time.monotonic() - begun
        if waited > QUIET_AT_FIRST and not told:
            say(f"waiting for the branches of {input}, for {timeout:g} s at most")
            told = True
        if waited > timeout:
            raise Unreachable(
                f"nobody serves {input}: start its branches with `replibank serve {input}`", False
            )
        time.sleep(LOOK_AGAIN)
    return service


def stop(input: str | Path, timeout: float) -> int:
    """Tells the server of this input to end, and waits until it has.

    Returns:
        The process that it was.

    Raises:
        Unreachable: There is none, or it did not end within `timeout` seconds.
    """
    lock, _ = _paths(input)
    if not _is_held(lock):
        raise Unreachable(f"nobody serves {input}: there is nothing to stop", False)
    pid = _pid(lock)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while _is_held(lock):
        if time.monotonic() > deadline:
            raise Unreachable(
                f"process {pid} still serves {input}: it was told to end {timeout:g} s ago", False
            )
        time.sleep(LOOK_AGAIN)
    return pid


def directory() -> Path:
    """This user's own directory for such files, made if need be.

    Raises:
        ConfigError: It cannot be made, or somebody else's directory stands in its place.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base and os.access(base, os.W_OK):
        path = Path(base) / "replibank"
    else:
        path = Path(tempfile.gettempdir()) / f"replibank-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as failure:
        raise ConfigError(
            f"{path} cannot be made ({failure.strerror}), which tells clients where branches are: set "
            "XDG_RUNTIME_DIR to a directory that you may write to"
        ) from None
    found = path.lstat()
    if not path.is_dir() or path.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(f"{path} is not private to this user: remove it, or set XDG_RUNTIME_DIR")
    return path


def _paths(input: str | Path) -> tuple[Path, Path]:
    """The lock, which holds the server's process id, and the file of its addresses."""
    try:
        path = Path(input).resolve()
    except OSError:
        raise ConfigError(
            f"{input} is nowhere, for the working directory is gone: go to one that is there"
        ) from None
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:24]
    return directory() / f"{name}.lock", directory() / f"{name}.json"


def _is_held(lock: Path) -> bool:
    try:
        file = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _is_same(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _pid(lock: Path) -> int:
    """Who holds the lock."""
    with suppress(OSError, ValueError):
        return int(lock.read_text(encoding="utf-8"))
    raise Unreachable("the server has just begun or just ended: try again", False)
