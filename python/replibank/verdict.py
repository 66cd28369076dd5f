"""What the checkers say of a history: `check`, its verdict, and the anomalies that were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _core
from ._base import tables
from ._base.files import text_of
from ._base.words import plural
from .errors import InputError

if TYPE_CHECKING:
    import os

#: How many anomalies a notebook shows.
ANOMALIES_SHOWN = 5


@dataclass(frozen=True)
class Anomaly:
    """Something in a history that cannot be.

    Attributes:
        kind: "divergence", "conservation", "lost-write", "counted-twice", "refused-yet-done",
            "misplaced", "contradiction", "out-of-bounds", "impossible-read", "stale-read", "went-back" or
            "overdraft".
        breach: Whether it breaks a promise of the bank. An overdraft does not: branches judge
            withdrawals by what they see, and concurrent ones can overdraw together.
        seconds: When it showed, since the run began.
        branch: Where it showed, if it did at one branch.
        account: On which account, if on one.
        invocations: The ids of the invocations that show it.
        text: What was seen, and why it cannot be.
    """

    kind: str
    breach: bool
    seconds: float
    branch: int | None
    account: int | None
    invocations: tuple[int, ...]
    text: str


class Verdict:
    """What the checkers say of a history, and how much it rests on. `str()` is a summary for people.

    Attributes:
        ok: Whether some operation was answered and no promise was broken. A history in which nothing was
            answered is not ok: nothing was examined.
        broken: Whether a promise was broken.
        examined: Whether some operation was answered.
        anomalies: Everything that was found, overdrafts included.
        operations: How many operations were asked for.
        answered: How many of them a branch has answered.
        reads: How many balances were told, and held against every balance that could have been.
        unknown: How many writes nobody knows the outcome of.
        settled: How many branches showed their state at the end.
        restarts: How many times a branch came back.
        faults: How many faults the history tells of; one that tells of none may have had some.
        answered_in_faults: How many operations were under way while some of these lasted, and were
            answered.
    """

    def __init__(self, core: _core.Verdict) -> None:
        """Not for users: `check` and `simulate` make verdicts."""
        self._text = str(core)
        self.ok = core.ok
        self.broken = core.broken
        self.operations = core.operations
        self.answered = core.answered
        self.examined = core.answered > 0
        self.reads = core.reads
        self.unknown = core.unknown
        self.settled = core.settled
        self.restarts = core.restarts
        self.faults = core.faults
        self.answered_in_faults = core.answered_in_faults
        self.anomalies = tuple(
            Anomaly(kind, breach, at / 1e6, branch, account, tuple(ids), text)
            for kind, breach, at, branch, account, ids, text in core.anomalies
        )

    def __str__(self) -> str:
        return self._text

    def _word(self) -> str:
        if self.broken:
            return "broken"
        return "ok" if self.ok else "nothing was examined"

    def __repr__(self) -> str:
        anomalies = "1 anomaly" if len(self.anomalies) == 1 else f"{len(self.anomalies):,} anomalies"
        rests_on = f"{self.answered:,} of {plural(self.operations, 'operation')} answered"
        if self.faults:
            rests_on += f", {self.answered_in_faults:,} in {plural(self.faults, 'fault')}"
        return f"<Verdict: {self._word()}, {anomalies}, {rests_on}>"

    def _repr_html_(self) -> str:
        shown: list[tuple[str, object]] = [
            ("answered", f"{self.answered:,} of {plural(self.operations, 'operation')}"),
            ("balances told", f"{self.reads:,}"),
            ("in faults", f"{self.answered_in_faults:,} answered in {plural(self.faults, 'fault')}"),
        ]
        shown += [(anomaly.kind, anomaly.text) for anomaly in self.anomalies[:ANOMALIES_SHOWN]]
        if len(self.anomalies) > ANOMALIES_SHOWN:
            shown.append(("…", f"and {len(self.anomalies) - ANOMALIES_SHOWN} more: see anomalies"))
        return tables.facts(f"Verdict: {self._word()}", shown)


def check(history: str | os.PathLike[str]) -> Verdict:
    """Judges a history: every balance that customers were told must be explained by the operations
    that could count, and every answer must fit what was asked. Where none was answered, nothing was
    examined, and the verdict is not ok.

    Args:
        history: The file, or its text: JSON lines, the first of which begins with ``{"bank"``. Their
            form is described in the README.

    Raises:
        InputError: It cannot be read, or is written wrongly; the message names the line.

    Example:
        >>> import replibank
        >>> verdict = replibank.check('''{"bank": {"branches": [1], "accounts": {"0": 400}}}
        ... {"at": 10, "event": "invoke", "id": 1, "client": 3, "branch": 1, "action": "query"}
        ... {"at": 20, "event": "ok", "id": 1, "balance": 500}''')
        >>> verdict.ok, verdict.anomalies[0].kind
        (False, 'impossible-read')
    """
    return judged(*text_of(history, "history"))


def judged(name: str, text: str) -> Verdict:
    """The verdict on a history's text. `name` is how an error begins."""
    try:
        return Verdict(_core.check_history(text))
    except ValueError as error:
        raise InputError(f"{name}{error}") from None
