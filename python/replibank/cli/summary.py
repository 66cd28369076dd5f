"""What a run says of itself at its end: for people on standard error, for programs as JSON."""

from __future__ import annotations

from typing import NamedTuple

from .. import _core
from .._base.words import plural
from . import streams, terminal


class Summary(NamedTuple):
    """A finished run.

    Attributes:
        scenario: What was run.
        balances: The different balances that branches ended with: one, if all is well.
        seconds: What it took, from reading the input to writing the output.
        output: Where the output went; "-" is standard output.
        standing: The balance before the run, if it was not the opening one.
    """

    scenario: _core.Scenario
    balances: set[int]
    seconds: float
    output: str
    standing: int | None = None

    def print(self, propagation: str | None, topology: str | None, where: str) -> None:
        branches = self.scenario.branches
        rows = {"branches": f"{len(branches):,}, {where}"}
        if propagation and topology:
            links, most, diameter = _core.topology(branches, propagation, topology)
            rows["propagation"] = f"{propagation}, over {plural(links, 'link')}" + (
                f": at most {most} a branch, {plural(diameter, 'hop')} across" if links else ""
            )
        events = plural(self.scenario.event_count, "event")
        rows["customers"] = f"{self._customers()}, one after another, {events}"
        rows["balance"] = f"{self._opening()} at first, {self._closing()} at the end"
        rows["time"] = f"{self.seconds:.3f} s"
        rows["output"] = "standard output" if self.output == "-" else self.output
        terminal.table(rows)

    def print_json(self, propagation: str | None, topology: str | None) -> None:
        import json  # noqa: PLC0415

        result: dict[str, object] = {
            "branches": len(self.scenario.branches),
            "customers": len(self.scenario.customers),
            "events": self.scenario.event_count,
            "opening": self._opening(),
            "balances": sorted(self.balances),
            "seconds": round(self.seconds, 6),
            "output": self.output,
        }
        if propagation and topology:
            links, most, diameter = _core.topology(self.scenario.branches, propagation, topology)
            result["propagation"] = propagation
            result["topology"] = {"asked": topology, "links": links, "degree": most, "diameter": diameter}
        streams.tell(json.dumps(result))

    def _customers(self) -> str:
        records = self.scenario.customers
        people = len({id_ for id_, _, _ in records})
        return f"{people:,}" if people == len(records) else f"{people:,} ({len(records):,} visits)"

    def _opening(self) -> int:
        return self.scenario.opening if self.standing is None else self.standing

    def _closing(self) -> str:
        return " or ".join(map(str, sorted(self.balances))) or "none"
