"""Arguments, checked before anything is done with them, and the bounds of what there can be."""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING

from .._core import BOUNDS
from ..errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The highest id of a branch.
BRANCH_MAX = BOUNDS["BRANCH_MAX"]

#: The highest id of an account.
ACCOUNT_MAX = BOUNDS["ACCOUNT_MAX"]

#: The highest opening balance, in the account's smallest unit.
OPENING_MAX = BOUNDS["OPENING_MAX"]

#: The highest port.
PORT_MAX = BOUNDS["PORT_MAX"]

#: The highest seed of a simulation.
SEED_MAX = BOUNDS["SEED_MAX"]

#: The most branches, operations and accounts of a simulation.
BRANCHES_MAX = BOUNDS["BRANCHES_MAX"]
OPERATIONS_MAX = BOUNDS["OPERATIONS_MAX"]
ACCOUNTS_MAX = BOUNDS["ACCOUNTS_MAX"]

#: How long a simulation's operations may come, in seconds of virtual time.
DURATION_MIN = 1e-6
DURATION_MAX = BOUNDS["DURATION_US_MAX"] // 1_000_000

#: How many rows a trace keeps, of all branches, unless it is told.
TRACE_CAPACITY = 1_000_000


def whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number in a range. `True` and 1.0 are none; NumPy's integers are.

    Raises:
        TypeError: It is no whole number.
        ConfigError: It is out of the range.
    """
    right = f"give a whole number from {least} to {most}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} {value!r} is not right: {right}")
    number = operator.index(value)
    if not least <= number <= most:
        raise ConfigError(f"{name} {number} is not right: {right}")
    return number


def mapping(name: str, value: Mapping[int, int], right: str) -> dict[int, int]:
    """A dict, or what has items as one has.

    Raises:
        TypeError: It has none.
    """
    if not hasattr(value, "items"):
        raise TypeError(f"{name} {value!r} is not right: give a dict of {right}")
    return dict(value.items())


def capacity(trace: bool | int) -> int:
    """How many rows a trace is to keep; 0: there is none.

    Raises:
        TypeError, ValueError: The argument is neither a truth value nor a number of rows.
    """
    if isinstance(trace, bool):
        return TRACE_CAPACITY if trace else 0
    right = "give True, False or the most rows that are kept, from 1"
    if not hasattr(trace, "__index__"):
        raise TypeError(f"trace {trace!r} is not right: {right}")
    rows = trace.__index__()
    if not 1 <= rows <= sys.maxsize:
        raise ValueError(f"trace {rows} is not right: {right}")
    return rows
