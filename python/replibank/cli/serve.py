"""`replibank serve`: the branches of an input, kept running until told to end. Clients find them by
the input's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .._base.words import plural
from ..bank.launch import launch, running
from ..errors import ProcessError
from ..scenario import claim
from ..scenario.read import read_scenario
from . import options, streams, terminal
from .signals import StopSignals

if TYPE_CHECKING:
    from .. import _core

#: Seconds that a server may take to end once told; it takes milliseconds.
END_LIMIT = 10.0


@click.command("serve")
@options.input_argument
@click.option("--stop", is_flag=True, help="End the branches that are served for INPUT.")
@options.bank_options
@options.order_option
@options.json_option
def command(*, input: str, stop: bool, order: str, as_json: bool, **bank_options: Any) -> int:
    """Start the branches of INPUT and keep them running.

    A line `branch ID HOST:PORT` on standard output tells that a branch answers.
    Ctrl-C, SIGTERM or --stop ends them all. `replibank client INPUT` finds them
    by the name of INPUT; programs of your own dial the addresses.

    \b
    Examples:
      replibank serve input.json
      replibank serve --stop input.json
    """
    if stop:
        pid = claim.stop(input, END_LIMIT)
        if as_json:
            streams.tell(json.dumps({"stopped": pid}))
        else:
            terminal.say(f"stopped the branches of {input} (process {pid})")
        return 0
    options.note_on_mesh(**bank_options)
    scenario = read_scenario(input, order)
    call = launch(dict.fromkeys(scenario.branches, scenario.opening), **bank_options)
    with StopSignals() as signals, claim.Claim(input) as claimed, running(call) as bank:
        addresses = bank.addresses()
        claimed.publish(addresses)
        announce(addresses, as_json)
        terminal.say(
            f"serving {plural(len(addresses), 'branch')}: end with Ctrl-C or `replibank serve --stop {input}`"
        )
        signals.wait(FailureReporter(bank).look)
    return signals.exit_code


class FailureReporter:
    """Tells of each branch that ends by itself, once; the others go on."""

    def __init__(self, bank: _core.Bank) -> None:
        self._bank = bank
        self._reported: set[int] = set()

    def look(self) -> None:
        """
        Raises:
            ProcessError: No branch is left.
        """
        failures = self._bank.failures().wait()
        for branch in failures.keys() - self._reported:
            terminal.error(failures[branch])
        self._reported |= failures.keys()
        if len(failures) == len(self._bank.addresses()):
            raise ProcessError("no branch is left")


def announce(addresses: dict[int, str], as_json: bool) -> None:
    """Says where the branches are, at once: others wait for these lines."""
    if as_json:
        streams.tell(json.dumps({"branches": addresses}))
        return
    for branch, address in addresses.items():
        streams.tell(f"branch {branch} {address}")
