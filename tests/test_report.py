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
import sys
import threading
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import replibank
from pages import page
from replibank.plot import canvas, strip
from replibank.report.bundle import PAGE, sources
from replibank.trace import Trace

HERE = Path(__file__).parent
LIMIT = 120
VOID = {"meta", "link", "input", "br"}
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>{{script}}<!--"


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replibank", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


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


def simulated(**options: Any) -> Trace:
    return replibank.simulate(seed=7, branches=4, operations=200, trace=True, **options).trace


def rows_of(trace: Trace) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.to_jsonl().splitlines()[1:]]


def test_a_page_is_one_well_formed_file_that_loads_nothing() -> None:
    html = simulated().to_html(title="Monday & <Tuesday>")
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
    read = Page(simulated().to_html())
    policy = next(
        attributes["content"] for _, attributes in read.elements if attributes.get("http-equiv") is not None
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for text in (read.texts["style"][0], read.texts["script"][2]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_a_page_holds_every_row_of_its_trace() -> None:
    trace = simulated(faults=["crash", "partition", "pause"])
    read = Page(trace.to_html())
    rows = rows_of(trace)
    assert read.facts["rows"] == len(trace) == len(rows) > 500
    assert {row["event"] for row in rows} >= {"sent", "received", "joined", "killed", "deposit"}
    expected = [{key: str(v) if key == "client" else v for key, v in row.items()} for row in rows]
    assert unpacked(read) == expected
    assert read.facts["bank"]["branches"] == [1, 2, 3, 4]


def test_the_page_and_the_pictures_tell_the_same_faults_in_the_same_colours() -> None:
    trace = simulated(faults=["crash", "partition", "pause", "slow", "loss"])
    table = replibank.measures.faults(trace)
    told = [
        (fault["kind"], fault["text"], fault["start_us"]) for fault in Page(trace.to_html()).facts["faults"]
    ]
    assert told == list(table[["kind", "text", "start_us"]].itertuples(index=False, name=None))
    assert len(told) > 3
    light, dark = sources()[0].split("prefers-color-scheme: dark")
    for kind, name in strip.COLOURS.items():
        assert f"--{kind}: {canvas.LIGHT[name].lower()};" in light
        assert f"--{kind}: {canvas.DARK[name].lower()};" in dark


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


def test_a_live_bank_has_a_page() -> None:
    with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
        bank.customer(1).deposit(5)
        bank.wait_until_converged(timeout=5)
        bank.kill(2)
        bank.restart(2)
        bank.wait_until_converged(timeout=5)
        trace = bank.trace()
    read = Page(trace.to_html())
    assert {row["event"] for row in unpacked(read)} >= {"deposit", "sent", "received", "joined", "killed"}
    assert len(unpacked(read)) == len(trace)
    assert read.facts["bank"]["source"] == "bank"
    assert read.facts["verdict"] is None


def test_anomalies_know_their_rows() -> None:
    run = replibank.simulate(seed=7, bug="retry-counts-twice", trace=True)
    assert not run.verdict.ok
    read = Page(run.trace.to_html(run.history))
    verdict, rows = read.facts["verdict"], unpacked(read)
    assert verdict["ok"] is False
    assert len(verdict["anomalies"]) == len(run.verdict.anomalies) > 0
    for told, anomaly in zip(verdict["anomalies"], run.verdict.anomalies, strict=True):
        assert (told["kind"], told["text"]) == (anomaly.kind, anomaly.text)
        row = rows[told["row"]]
        assert anomaly.branch is None or row["branch"] == anomaly.branch
        assert row["time_us"] <= told["time_us"]


def test_a_history_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(replibank.InputError, match="line 1"):
        simulated().to_html("{}")


@pytest.mark.parametrize(
    ("bank", "told"),
    [
        ({"branches": [1, 2], "accounts": {"0": 400}}, "it has branches 1, 2; the trace has 1, 2, 3, 4"),
        (
            {"branches": [1, 2, 3, 4], "accounts": {"0": -1, "7": 5}},
            "it has accounts 0 with -1, 7 with 5; the trace has 0 with OPENING, no 7",
        ),
        ({"branches": [4, 3, 2, 1], "accounts": {}}, "it has accounts no 0; the trace has 0 with OPENING"),
    ],
)
def test_the_history_of_another_bank_is_refused(bank: dict[str, Any], told: str, tmp_path: Path) -> None:
    trace = simulated(accounts=1)
    told = told.replace("OPENING", str(trace.accounts[0]))
    history = "\n" + json.dumps({"bank": bank}) + "\n"
    with pytest.raises(replibank.InputError) as raised:
        trace.to_html(history)
    assert str(raised.value) == f"the history is not of this trace: {told}"
    (tmp_path / "trace.jsonl").write_text(trace.to_jsonl())
    (tmp_path / "history.jsonl").write_text(history)
    out = tmp_path / "out.html"
    done = command("report", tmp_path / "trace.jsonl", "-o", out, "--history", tmp_path / "history.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: the history is not of this trace: {told}\n"
    assert not out.exists()


def test_a_history_is_read_once_so_that_it_may_be_a_pipe(tmp_path: Path) -> None:
    run = replibank.simulate(seed=7, branches=3, operations=20, bug="absolute-balance", trace=True)
    pipe = tmp_path / "history"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(run.history))
    writer.start()
    facts = Page(run.trace.to_html(pipe)).facts
    writer.join()
    assert facts["verdict"] == Page(run.trace.to_html(run.history)).facts["verdict"]
    assert facts["verdict"]["anomalies"]


def test_the_history_of_a_part_and_of_a_live_bank_is_taken() -> None:
    run = replibank.simulate(seed=7, branches=3, operations=20, trace=True)
    assert Page(run.trace[:5_000].to_html(run.history)).facts["verdict"]["ok"] is True
    with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
        bank.customer(1).deposit(5)
        bank.wait_until_converged(timeout=5)
        history, trace = bank.history(), bank.trace()
    assert Page(trace.to_html(history)).facts["verdict"]["ok"] is True


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


def test_the_command_writes_a_page(tmp_path: Path) -> None:
    trace, history, output = (tmp_path / name for name in ("trace.jsonl", "history.jsonl", "report.html"))
    done = command("simulate", "--seed", "7", "--trace", trace, "--history", history)
    assert done.returncode == 0, done.stderr
    done = command("report", trace, "-o", output, "--history", history, "--title", "Seed 7")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    read = Page(output.read_text())
    assert "".join(read.texts["title"]) == "Seed 7"
    assert read.facts["rows"] == len(trace.read_text().splitlines()) - 1
    assert read.facts["verdict"]["ok"] is True
    assert f"{read.facts['rows']:,} events" in done.stderr
    assert str(output) in done.stderr
    done = command("report", trace, "-o", "-")
    assert (done.returncode, Page(done.stdout).facts["title"]) == (0, str(trace))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.jsonl", "-o", "out.html"], "missing.jsonl: there is no such file"),
        (["trace.jsonl"], "missing option '-o' / '--output'"),
        (["trace.jsonl", "-o", "nowhere/out.html"], "does not exist: make it"),
        (["trace.jsonl", "-o", "trace.jsonl"], "trace.jsonl is the input"),
        (["trace.jsonl", "-o", "history.jsonl", "--history", "history.jsonl"], "history.jsonl is the input"),
        (["wrong.jsonl", "-o", "out.html"], "line 2"),
        (["trace.jsonl", "-o", "out.html", "--history", "wrong.jsonl"], "wrong.jsonl: line 1"),
        (["trace.jsonl", "-o", "out.html", "--history", "none.jsonl"], "none.jsonl: there is no such file"),
    ],
)
def test_the_command_refuses_what_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = replibank.simulate(seed=7, branches=2, operations=5, trace=True)
    Path("trace.jsonl").write_text(run.trace.to_jsonl())
    Path("history.jsonl").write_text(run.history)
    Path("wrong.jsonl").write_text(run.trace.to_jsonl().splitlines()[0] + "\nnot JSON\n")
    done = command("report", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert not Path("out.html").exists()
