"""`replibank check`: a sound grader. It replays the input and compares every answer, so that a wrong
output cannot pass and a right one, however it is laid out, cannot fail."""

from __future__ import annotations

import click

from .._base.files import read_input
from .._base.words import plural
from ..scenario.read import read_scenario
from . import options, streams, terminal
from .outcome import CHECK_FAILED

#: Problems that people are shown; JSON holds them all.
SHOWN = 20


@click.group("check", invoke_without_command=True)
@options.help_without_command
def command() -> None:
    """Grade an output file, or judge a history.

    \b
    Examples:
      replibank check grpc input.json output.json
      replibank check history history.jsonl
    """


@command.command("grpc")
@options.input_argument
@click.argument("output", metavar="OUTPUT")
@options.order_option
@options.json_option
def grpc(input: str, output: str, order: str, as_json: bool) -> int:
    """Grade OUTPUT as an answer to INPUT, of the course's project 1.

    Every answer is compared with a replay of INPUT. Exit code 0: all is right;
    1: something is wrong, and each line says what.

    \b
    Example:
      replibank check grpc input.json output.json
    """
    scenario = read_scenario(input, order)
    problems = scenario.check(read_input(output, "output"))
    if as_json:
        import json  # noqa: PLC0415

        streams.tell(json.dumps({"right": not problems, "problems": problems}))
    elif problems:
        for problem in problems[:SHOWN]:
            terminal.error(f"{output}: {problem}")
        if len(problems) > SHOWN:
            terminal.say(f"and {plural(len(problems) - SHOWN, 'problem')} more (--json holds them all)")
    else:
        records, events = len(scenario.customers), scenario.event_count
        terminal.say(f"{output} is right: {plural(records, 'record')}, {plural(events, 'event')}")
    return CHECK_FAILED if problems else 0


@command.command("history")
@click.argument("file", metavar="FILE")
@options.json_option
def history(file: str, as_json: bool) -> int:
    """Judge the history in FILE: what customers asked and were told.

    Every balance must be explained by the operations that could count, and
    every answer must fit what was asked. Exit code 0: no promise was broken;
    1: one was, or no operation was answered, so that nothing was examined.

    \b
    Examples:
      replibank simulate --seed 7 --history history.jsonl
      replibank check history history.jsonl
    """
    from ..verdict import check  # noqa: PLC0415

    verdict = check(file)
    if as_json:
        import json  # noqa: PLC0415
        from dataclasses import asdict  # noqa: PLC0415

        counts = ("operations", "answered", "unknown", "restarts", "faults", "answered_in_faults")
        names = ("ok", "examined", *counts)
        told = {name: getattr(verdict, name) for name in names}
        print(json.dumps({**told, "anomalies": [asdict(anomaly) for anomaly in verdict.anomalies]}))
    else:
        terminal.say(str(verdict))
    return 0 if verdict.ok else CHECK_FAILED
