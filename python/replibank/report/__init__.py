"""The page that shows a trace: one HTML file, with an interactive space-time diagram, that needs no
network. `Trace.to_html` and `replibank report` make it; the sources of the page are in `page/`.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

from .._base.files import text_of
from .anomalies import verdict_facts
from .bundle import bundle
from .columns import Columns

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from .. import _core

#: Accounts whose opening balances a page has; of more, it has those that the trace is about.
ACCOUNTS_MAX = 10_000


def page(
    core: _core.Trace,
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    history: str | os.PathLike[str] | None,
    title: str,
) -> str:
    """Makes the page.

    Args:
        core: What happened.
        rows: Gives the same as plain values.
        history: What the customers asked and were told, as `replibank.check` takes it. The page then
            lists what is wrong with it.
        title: Stands above the page.

    Returns:
        The HTML.

    Raises:
        InputError: The history cannot be read, or is written wrongly, or is that of another bank.
    """
    # A trace without rows is its header.
    header = json.loads(core.window(0, 0).to_jsonl())["trace"]
    verdict = None if history is None else verdict_facts(*text_of(history, "history"), rows, header)
    faults = [_fault(span) for span in core.faults()]
    return assemble(header, Columns(core.columns()), faults, verdict, title or "A bank's trace")


def _fault(span: _core.Span) -> dict[str, Any]:
    names = ("kind", "text", "reason", "branches", "sides", "start_us", "end_us", "parts")
    return {name: getattr(span, name) for name in names}


def assemble(
    header: Mapping[str, Any],
    columns: Columns,
    faults: Sequence[Mapping[str, Any]],
    verdict: object,
    title: str,
) -> str:
    """The page of a trace's parts.

    Args:
        header: The bank: what a trace's first JSON line says of it.
        columns: The rows.
        faults: What was wrong, as JSON has it.
        verdict: What the checkers say, as JSON has it; None: they were not asked.
        title: Plain text.
    """
    accounts: Mapping[str, int] = header["accounts"]
    if len(accounts) > ACCOUNTS_MAX:
        accounts = {account: accounts[account] for account in columns.accounts if account in accounts}
    facts = {
        "title": title,
        "bank": {**header, "accounts": accounts},
        "rows": columns.rows,
        "columns": columns.layout,
        "faults": faults,
        "verdict": verdict,
    }
    return bundle(title, _packed(json.dumps(facts).encode()), _packed(columns.content))


def _packed(content: bytes) -> str:
    """Compressed and as base64: nothing in it can be taken for HTML."""
    return base64.b64encode(zlib.compress(content, 4)).decode()
