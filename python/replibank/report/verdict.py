"""What the checkers say of a history, for a page: each anomaly with the row of the trace to jump to."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from ..files import read_input
from ..simulation import check

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from ..simulation import Anomaly

ANSWERS = frozenset({"deposit", "withdraw", "query", "refused"})
"""Events that are a customer's."""


def verdict_facts(history: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The verdict as JSON has it.

    Args:
        history: As `check` takes it.
        rows: The trace's.

    Raises:
        InputError: The history cannot be read, or is written wrongly.
    """
    verdict = check(history)
    invocations = _invocations(history) if verdict.anomalies else {}
    places = _Places(rows) if verdict.anomalies else None
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


def _invocations(history: str | os.PathLike[str]) -> dict[int, _Invocation]:
    """By their ids. The history is known to be right."""
    is_text = isinstance(history, str) and history.lstrip().startswith("{")
    text = str(history) if is_text else read_input(history, "history").decode()
    lines = [json.loads(line) for line in text.splitlines() if '"id"' in line]
    told = {line["id"]: line for line in lines if line["event"] != "invoke"}
    return {
        line["id"]: _Invocation(line, told.get(line["id"], {})) for line in lines if line["event"] == "invoke"
    }


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
