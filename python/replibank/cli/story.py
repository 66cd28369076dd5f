"""A small simulation as a story: what befell the bank and what its customers were told, in the order
of time. What was shrunk is small enough to be read so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A longer story is none.
LINES_MAX = 16


#: A shorter wait for an answer is not told.
NOTEWORTHY_MS = 100

CONCERNS = {"local": "", "majority": ", for most branches", "all": ", for all branches"}
VERBS = {"deposit": "deposits", "withdraw": "withdraws", "query": "asks for the balance"}


def tell(plan: str, history: str) -> list[str] | None:
    """The lines of the story; None if it would be too long."""
    head, *events = [json.loads(line) for line in history.splitlines()]
    timed = [(event["at"], 1, text) for event, text in customers(events)]
    for fault in json.loads(plan)["faults"]:
        timed += befalls(fault)
    timed.sort(key=lambda line: line[:2])
    lines = [f"{'at first':>11}  every branch has {money(head['bank']['accounts'])}"]
    lines += [f"{at / 1000:>8,.1f} ms  {text}" for at, _, text in timed]
    lines += at_the_end(events)
    return lines if len(lines) <= LINES_MAX else None


def customers(events: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """What was asked and what was told: one line if nothing came between."""
    asked: dict[int, dict[str, Any]] = {}
    last: dict[str, Any] | None = None
    lines: list[tuple[dict[str, Any], str]] = []
    for event in events:
        match event["event"]:
            case "fault" | "lifted":
                continue
            case "invoke":
                asked[event["id"]] = event
                lines.append((event, f"{who(event)} {asks(event)}"))
            case "ok" | "refused" | "unknown":
                question = asked[event["id"]]
                if question is last:
                    lines[-1] = (question, f"{lines[-1][1]}, {hears(event)}{later(question, event)}")
                else:
                    lines.append((event, f"{who(question)} {hears(event)}{later(question, event)}"))
        last = event
    yield from lines


def who(question: dict[str, Any]) -> str:
    return f"customer {question['client']}"


def asks(question: dict[str, Any]) -> str:
    amount = f" {question['amount']}" if "amount" in question else ""
    verb = VERBS[question["action"]]
    account = f" on account {question['account']}" if question.get("account") else ""
    concern = CONCERNS[question.get("concern", "local")]
    session = ", as of what it has seen" if question.get("at_least") else ""
    return f"{verb}{amount}{account} at branch {question['branch']}{concern}{session}"


def hears(answer: dict[str, Any]) -> str:
    match answer["event"]:
        case "ok":
            return f"is told {answer['balance']}"
        case "refused":
            money = f": {answer['available']} are there" if "available" in answer else ""
            return f"is refused ({answer['reason'].replace('_', ' ')}{money})"
        case _:
            return "gives up without an answer"


def later(question: dict[str, Any], answer: dict[str, Any]) -> str:
    """How long it took, if that says something: a customer without an answer tries again."""
    waited = (answer["at"] - question["at"]) / 1000
    return f", {waited:,.0f} ms later" if waited >= NOTEWORTHY_MS else ""


def befalls(fault: dict[str, Any]) -> Iterator[tuple[int, int, str]]:
    """When a fault begins and ends."""
    begins, ends = fault["at_us"], fault["at_us"] + fault["for_us"]
    [(kind, what)] = fault["what"].items()
    match kind:
        case "partition":
            side = what["side"]
            cut = f"branch {side[0]} is" if len(side) == 1 else f"branches {', '.join(map(str, side))} are"
            way = ": what goes out is lost" if what["one_way"] else ""
            yield begins, 0, f"{cut} cut off{way}"
            yield ends, 0, "the cut is mended"
        case "crash":
            yield begins, 0, f"branch {what['branch']} is killed"
            yield ends, 0, f"branch {what['branch']} is back"
        case "pause":
            yield begins, 0, f"branch {what['branch']} stops"
            yield ends, 0, f"branch {what['branch']} goes on"
        case "slow":
            yield begins, 0, f"branch {what['branch']}'s messages take {what['factor']} times as long"
            yield ends, 0, f"branch {what['branch']}'s messages are quick again"
        case "restore":
            yield begins, 0, f"branch {what['branch']}'s disk is copied"
            yield ends, 0, f"branch {what['branch']} is killed, and goes on with that older copy"
        case "clone":
            yield begins, 0, f"a second process serves branch {what['branch']}, on a copy of its disk"
            yield ends, 0, f"the older process of branch {what['branch']} stops serving"
        case "disk_loss":
            yield begins, 0, f"branch {what['branch']} is killed, and its disk is lost"
            yield ends, 0, f"branch {what['branch']} is back, on a new disk"
        case "power_failure":
            yield begins, 0, f"the machine of branch {what['branch']} fails"
            yield ends, 0, f"branch {what['branch']} is back"
        case "disk_failure":
            yield begins, 0, f"branch {what['branch']}'s disk fails at its next save"
            yield ends, 0, f"branch {what['branch']}'s disk is mended"
        case _:
            yield begins, 0, f"{what['share']:.0%} of the messages are lost"
            yield ends, 0, "messages arrive again"


def at_the_end(events: list[dict[str, Any]]) -> list[str]:
    """What the branches show when all has settled: those that show the same together."""
    branches: dict[str, list[int]] = {}
    for event in events:
        if event["event"] == "final":
            branches.setdefault(money(event["balances"]), []).append(event["branch"])
    if not branches:
        return []
    if len(branches) == 1:
        return [f"{'at the end':>11}  every branch has {next(iter(branches))}"]
    shown = [
        f"branch {alike[0]} has {text}" if len(alike) == 1 else f"branches {listed(alike)} have {text}"
        for text, alike in branches.items()
    ]
    return [f"{'at the end':>11}  {'; '.join(shown)}"]


def listed(branches: list[int]) -> str:
    *first, last = map(str, branches)
    return f"{', '.join(first)} and {last}"


def money(balances: dict[str, int]) -> str:
    """ "400", or "400 on account 0, 500 on account 1"; "400 on each account" if they are many and alike."""
    if list(balances) == ["0"]:
        return str(balances["0"])
    if len(balances) > 1 and len(set(balances.values())) == 1:
        return f"{next(iter(balances.values()))} on each account"
    return ", ".join(f"{balance} on account {account}" for account, balance in balances.items())
