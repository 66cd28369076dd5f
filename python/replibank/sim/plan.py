"""Plans: read from a file, or drawn by the core from a seed and the arguments of `simulate`, which are
checked here."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

from .. import _core
from .._base.arguments import (
    ACCOUNTS_MAX,
    BRANCHES_MAX,
    DURATION_MAX,
    DURATION_MIN,
    OPENING_MAX,
    OPERATIONS_MAX,
    SEED_MAX,
    whole,
)
from .._base.files import text_of
from ..errors import ConfigError, InputError

if TYPE_CHECKING:
    import os

#: The kinds of faults that can be given.
FAULTS = _core.FAULTS

_COUNTS = {
    "branches": (1, BRANCHES_MAX),
    "operations": (1, OPERATIONS_MAX),
    "accounts": (1, ACCOUNTS_MAX),
    "opening": (0, OPENING_MAX),
}
#: Words, which the core knows.
_WORDS = ("topology", "propagation", "concern", "bug")
_SWITCHES = ("sessions", "durable")
_OPEN = dict.fromkeys((*_COUNTS, *_WORDS, *_SWITCHES, "latency", "faults", "duration"))


def plan(text: str | None, seed: int | None, given: dict[str, Any]) -> _core.Plan:
    """The plan of a text, or the one that a seed draws.

    Args:
        text: A plan's JSON; None: a plan is drawn.
        seed: The seed; None: one is drawn.
        given: The other arguments of `simulate`; those that are missing or None are drawn too.

    Raises:
        TypeError: An argument is of another type than it must be.
        ValueError: An argument is out of range, or is given beside a plan.
    """
    if text is None:
        number = secrets.randbits(32) if seed is None else whole("seed", seed, 0, SEED_MAX)
        return _core.Plan.draw(number, checked(given))
    names = [name for name, value in {"seed": seed, **given}.items() if value is not None]
    if names:
        raise ValueError(both(names))
    if not isinstance(text, str):
        raise TypeError(f"plan {text!r} is not right: give a plan's JSON, as text")
    return _core.Plan.parse(text)


def read(plan: str | os.PathLike[str]) -> _core.Plan:
    """The plan of a file, or of a text.

    Raises:
        InputError: It cannot be read, or is none; the message names the file.
    """
    name, text = text_of(plan, "plan")
    try:
        return _core.Plan.parse(text)
    except ValueError as error:
        raise InputError(f"{name}{error}; --save-plan writes such a file") from None


def both(names: list[str]) -> str:
    """What is wrong if these were given beside a plan."""
    if len(names) == 1:
        return f"a plan and {names[0]} were given: give one of them"
    return f"a plan, {', '.join(names[:-1])} and {names[-1]} were given: give the plan or the others"


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments as the core takes them."""
    core = {**_OPEN, **given}
    for name, (least, most) in _COUNTS.items():
        if core[name] is not None:
            core[name] = whole(name, core[name], least, most)
    latency = core["latency"]
    if latency is not None and not isinstance(latency, str):
        right = 'microseconds as a text, such as "2000", or another that help(simulate) names'
        raise TypeError(f"latency {latency!r} is not right: give {right}")
    for name in _SWITCHES:
        if core[name] is not None and not isinstance(core[name], bool):
            raise TypeError(f"{name} {core[name]!r} is not right: give True or False")
    core["faults"] = None if core["faults"] is None else kinds(core["faults"])
    duration = core.pop("duration")
    core["duration_us"] = None if duration is None else microseconds(duration)
    return core


def kinds(faults: Iterable[str]) -> list[str]:
    """The kinds of faults, as a list."""
    if isinstance(faults, str):
        raise TypeError(f"faults is a text: give a list, as [{faults!r}]")
    if not isinstance(faults, Iterable):
        raise TypeError(f"faults {faults!r} is not right: give a list of kinds of faults")
    return list(faults)


def microseconds(duration: float) -> int:
    """A duration in seconds, as microseconds."""
    right = f"give seconds from 0.000001 to {DURATION_MAX}"
    if isinstance(duration, bool) or not isinstance(duration, Real):
        raise TypeError(f"duration {duration!r} is not right: {right}")
    if not DURATION_MIN <= duration <= DURATION_MAX:
        raise ConfigError(f"duration {duration} is not right: {right}")
    return round(float(duration) * 1e6)
