"""The page that shows a trace, in a browser: what a reader does, and what the page then says. Nothing may
appear on the console, and nothing be loaded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from chromium import Chromium, find_chromium
from replibank.report import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Set where the browser must be there: these tests then fail rather than be skipped.
REQUIRED = "REPLIBANK_REPORT_TESTS"
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"


@pytest.fixture
def browser() -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        if REQUIRED in os.environ:
            pytest.fail(f"chromium is not here, and {REQUIRED} says that it must be")
        pytest.skip("chromium is not here: the report's page is not tried in a browser")
    with Chromium(program) as browser:
        yield browser
        assert browser.errors == []
        # Files of ours, and the icon that the page itself holds.
        assert [url for url in browser.requests if not url.startswith(("file:", "data:,", "about:"))] == []


def place(browser: Chromium, row: int) -> tuple[float, float]:
    """Where a row's mark is on the screen, once the window shows it well apart from others."""
    browser.run(
        f"(() => {{ const {{ view, model }} = replibank; const time = model.trace.time[{row}];"
        " view.window(time - 200, time + 200); replibank.moved(); })()"
    )
    browser.settle()
    x, y = browser.run(
        "(() => { const box = document.getElementById('diagram').getBoundingClientRect();"
        f" const {{ view, model }} = replibank; return [box.left + view.x(model.trace.time[{row}]),"
        f" box.top + view.y(model.trace.lane[{row}])]; }})()"
    )
    return x, y


def text(browser: Chromium, selector: str) -> str:
    found: str = browser.run(f"document.querySelector({selector!r}).innerText")
    return found


def test_hostile_texts_stay_texts(browser: Chromium, tmp_path: Path) -> None:
    header = {"branches": [1, 2], "accounts": {"0": 1}, "links": [[1, 2]], "lost": 2, "source": HOSTILE}
    event = {"branch": 1, "account": 0, "amount": 1, "balance": 1, "known": 0}
    rows = [
        {"time_us": 0, "event": "refused", "reason": HOSTILE, "client": HOSTILE, **event},
        {"time_us": 9, "event": HOSTILE, "origin": HOSTILE, "sequence_through": 1, **event},
        {"time_us": 10, "event": "dropping", "reason": HOSTILE, "branch": 2},
    ]
    file = tmp_path / "report.html"
    file.write_text(page(header, rows, title=HOSTILE))
    browser.open(file)
    for row in range(3):
        browser.run(f"replibank.select({row})")
        browser.settle()
        assert HOSTILE in text(browser, "#event")
    x, y = place(browser, 0)
    browser.move(x, y)
    browser.settle()
    assert HOSTILE in text(browser, "#tip")
    assert HOSTILE in text(browser, "h1")
    assert "2 events found no room" in text(browser, "#warning")
    assert browser.run("typeof window.broken") == "undefined"
    assert browser.run("document.querySelectorAll('img').length") == 0


def test_an_empty_trace_says_so(browser: Chromium, tmp_path: Path) -> None:
    header = {"branches": [1, 2], "accounts": {"0": 1}, "links": [[1, 2]], "lost": 0, "source": "bank"}
    file = tmp_path / "report.html"
    file.write_text(page(header, []))
    browser.open(file)
    assert text(browser, "#warning") == "The trace is empty."
    browser.click(600, 400)
    browser.click(600, 110)
    browser.press("n")
    browser.press(" ", " ")
    browser.press("+", "+")
    browser.settle()
