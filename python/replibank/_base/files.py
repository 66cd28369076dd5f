"""Files, read with a limit and written whole: a reader of the output never sees half of it, and an
interruption leaves the old file as it was and nothing beside it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ..errors import InputError
from .words import with_article

#: The most bytes that an input file may have: 64 MiB, a thousand times the course's largest.
INPUT_BYTES_MAX = 64 * 1024 * 1024


def read_input(path: str | os.PathLike[str], kind: str = "input", bytes_max: int = INPUT_BYTES_MAX) -> bytes:
    """Reads an input file.

    Args:
        path: The file.
        kind: What it is to be, for messages.
        bytes_max: The most bytes that it may have.

    Returns:
        Its bytes.

    Raises:
        InputError: It is not there, is a directory, may not be read, or is larger than that; a
            larger one is not read to its end.
    """
    name = os.fspath(path)
    if not name:
        raise InputError(f"the name of the {kind} is empty: name a file")
    try:
        with Path(name).open("rb") as file:
            content = file.read(bytes_max + 1)
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: this is a directory, and {with_article(kind)} is one file in it") from None
    except PermissionError:
        raise InputError(f"{name}: this file may not be read: check its permissions") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{name}: this file cannot be read ({reason})") from None
    if len(content) > bytes_max:
        raise InputError(f"{name}: this file has more than {bytes_max // 2**20} MiB, which no {kind} needs")
    return content


def text_of(given: str | os.PathLike[str], kind: str, bytes_max: int = INPUT_BYTES_MAX) -> tuple[str, str]:
    """What was given as a file, or as its text: JSON, which begins with a brace.

    Args:
        given: The file or its text. The file is read once, and so may be a pipe.
        kind: What it is to be, for messages.
        bytes_max: The most bytes that the file may have.

    Returns:
        How an error about it begins, which names the file if it is one; and the text.

    Raises:
        InputError: It cannot be read.
    """
    if isinstance(given, str) and given.lstrip().startswith("{"):
        return "", given
    name = f"{os.fspath(given)}: "
    try:
        return name, read_input(given, kind, bytes_max).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name}this is not UTF-8 (byte {error.start})") from None


def write_atomically(path: str | os.PathLike[str], text: str | bytes) -> None:
    """Writes a file as a whole: it has its old content or the new one, at any moment.

    A symbolic link stays one, and its target is written. The permissions of an existing file stay; a
    new one gets the usual ones. What is no regular file, such as /dev/stdout, is written to as it is.

    Args:
        path: The file.
        text: Its new content; a str is written as UTF-8.

    Raises:
        OSError: It cannot be written; it is then unchanged. It names the file as `path` does.
    """
    try:
        _write_atomically(path, text)
    except OSError as failure:
        if failure.errno is None:
            raise
        # Neither the temporary file's name nor that of a link's target says anything to the caller.
        raise OSError(failure.errno, failure.strerror, os.fspath(path)) from None


def _write_atomically(path: str | os.PathLike[str], text: str | bytes) -> None:
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    content = text.encode() if isinstance(text, str) else text
    if mode is not None and not stat.S_ISREG(mode):
        # To put a file in the place of a device would break the device.
        target.write_bytes(content)
        return
    if mode is not None and not os.access(target, os.W_OK):
        # The directory's permissions would allow it, but the file's owner said no.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        _write(temporary, content, mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _mode(target: Path) -> int | None:
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None


def _write(temporary: Path, content: bytes, mode: int | None) -> None:
    # 0o666 less the umask: what open() gives, unlike the tempfile module.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(descriptor, stat.S_IMODE(mode))
        file.write(content)
        file.flush()
        # Without it, a power failure could leave the new name with an empty content.
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError:
        # Some file systems do not offer it; the file itself is whole and in place.
        pass
    finally:
        os.close(descriptor)
