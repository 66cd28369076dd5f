"""The page that shows a trace: one HTML file, with an interactive space-time diagram, that needs no
network. `Trace.to_html` and `replibank report` make it; the sources of the page are in `page/`.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

from .anomalies import verdict_facts
from .bundle import bundle
from .columns import Columns

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ..trace.trace import Trace

#: Accounts whose opening balances a page has; of more, it has those that the trace is about.
ACCOUNTS_MAX = 10_000


def page(trace: Trace, history: str | os.PathLike[str] | None = None, title: str | None = None) -> str:
    """Makes the page.

    Args:
        trace: What happened.
        history: What the customers asked and were told, as `replibank.check` takes it. The page then
            lists what is wrong with it.
        title: Stands above the page.

    Returns:
        The HTML.

    Raises:
        InputError: The history cannot be read, or is written wrongly, or is that of another bank.
    """
    # A trace without rows is its header.
    header = json.loads(trace.window(0, 0).to_jsonl())["trace"]
    verdict = None if history is None else verdict_facts(history, trace.to_dicts(), header)
    return assemble(header, Columns(trace._core.columns()), verdict, title or "A bank's trace")


def assemble(header: Mapping[str, Any], columns: Columns, verdict: object, title: str) -> str:
    """The page of a trace's parts.

    Args:
        header: The bank: what a trace's first JSON line says of it.
        columns: The rows.
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
        "verdict": verdict,
    }
    return bundle(title, _packed(json.dumps(facts).encode()), _packed(columns.content))


def _packed(content: bytes) -> str:
    """Compressed and as base64: nothing in it can be taken for HTML."""
    return base64.b64encode(zlib.compress(content, 4)).decode()
