"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from . import terminal
from .outcome import USAGE

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def together(*decorators: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Several decorators as one, the first the outermost."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


#: The longest timeout, in seconds: told here too, since help is to be there before the core is.
TIMEOUT_MAX = 86_400


class Whole(click.IntRange):
    """A whole number in a range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        number: int = super().convert(value, param, ctx)
        return number


class Seconds(click.FloatRange):
    """A number of seconds in a range. Of nan, the range itself would not say that it is outside."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            is_number = not math.isnan(float(value))
        except ValueError:
            is_number = False
        if not is_number:
            self.fail(f"{value} is not a number of seconds: give {self._describe_range()}.", param, ctx)
        seconds: float = super().convert(value, param, ctx)
        return seconds


def help_without_command(function: Decorated) -> Decorated:
    """A group that is called without a command shows its help, as the wrong usage that it is."""

    @functools.wraps(function)
    def shown() -> None:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            terminal.say(context.get_help())
            context.exit(USAGE)

    return shown  # type: ignore[return-value]


def note_on_mesh(propagation: str, topology: str, **_: object) -> None:
    """Says which option changes nothing."""
    if propagation == "unary" and topology in {"overlay", "ring"}:
        terminal.say(f"note: unary propagation is always a mesh: --topology {topology} changes nothing")


input_argument = click.argument("input", metavar="INPUT")

output_options = together(
    click.option("-o", "--output", required=True, metavar="OUTPUT", help="Where to write; - is stdout."),
    click.option(
        "--output-form",
        type=click.Choice(["current", "old"]),
        default="current",
        show_default=True,
        help='The older form: {"interface": "query", "result": "success", "money": 500}.',
    ),
)

order_option = click.option(
    "--order",
    type=click.Choice(["file", "id"]),
    default="file",
    show_default=True,
    help="Each customer's events: as they stand in the file, or sorted by id.",
)

topology_options = together(
    click.option(
        "--propagation",
        type=click.Choice(["stream", "unary"]),
        default="stream",
        show_default=True,
        help="How branches tell each other. stream: one open stream for each link; "
        "unary: one call for each operation and peer.",
    ),
    click.option(
        "--topology",
        type=click.Choice(["auto", "mesh", "overlay", "ring"]),
        default="auto",
        show_default=True,
        help="Which branches are linked. auto: a mesh of up to 8 branches, beyond it an overlay "
        "of at most 6 links a branch. Unary calls are always a mesh.",
    ),
)

processes_option = click.option("--processes", is_flag=True, help="Give each branch a process of its own.")

delay_option = click.option(
    "--propagation-delay",
    type=Seconds(0, 3600),
    default=0.0,
    metavar="S",
    help="Delay every message to a peer by so many seconds: the output stays the same.",
)

data_options = together(
    click.option(
        "--data-dir",
        type=click.Path(file_okay=False),
        metavar="DIR",
        help="Keep the data here, and go on from what is here. Without it, data is in memory only.",
    ),
    click.option(
        "--durability",
        type=click.Choice(["synced", "buffered"]),
        default="synced",
        show_default=True,
        help="With --data-dir, when a write is acknowledged. synced: once the disk has it. buffered: once "
        "the system has it, which is faster; a write then survives a killed process, not a failing machine.",
    ),
)

#: What `bank.launch.launch` is called with.
bank_options = together(topology_options, processes_option, data_options, delay_option)

timeout_option = click.option(
    "--timeout",
    type=Seconds(0, TIMEOUT_MAX, min_open=True),
    default=30.0,
    show_default=True,
    metavar="S",
    help="How many seconds each request may take.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Tell the result as JSON on stdout.")
