"""What the checkers say of a history, for a page: each anomaly with the row of the trace to jump to."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InputError
from ..verdict import judged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..verdict import Anomaly

#: So many branches or accounts are named in an error.
NAMED = 8

#: Events that are a customer's.
ANSWERS = frozenset({"deposit", "withdraw", "query", "refused"})


def verdict_facts(
    name: str, history: str, rows: Callable[[], Sequence[Mapping[str, Any]]], bank: Mapping[str, Any]
) -> dict[str, Any]:
    """The verdict as JSON has it.

    Args:
        name: How an error about the history begins.
        history: Its text.
        rows: Gives the trace's, if they are needed.
        bank: The trace's header.

    Raises:
        InputError: The history is written wrongly, or is that of another bank.
    """
    verdict = judged(name, history)
    lines = history.split("\n")
    _check_same(lines, bank)
    invocations = _invocations(lines) if verdict.anomalies else {}
    places = _Places(rows()) if verdict.anomalies else None
    return {
        "ok": verdict.ok,
        "text": str(verdict),
        "anomalies": [
            {
                "kind": anomaly.kind,
                "breach": anomaly.breach,
                "time_us": round(anomaly.seconds * 1e6),
                "branch": anomaly.branch,
                "account": anomaly.account,
                "text": anomaly.text,
                "row": None if places is None else places.row_of(anomaly, invocations),
            }
            for anomaly in verdict.anomalies
        ],
    }


class _Invocation(NamedTuple):
    """What a customer asked, and when it was told."""

    asked: Mapping[str, Any]
    told: Mapping[str, Any]


def _invocations(lines: Sequence[str]) -> dict[int, _Invocation]:
    """By their ids. The history is known to be right."""
    events = [json.loads(line) for line in lines if '"id"' in line]
    told = {event["id"]: event for event in events if event["event"] != "invoke"}
    return {
        event["id"]: _Invocation(event, told.get(event["id"], {}))
        for event in events
        if event["event"] == "invoke"
    }


def _check_same(lines: Sequence[str], bank: Mapping[str, Any]) -> None:
    """Refuses the history of another bank: what is wrong with it was not in this trace. The history is
    known to be right.
    """
    told = json.loads(next(line for line in lines if line.strip()))["bank"]
    branches = (set(told["branches"]), set(bank["branches"]))
    if branches[0] != branches[1]:
        raise _other("branches", *(", ".join(map(str, _some(sorted(ids)))) for ids in branches))
    # Numbers may be written in more than one way, as texts too.
    opened = [{int(id_): balance for id_, balance in it["accounts"].items()} for it in (told, bank)]
    differing = sorted(id_ for id_ in opened[0] | opened[1] if opened[0].get(id_) != opened[1].get(id_))
    if differing:
        texts = []
        for accounts in opened:
            named = [f"{id_} with {accounts[id_]}" if id_ in accounts else f"no {id_}" for id_ in differing]
            texts.append(", ".join(_some(named)))
        raise _other("accounts", *texts)


def _other(what: str, told: str, traced: str) -> InputError:
    return InputError(f"the history is not of this trace: it has {what} {told}; the trace has {traced}")


def _some(items: list[Any]) -> list[Any]:
    """The first few."""
    return items if len(items) <= NAMED else [*items[:NAMED], f"and {len(items) - NAMED:,} more"]


class _Places:
    """Finds the row that an anomaly is about."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._times = [row["time_us"] for row in rows]
        self._rows = rows
        self._by_request: dict[tuple[str, int], int] = {}
        for index, row in enumerate(rows):
            if row["event"] in ANSWERS and row.get("client") is not None and row.get("request") is not None:
                self._by_request[row["client"], row["request"]] = index

    def row_of(self, anomaly: Anomaly, invocations: Mapping[int, _Invocation]) -> int | None:
        """The answer that showed it, which is one of its invocations'; without one, what happened last at
        its branch by then."""
        at = round(anomaly.seconds * 1e6)
        for id_ in anomaly.invocations:
            invocation = invocations.get(id_)
            if invocation is None or invocation.told.get("at") != at:
                continue
            row = self._answer(invocation) if invocation.asked["branch"] == anomaly.branch else None
            if row is not None:
                return row
        index = bisect_right(self._times, at) - 1
        while index >= 0 and anomaly.branch is not None and self._rows[index]["branch"] != anomaly.branch:
            index -= 1
        return index if index >= 0 else None

    def _answer(self, invocation: _Invocation) -> int | None:
        """By the customer's name for it; what has none, by where, when, and what it was told."""
        asked, told = invocation
        if asked.get("request") is not None:
            client = asked["client"]
            for name in (str(client), f"{client:x}"):
                if (name, asked["request"]) in self._by_request:
                    return self._by_request[name, asked["request"]]
        first = bisect_left(self._times, asked["at"])
        last = bisect_right(self._times, told["at"]) if "at" in told else len(self._times)
        wanted = {"branch": asked["branch"], "account": asked.get("account", 0)}
        if "balance" in told:
            wanted["balance"] = told["balance"]
        for index in range(last - 1, first - 1, -1):
            row = self._rows[index]
            fits = row["event"] in {asked["action"], "refused"}
            if fits and all(row.get(name) == value for name, value in wanted.items()):
                return index
        return None
