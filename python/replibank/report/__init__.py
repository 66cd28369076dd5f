"""The page that shows a trace: one HTML file, with an interactive space-time diagram, that needs no
network. `Trace.to_html` and `replibank report` make it; the sources of the page are in `page/`.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any

from .bundle import bundle
from .columns import Columns
from .verdict import verdict_facts

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

#: Accounts whose opening balances a page has; of more, it has those that the trace is about.
ACCOUNTS_MAX = 10_000


def page(
    header: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    history: str | os.PathLike[str] | None = None,
    title: str = "A bank's trace",
) -> str:
    """Makes the page.

    Args:
        header: The bank: what a trace's first JSON line says of it.
        rows: What happened, as dicts, in the order of time.
        history: What the customers asked and were told, as `replibank.check` takes it. The page then
            lists what is wrong with it.
        title: Stands above the page.

    Returns:
        The HTML.

    Raises:
        InputError: The history cannot be read, or is written wrongly.
    """
    columns = Columns(rows)
    accounts: Mapping[str, int] = header["accounts"]
    if len(accounts) > ACCOUNTS_MAX:
        named = {str(row["account"]) for row in rows if row.get("account") is not None}
        accounts = {account: opening for account, opening in accounts.items() if account in named}
    facts = {
        "title": title,
        "bank": {**header, "accounts": accounts},
        "rows": len(rows),
        "columns": columns.layout,
        "verdict": None if history is None else verdict_facts(history, rows),
    }
    return bundle(title, _packed(json.dumps(facts).encode()), _packed(columns.content))


def _packed(content: bytes) -> str:
    """Compressed and as base64: nothing in it can be taken for HTML."""
    return base64.b64encode(zlib.compress(content, 4)).decode()
