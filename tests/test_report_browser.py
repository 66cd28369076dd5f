"""The page that shows a trace, in a browser: what a reader does, and what the page then says. Nothing may
appear on the console, and nothing be loaded.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
import replibank
from chromium import Chromium, find_chromium
from pages import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from replibank.trace import Trace

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


@pytest.fixture
def trace() -> Trace:
    return replibank.simulate(
        seed=11, branches=4, operations=120, faults=["partition", "crash", "loss"], trace=True
    ).trace


@pytest.fixture
def shown(browser: Chromium, trace: Trace, tmp_path: Path) -> Chromium:
    file = tmp_path / "report.html"
    file.write_text(trace.to_html(title="A test"))
    browser.open(file)
    return browser


def rows(browser: Chromium, condition: str) -> list[int]:
    """The rows for which an expression in `trace` and `row` holds."""
    found: list[int] = browser.run(
        "(() => { const { trace } = replibank.model;"
        f" return [...Array(trace.length).keys()].filter((row) => {condition}); }})()"
    )
    return found


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


def table(browser: Chromium) -> dict[str, list[str]]:
    """The cells of each branch's row: balance, what it knows, how far it is behind."""
    cells: dict[str, list[str]] = browser.run(
        "Object.fromEntries([...document.querySelectorAll('#branches tr[data-branch]')].map("
        "(row) => [row.dataset.branch, [...row.cells].slice(2).map((cell) => cell.innerText)]))"
    )
    return cells


def named(version: replibank.Version) -> dict[str, int]:
    """A version with its origins named as a trace names them."""
    return {
        ".".join(map(str, origin)) if isinstance(origin, tuple) else str(origin): sequence
        for origin, sequence in version.to_dict().items()
    }


def test_a_page_opens_and_says_what_it_shows(shown: Chromium, trace: Trace) -> None:
    assert f"4 branches, {len(trace):,} events" in text(shown, "#summary")
    assert text(shown, "h1") == "A test"
    assert set(table(shown)) == {"1", "2", "3", "4"}
    legend = set(text(shown, "#legend").split("\n"))
    assert {"deposit", "query", "lost message", "killed", "partition"} <= legend
    assert "slow" not in legend
    # Something is drawn, in more than one colour.
    for canvas in ("still", "series", "window", "moving"):
        colours = shown.run(
            f"(() => {{ const canvas = document.getElementById('{canvas}');"
            " const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
            " const seen = new Set(); for (let i = 0; i < data.length; i += 4)"
            " seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]); return seen.size; })()"
        )
        assert colours > 3, canvas


def test_a_click_on_an_event_shows_it_its_causes_and_every_branch(shown: Chromium, trace: Trace) -> None:
    row = rows(shown, "trace.event(row) === 'joined'")[-1]
    shown.click(*place(shown, row))
    selected = shown.run("replibank.selected")
    event = trace.to_dicts()[selected]
    assert event["branch"] == trace.to_dicts()[row]["branch"]
    assert text(shown, "#selected-title") == f"{event['event']} at branch {event['branch']}"
    shown.run(f"replibank.select({row})")
    shown.settle()
    steps = shown.run("[...document.querySelectorAll('.chain button')].map((step) => step.innerText)")
    assert "deposited" in steps[0] or "withdrew" in steps[0]
    assert "learned" in steps[-1]
    assert any("sent" in step for step in steps)
    # Each step is a button that goes there; so does the key.
    shown.press("c")
    received = f"replibank.model.messages.received[replibank.model.messages.ofRow[{row}]]"
    assert shown.run("replibank.selected") == shown.run(received)


def test_the_state_of_every_branch_is_that_of_the_trace(shown: Chromium, trace: Trace) -> None:
    events = trace.to_dicts()
    for row in range(0, len(trace), 37):
        if row + 1 < len(events) and events[row + 1]["time_us"] == events[row]["time_us"]:
            continue
        told = shown.run(
            f"replibank.model.trace.branches.map((branch, lane) => "
            f"[branch, Object.fromEntries(replibank.model.state.version(lane, {row}))])"
        )
        versions = trace.versions(events[row]["time_us"])
        assert dict(map(tuple, told)) == {branch: named(version) for branch, version in versions.items()}, row


def test_a_branch_shows_its_version(shown: Chromium, trace: Trace) -> None:
    shown.run("document.querySelector('#branches tr[data-branch=\\'3\\'] .name').click()")
    shown.settle()
    pairs = [pair.split(":") for pair in text(shown, "#branches tr.version:not([hidden])").split()]
    assert {origin: int(sequence) for origin, sequence in pairs} == named(trace.versions()[3])


def test_a_hidden_branch_is_gone_and_comes_back(shown: Chromium) -> None:
    box = "#branches tr[data-branch='2'] input"
    shown.run(f"document.querySelector({box!r}).click()")
    shown.settle()
    assert shown.run("replibank.view.lanes.length") == 3
    ends = "[replibank.model.messages.from[i], replibank.model.messages.to[i]]"
    drawn = f"replibank.drawn.messages.some((i) => {ends}.includes(1))"
    assert shown.run(drawn) is False
    shown.press("a")
    shown.settle()
    assert shown.run("replibank.view.lanes.length") == 4
    assert shown.run(f"document.querySelector({box!r}).checked") is True
    assert shown.run(drawn) is True


def test_search_finds_and_goes_from_one_to_the_next(shown: Chromium) -> None:
    expected = rows(shown, "trace.event(row) === 'deposit' && trace.number('branch', row) === 2")
    assert len(expected) > 1
    shown.press("/")
    shown.type("deposit branch:2")
    assert text(shown, "#hits") == f"{len(expected)} found"
    shown.press("Enter", "\r")
    assert shown.run("replibank.selected") == expected[0]
    shown.press("Enter", "\r")
    assert shown.run("replibank.selected") == expected[1]
    assert text(shown, "#hits") == f"2 of {len(expected)}"
    assert shown.run("document.activeElement.id") == "query"


def test_time_is_scrubbed_and_played(shown: Chromium, trace: Trace) -> None:
    arrived = "replibank.model.messages.received[replibank.model.messages.ofRow[row]] >= 0"
    sent = rows(shown, f"trace.event(row) === 'sent' && {arrived}")
    row = sent[len(sent) // 2]
    shown.run(
        "(() => { const slider = document.getElementById('time'); const { trace } = replibank.model;"
        f" slider.value = ((trace.time[{row}] + 1 - trace.start) / (trace.end - trace.start)) * 1e6;"
        " slider.dispatchEvent(new Event('input')); })()"
    )
    shown.settle()
    message = shown.run(f"replibank.model.messages.ofRow[{row}]")
    assert message in shown.run("replibank.model.messages.inFlight(replibank.time)")
    assert "message" in text(shown, "#flight-count")
    assert shown.run("document.querySelectorAll('#flight button').length") > 0
    shown.run("replibank.setTime(replibank.model.trace.start)")
    shown.settle()
    assert all(behind == "0" for _, _, behind in table(shown).values())
    # So slowly that the end is far, however slow the machine is.
    shown.run("document.getElementById('speed').value = '0.25'")
    shown.press(" ", " ")
    shown.wait_for("replibank.time > replibank.model.trace.start + 1000")
    shown.press(" ", " ")
    assert shown.run("replibank.playing") is False
    # The slider leaves the keys alone that it has no use for.
    shown.run("document.getElementById('time').focus()")
    shown.press("p")
    assert shown.run("replibank.selected") >= 0


def test_pointer_and_keys_move_the_window(shown: Chromium) -> None:
    span = "replibank.view.end - replibank.view.start"
    whole = shown.run(span)
    shown.wheel(600, 500, -400)
    shown.wait_for(f"{span} < {whole * 0.7}")
    zoomed = shown.run(span)
    start = shown.run("replibank.view.start")
    shown.drag((700, 500), (500, 500))
    moved = shown.run("replibank.view.start")
    assert moved > start
    shown.press("ArrowLeft")
    assert shown.run("replibank.view.start") < moved
    shown.press("+", "+")
    assert shown.run(span) < zoomed
    shown.press("0", "0")
    assert shown.run(span) == pytest.approx(whole)
    selected = []
    for key in "ppn":
        shown.press(key)
        selected.append(shown.run("replibank.selected"))
    assert selected[1] < selected[0] == selected[2]
    shown.press("?")
    assert shown.run("document.getElementById('help').open") is True
    shown.press("Escape")
    shown.wait_for("!document.getElementById('help').open")


def test_a_fault_is_explained_above_the_lanes(shown: Chromium) -> None:
    x, y, row = shown.run(
        "(() => { const { view, packed } = replibank; const { group, row } = packed[0];"
        " const box = document.getElementById('diagram').getBoundingClientRect();"
        " return [box.left + view.x((group.start + group.end) / 2), box.top + 22 + 17 * row + 7,"
        " group.spans[0].row]; })()"
    )
    shown.move(x, y)
    shown.settle()
    assert shown.run("replibank.packed[0].group.text") in text(shown, "#tip")
    shown.click(x, y)
    assert shown.run("replibank.selected") == row
    assert "lasts" in text(shown, "#event")


def test_before_and_after_are_dimmed_apart(shown: Chromium) -> None:
    shown.run("replibank.select(replibank.model.trace.length >> 1)")
    shown.press("b")
    assert shown.run("Boolean(replibank.cone)") is True
    assert shown.run("document.getElementById('cone').getAttribute('aria-pressed')") == "true"
    shown.press("Escape")
    assert shown.run("replibank.cone") is None


def test_a_verdict_is_listed_and_jumped_to(browser: Chromium, tmp_path: Path) -> None:
    run = replibank.simulate(seed=7, bug="retry-counts-twice", trace=True)
    file = tmp_path / "report.html"
    file.write_text(run.trace.to_html(run.history))
    browser.open(file)
    assert text(browser, "#verdict-text") == "broken: something happened that must never happen"
    assert browser.run("document.querySelectorAll('#anomalies li').length") == len(run.verdict.anomalies)
    assert run.verdict.anomalies[0].text in text(browser, "#anomalies").replace("\n", " ")
    browser.run("document.querySelector('#anomalies button').click()")
    assert browser.run("replibank.selected") == browser.run("replibank.anomalies[0].row")
    assert browser.run("replibank.view.end - replibank.view.start") < browser.run("replibank.model.trace.end")


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
    assert text(browser, "#legend") == ""
    browser.click(600, 400)
    browser.click(600, 110)
    browser.press("n")
    browser.press(" ", " ")
    browser.press("+", "+")
    browser.settle()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (420, False)])
def test_a_screenshot_is_whole(
    browser: Chromium, trace: Trace, tmp_path: Path, width: int, dark: bool
) -> None:
    file, picture = tmp_path / "report.html", tmp_path / "report.png"
    file.write_text(trace.to_html())
    browser.open(file, width, 800, dark=dark)
    browser.screenshot(picture)
    # No part is wider than the window.
    assert browser.run("document.documentElement.scrollWidth") <= width
    corner, seen = pixels(picture)
    assert seen > 100
    assert all(channel < 60 for channel in corner) if dark else all(channel > 230 for channel in corner)


def pixels(picture: Path) -> tuple[tuple[int, ...], int]:
    """The last pixel of the first line of a PNG file, and how many different bytes its lines have."""
    content = picture.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    offset, packed, header = 8, b"", b""
    while offset < len(content):
        length, kind = struct.unpack_from(">I4s", content, offset)
        body = content[offset + 8 : offset + 8 + length]
        header = body if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        offset += 12 + length
    depth, colour = header[8], header[9]
    assert (depth, colour) in {(8, 2), (8, 6)}
    channels: Any = 3 if colour == 2 else 4
    lines = zlib.decompress(packed)
    # The first pixel of the first line is as it is under each of PNG's filters.
    return tuple(lines[1 : 1 + channels][:3]), len(set(lines[:200_000]))
