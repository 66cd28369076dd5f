"""What the course's server.py and client.py need besides `Branch` and `Customer`: the records of the
input, the branches that are served for it, the output file, and the exit codes of the command
`replibank`. See examples/course/grpc."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from ._base.files import read_input, write_atomically
from .cli import serve, terminal
from .cli.outcome import USAGE, guarded
from .cli.signals import StopSignals
from .course.bank import BANK, TIMEOUT
from .scenario import claim, settled
from .scenario.read import parsed, read_scenario

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["branches", "customers", "join", "program", "serve_until_told", "write"]

#: Seconds that the servers may take to appear.
PATIENCE = 10.0


def branches(input: str) -> list[dict[str, Any]]:
    """The input's branch records, once all of the input is found right.

    Raises:
        InputError: It is not; the text names the record, the field, and what would be right.
    """
    return _records(input, ("branch", "bank"))


def customers(input: str) -> list[dict[str, Any]]:
    """The input's customer records, in file order, once all of the input is found right.

    Raises:
        InputError: It is not; the text names the record, the field, and what would be right.
    """
    return _records(input, ("customer", "client"))


def serve_until_told(input: str) -> int:
    """Starts the branches that the program has built, lets `join` find them, and waits for Ctrl-C,
    SIGTERM or `replibank serve --stop`.

    Returns:
        The exit code: 130 after Ctrl-C, else 0.
    """
    with StopSignals() as signals, claim.Claim(input) as claimed:
        try:
            addresses = dict(BANK.addresses())
            claimed.publish(addresses)
            serve.announce(addresses, as_json=False)
            signals.wait()
        finally:
            BANK.close()
    return signals.exit_code


def join(input: str) -> None:
    """Makes the branches that are served for this input those of the program's customers. Waits a
    while for them to appear, so that it does not matter which program starts first.

    Raises:
        Unreachable: There are none.
    """
    scenario = read_scenario(input)
    addresses = claim.wait_for(input, PATIENCE, terminal.say).addresses
    settled.check_served(scenario, addresses, "end the server and start it again: the input has changed")
    standing = settled.settle(addresses, PATIENCE, TIMEOUT)
    if standing.balance != scenario.opening:
        terminal.say(settled.note(standing, scenario.opening))
    BANK.join(addresses, standing.version)


def write(output: list[dict[str, Any]], path: str) -> None:
    """Writes the output file, whole or not at all."""
    write_atomically(path, json.dumps(output, indent=1))


def program(main: Callable[[str], object], *, is_server: bool = False) -> NoReturn:
    """Runs a main program on the input that the command line names, and exits: 0 done, 2 bad input,
    3 nobody serves it, 130 interrupted. A server's command line may be `--stop INPUT`."""
    sys.exit(guarded(lambda: _called(main, is_server, sys.argv[1:])))


def _called(main: Callable[[str], object], is_server: bool, words: list[str]) -> object:
    match words:
        case ["--stop", path] | [path, "--stop"] if is_server:
            claim.stop(path, serve.END_LIMIT)
            return 0
        case [path] if not path.startswith("-"):
            return main(path)
        case _:
            terminal.error(f"usage: python {sys.argv[0]} {'[--stop] ' if is_server else ''}input.json")
            return USAGE


def _records(path: str, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    content = read_input(path)
    parsed(path, content)
    # What the core has found right, Python's own reader may take apart. (Keys may have blanks.)
    records = [_trimmed(record) for record in json.loads(content)]
    return [
        record | {"events": [_trimmed(event) for event in record.get("events", [])]}
        for record in records
        if record["type"] in kinds
    ]


def _trimmed(record: dict[str, Any]) -> dict[str, Any]:
    return {key.strip(): value for key, value in record.items()}
