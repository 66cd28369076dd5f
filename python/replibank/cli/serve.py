"""`replibank serve`: the branches of an input, kept running until told to end. Clients find them by
the input's name."""

import json

import click

from .. import _core
from ..errors import ProcessError
from ..scenario import claim as serving
from . import options, paths, streams, terminal
from .run import started
from .signals import StopSignals, Told
from .terminal import plural

END_LIMIT = 10.0
"""Seconds that a server may take to end once told; it takes milliseconds."""


@click.command("serve")
@options.input_argument
@click.option("--stop", is_flag=True, help="End the branches that are served for INPUT.")
@options.topology_options
@options.processes_option
@options.data_options
@options.order_option
@options.delay_option
@options.json_option
def command(
    *,
    input: str,  # noqa: A002
    stop: bool,
    propagation: str,
    topology: str,
    processes: bool,
    data_dir: str | None,
    durability: str,
    order: str,
    propagation_delay: float,
    as_json: bool,
) -> int:
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
        pid = serving.stop(input, END_LIMIT)
        if as_json:
            streams.tell(json.dumps({"stopped": pid}))
        else:
            terminal.say(f"stopped the branches of {input} (process {pid})")
        return 0
    options.note_on_mesh(propagation, topology)
    scenario = paths.read_scenario(input, order)
    try:
        with (
            StopSignals() as signals,
            serving.Claim(input) as claim,
            started(
                scenario,
                propagation,
                topology,
                processes,
                propagation_delay,
                data_dir=data_dir,
                durability=durability,
            ) as bank,
        ):
            addresses = bank.addresses()
            claim.publish(addresses)
            announce(addresses, as_json)
            terminal.say(
                f"serving {plural(len(addresses), 'branch')}: end with Ctrl-C or "
                f"`replibank serve --stop {input}`"
            )
            signals.wait(Watch(bank).look)
    except Told as told:
        return told.exit_code


class Watch:
    """Tells of each branch that ends by itself, once; the others go on."""

    def __init__(self, bank: _core.Bank) -> None:
        self._bank = bank
        self._told: set[int] = set()

    def look(self) -> None:
        """
        Raises:
            ProcessError: No branch is left.
        """
        failures = self._bank.failures().wait()
        for branch in failures.keys() - self._told:
            terminal.error(failures[branch])
        self._told |= failures.keys()
        if len(failures) == len(self._bank.addresses()):
            raise ProcessError("no branch is left")


def announce(addresses: dict[int, str], as_json: bool) -> None:
    """Says where the branches are, at once: others wait for these lines."""
    if as_json:
        streams.tell(json.dumps({"branches": addresses}))
        return
    for branch, address in addresses.items():
        streams.tell(f"branch {branch} {address}")
