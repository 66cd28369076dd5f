"""A course's input, read and checked by the core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from .. import _core
from .._base.files import read_input
from ..errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The order of a customer's events: as in the file, or by their ids.
Order = Literal["file", "id"]


def read_scenario(
    input: str | os.PathLike[str] | Sequence[Mapping[str, Any]],
    order: str = "file",
) -> _core.Scenario:
    """Reads and checks an input.

    Args:
        input: The input file, or its records.
        order: A customer's events "file": in the order of the file, or "id": by their ids.

    Raises:
        InputError: It cannot be read or cannot be run. The message names the file, if it is one.
        TypeError: It is neither a path nor records.
    """
    if isinstance(input, str | os.PathLike):
        return parsed(input, read_input(input), order)
    if isinstance(input, bytes | bytearray) or not isinstance(input, Sequence):
        raise TypeError(
            f"input of type {type(input).__name__} is not right: give a path or a list of records"
        )
    import json  # noqa: PLC0415 (a command that reads a file does without it)

    try:
        text = json.dumps(list(input), allow_nan=False, default=dict)
    except (TypeError, ValueError) as error:
        raise InputError(f"the records cannot be written as JSON: {error}") from None
    return _core.Scenario(text.encode(), order)


def parsed(path: str | os.PathLike[str], content: bytes, order: str = "file") -> _core.Scenario:
    """The input that was read from a file.

    Raises:
        InputError: It cannot be run. The message names the file.
    """
    try:
        return _core.Scenario(content, order)
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from None
