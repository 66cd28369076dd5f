"""The page that shows a trace: whole, harmless, and holding what the trace held. That it does what it
should in a browser is tested in test_report_browser.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import shutil
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from replibank.report import page
from replibank.report.bundle import PAGE, sources

HERE = Path(__file__).parent
LIMIT = 120
HEADER = {"branches": [1], "accounts": {"0": 1}, "links": [], "lost": 0, "source": "bank"}
ROWS = [{"time_us": 0, "branch": 1, "event": "query", "account": 0, "balance": 1, "known": 0}]
VOID = {"meta", "link", "input", "br"}
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>{{script}}<!--"


class Page(HTMLParser):
    """A page that is taken apart; fails where a browser would have to guess."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def data(self, name: str) -> bytes:
        """What a script element of data holds."""
        scripts = [attributes for tag, attributes in self.elements if tag == "script"]
        index = [attributes.get("id") for attributes in scripts].index(name)
        return zlib.decompress(base64.b64decode(self.texts["script"][index]))

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.data("facts"))
        return facts


def unpacked(read: Page) -> list[dict[str, Any]]:
    """The rows that a page holds, read by other means than the page's."""
    facts, content = read.facts, read.data("columns")
    rows: list[dict[str, Any]] = [{} for _ in range(facts["rows"])]
    offset = 0
    for column in facts["columns"]:
        letter, width = ("d", 8) if column["type"] == "f64" else ("i", 4)
        values = struct.unpack_from(f"<{len(rows)}{letter}", content, offset)
        offset += width * len(rows)
        total = 0
        for row, value in zip(rows, values, strict=True):
            if column["type"] == "code":
                if value >= 0:
                    row[column["name"]] = column["values"][value]
            elif column["differences"]:
                total += int(value)
                row[column["name"]] = total
            elif value != -(2**31) if letter == "i" else not math.isnan(value):
                row[column["name"]] = int(value)
    assert offset == len(content)
    return rows


def test_a_page_is_one_well_formed_file_that_loads_nothing() -> None:
    html = page(HEADER, ROWS, title="Monday & <Tuesday>")
    read = Page(html)
    assert "".join(read.texts["title"]) == "Monday & <Tuesday>"
    assert [attributes.get("id") for tag, attributes in read.elements if tag == "script"] == [
        "facts",
        "columns",
        None,
    ]
    for _, attributes in read.elements:
        assert "src" not in attributes
        assert attributes.get("href", "data:,") == "data:,"
        assert not any(name.startswith("on") for name in attributes)
    assert "://" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_allows_this_script_and_this_style_and_nothing_else() -> None:
    read = Page(page(HEADER, ROWS))
    policy = next(
        attributes["content"] for _, attributes in read.elements if attributes.get("http-equiv") is not None
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for text in (read.texts["style"][0], read.texts["script"][2]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_nulls_large_numbers_and_any_text_arrive_as_they_are() -> None:
    header = {"branches": [1], "accounts": {"0": 1}, "links": [], "lost": 3, "source": "bank"}
    rows = [
        {"time_us": 0, "branch": 1, "event": "refused", "amount": 2**48, "reason": HOSTILE},
        {"time_us": 5, "branch": 1, "event": "refused", "balance": -(2**52), "reason": "ß 漢 \u2028 \x00"},
        {"time_us": 2**40, "branch": 1, "event": "query", "request": 2**64 - 1, "known": -(2**31)},
    ]
    read = Page(page(header, rows))
    expected = [dict(row) for row in rows]
    expected[2]["request"] = str(2**64 - 1)
    assert unpacked(read) == expected
    assert read.facts["bank"]["lost"] == 3


def test_what_a_trace_says_cannot_become_html() -> None:
    header = {"branches": [1], "accounts": {"0": 1}, "links": [], "lost": 0, "source": HOSTILE}
    rows = [{"time_us": 0, "branch": 1, "event": HOSTILE, "reason": HOSTILE, "client": HOSTILE}]
    html = page(header, rows, title=HOSTILE)
    plain = page(header, [], title="plain")
    assert [tag for tag, _ in Page(html).elements] == [tag for tag, _ in Page(plain).elements]
    assert "window.broken" not in re.sub(r"<(title|h1)>[^<]*</\1>", "", html)


def test_an_empty_trace_has_a_page() -> None:
    header = {"branches": [1, 2], "accounts": {"0": 1}, "links": [[1, 2]], "lost": 0, "source": "bank"}
    assert unpacked(Page(page(header, []))) == []


def test_of_very_many_accounts_those_that_the_trace_is_about_are_kept() -> None:
    accounts = {str(account): 400 for account in range(20_000)}
    header = {"branches": [1], "accounts": accounts, "links": [], "lost": 0, "source": "bank"}
    rows = [{"time_us": 0, "branch": 1, "event": "query", "account": 17_000, "balance": 400}]
    assert Page(page(header, rows)).facts["bank"]["accounts"] == {"17000": 400}


def test_every_module_of_the_page_is_bundled_with_its_names() -> None:
    _, script = sources()
    modules = {path.stem for path in PAGE.glob("*.js")}
    assert set(re.findall(r"^const module_([a-z]+) = ", script, re.MULTILINE)) == modules
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    assert "</script" not in script
    assert "innerHTML" not in script


def test_modules_are_small_enough_to_read() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in PAGE.iterdir()}
    assert {name: length for name, length in lengths.items() if length > 450} == {}


@pytest.mark.skipif(
    shutil.which("node") is None and "REPLIBANK_REPORT_TESTS" not in os.environ,
    reason="node is not here: the logic of the report's page is not tested",
)
def test_logic_of_the_page() -> None:
    files = sorted(map(str, (HERE / "report").glob("*.test.mjs")))
    assert len(files) > 2
    done = subprocess.run(
        ["node", "--test", *files], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"^(?:#|ℹ) pass (\d+)$", done.stdout, re.MULTILINE)  # noqa: RUF001
    assert passed is not None
    assert int(passed[1]) >= 20
