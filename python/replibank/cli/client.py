"""`replibank client`: the customers of an input, against branches that somebody serves. Which of the
two is started first does not matter."""

from __future__ import annotations

import time

import click

from .. import _core
from .._base.addresses import parse_lines, parse_pairs
from .._base.files import read_input
from ..errors import Unreachable, with_option
from ..scenario import claim
from ..scenario.read import read_scenario
from ..scenario.settled import check_ids, check_served, note, settle
from . import options, paths, terminal
from .summary import Summary


@click.command("client")
@options.input_argument
@options.output_options
@click.option(
    "--branch",
    "branches",
    multiple=True,
    metavar="ID=HOST:PORT",
    help="Where a branch is, if not served on this host. Repeat for each.",
)
@click.option("--addresses", metavar="FILE", help="Where the branches are: what `replibank serve` printed.")
@click.option(
    "--wait",
    type=options.Seconds(0, options.TIMEOUT_MAX),
    default=10.0,
    show_default=True,
    metavar="S",
    help="How many seconds the branches may take to appear.",
)
@options.order_option
@options.timeout_option
@options.json_option
def command(
    *,
    input: str,
    output: str,
    output_form: str,
    branches: tuple[str, ...],
    addresses: str | None,
    wait: float,
    order: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Run the customers of INPUT against served branches, write OUTPUT.

    Branches that `replibank serve INPUT` serves on this host are found by the
    name of INPUT. Others are named by --branch or --addresses.

    \b
    Examples:
      replibank client input.json -o output.json
      replibank client input.json -o output.json --branch 1=10.0.0.1:5001 \\
                                                 --branch 2=10.0.0.2:5001
    """
    began = time.perf_counter()
    paths.refuse_both_on_stdout(output, as_json)
    paths.check_output(output, input)
    scenario = read_scenario(input, order)
    dialled = parse_pairs("--branch", branches)
    hint = "name it with --branch {branch}=HOST:PORT"
    if addresses is not None:
        dialled = parse_lines(read_input(addresses, "addresses file"), addresses) | dialled
        hint = f"name it in {addresses}, or with --branch {{branch}}=HOST:PORT"
    served = dialled or claim.wait_for(input, wait, terminal.say).addresses
    if not dialled:
        hint = "end the server and serve the input again, which has changed since"
    check_served(scenario, served, hint, how="named" if dialled else "served")
    check_ids(
        scenario,
        served,
        every=not dialled,
        hint="name the branches of this input only" if dialled else hint,
    )
    try:
        standing = settle(served, max(wait, 1.0), timeout)
    except Unreachable as error:
        raise with_option(error, "--wait") from None
    if standing.balance != scenario.opening:
        terminal.say(note(standing, scenario.opening))
    progress = _core.Progress()
    with terminal.shown_progress(progress, scenario.event_count):
        replies = _core.run(served, scenario, timeout, progress).wait()
    paths.write_output(output, replies.output(output_form))
    balances = {settle(served, timeout, timeout).balance}
    summary = Summary(scenario, balances, time.perf_counter() - began, output, standing.balance)
    if as_json:
        summary.print_json(None, None)
    else:
        where = "served elsewhere" if dialled else "served on this host"
        summary.print(None, None, where)
