"""`replibank branch`: one branch on this host; its peers are on others, or in other processes here."""

from __future__ import annotations

import click

from .. import _core
from .._base.addresses import parse_pairs, resolve
from .._base.arguments import BRANCH_MAX, OPENING_MAX
from .._base.words import plural
from . import options, terminal
from .serve import announce
from .signals import StopSignals


@click.command("branch")
@click.option("--id", "branch", type=options.Whole(1, BRANCH_MAX), required=True, help="The branch's id.")
@click.option("--listen", required=True, metavar="HOST:PORT", help="Port 0: the system chooses.")
@click.option(
    "--peer",
    "peers",
    multiple=True,
    metavar="ID=HOST:PORT",
    help="Another branch of the bank. Repeat for each.",
)
@click.option(
    "--balance",
    type=options.Whole(0, OPENING_MAX),
    required=True,
    help="The opening balance: the same at every branch.",
)
@options.topology_options
@options.delay_option
@options.data_options
@options.json_option
def command(
    *,
    branch: int,
    listen: str,
    peers: tuple[str, ...],
    balance: int,
    propagation: str,
    topology: str,
    propagation_delay: float,
    data_dir: str | None,
    durability: str,
    as_json: bool,
) -> int:
    """Serve one branch on this host until told to end.

    Name all other branches to each, and give all the same balance, propagation
    and topology. A branch that starts again goes on from its --data-dir; without
    one, it gets its earlier writes back from its peers. It ends if its disk
    fails.

    \b
    Example, a bank of two:
      replibank branch --id 1 --listen 127.0.0.1:5001 \\
                       --peer 2=127.0.0.1:5002 --balance 400
      replibank branch --id 2 --listen 127.0.0.1:5002 \\
                       --peer 1=127.0.0.1:5001 --balance 400
    """
    named = parse_pairs("--peer", peers)
    options.note_on_mesh(propagation, topology)
    with StopSignals() as signals:
        served = _core.serve_branch(
            branch,
            resolve(listen, least=0),
            named,
            {0: balance},
            propagation,
            topology,
            propagation_delay,
            data_dir,
            durability,
        ).wait()
        try:
            announce({branch: served.address}, as_json)
            terminal.say(f"serving branch {branch} with {plural(len(named), 'peer')}: end with Ctrl-C")
            signals.wait(served.check)
        finally:
            served.close().wait()
    return signals.exit_code
