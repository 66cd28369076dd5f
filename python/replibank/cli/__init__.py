"""The command `replibank`: its group of commands, and how it starts. A command's module is imported
when that command is asked for, so that `replibank run` does not pay for what it does not use."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from ..errors import NotConverged, VersionNotReached
from . import options
from .outcome import Interrupted, Unheard, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "Run a whole bank: branches, customers, output file.",
    "serve": "Start the branches of an input and keep them running.",
    "client": "Run the customers of an input against served branches.",
    "branch": "Serve one branch on this host.",
    "simulate": "Run the bank in virtual time, under faults from a seed.",
    "play": "Run a simulation's plan on a live bank.",
    "plot": "Draw a picture of a trace.",
    "check": "Grade an output file, or judge a history.",
    "report": "Show a trace as one HTML page.",
}


class LazyGroup(click.Group):
    """Its commands are modules of this package, imported when needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f".{cmd_name}", __name__).command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Click would say so its own way.
            raise Interrupted from None
        except BrokenPipeError:
            raise Unheard from None
        except (VersionNotReached, NotConverged) as failure:
            failure.message += " (a larger --timeout gives it more time)"
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from .._core import __version__  # noqa: PLC0415

        click.echo(f"replibank {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
@options.help_without_command
def group() -> None:
    """A replicated bank: branches that converge, and the customers that use them.

    \b
    Examples:
      replibank run input.json -o output.json
      replibank serve input.json &
      replibank client input.json -o output.json
      replibank check grpc input.json output.json

    Exit codes: 0 done, 1 a check failed, 2 usage or bad input, 3 unreachable,
    130 interrupted. Results go to standard output, all else to standard error.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits.

    Args:
        arguments: The words after the command's name; None: those of this process.
    """
    sys.exit(outcome(arguments))


def outcome(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code, having said why if it is not 0."""
    return guarded(lambda: group.main(arguments, prog_name="replibank", standalone_mode=False))
