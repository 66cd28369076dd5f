"""Traces of live banks and simulations, in the forms that notebooks want them in."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import psutil
import pytest
import replibank
from replibank import trace as trace_package
from replibank._base.files import INPUT_BYTES_MAX, read_input
from replibank.bank.launch import Propagation

INTEGERS = [
    *("peer", "message_id", "operations", "bytes", "sequence_from", "sequence_through"),
    *("account", "amount", "balance", "known", "request", "waited_us"),
]
DTYPES = {
    **dict.fromkeys(["time_us", "branch", "clock", "ticks"], "int64"),
    **dict.fromkeys(INTEGERS, "Int64"),
    **dict.fromkeys(["event", "message", "origin"], "category"),
    **dict.fromkeys(["client", "reason"], "string"),
}

OPENING = 400


def simulated() -> replibank.Trace:
    return replibank.simulate(seed=5, branches=4, operations=150, accounts=3, trace=True).trace


def live(
    propagation: Propagation, processes: bool = False
) -> tuple[replibank.Trace, dict[int, replibank.Version]]:
    with replibank.Bank(
        dict.fromkeys(range(1, 5), OPENING),
        accounts={7: 20},
        propagation=propagation,
        processes=processes,
        trace=True,
    ) as bank:
        for branch in bank.branches:
            customer = bank.customer(branch)
            customer.deposit(10)
            customer.execute([replibank.Deposit(1, account=7), replibank.Withdraw(1)] * 20)
            customer.deposit(5, concern="all")
            customer.query()
            with pytest.raises(replibank.InsufficientFunds):
                customer.withdraw(10**9)
            with pytest.raises(replibank.UnknownAccount):
                customer.query(account=3)
        bank.wait_until_converged()
        versions = bank.versions()
    return bank.trace(), versions


def holds_its_laws(rows: list[dict[str, Any]], gone: frozenset[int] = frozenset()) -> None:
    """Clocks grow, receipts follow their sendings, balances and versions follow from the rows before.
    Of the branches `gone`, a life is lost, and what it sent has no sending.
    """
    clocks: dict[int, int] = {}
    sent: dict[int, dict[str, Any]] = {}
    received: dict[int, dict[str, Any]] = {}
    balances: dict[tuple[int, int], int] = {}
    for row in rows:
        branch = row["branch"]
        assert row["clock"] >= clocks.get(branch, 0) + row["ticks"] >= 1
        clocks[branch] = row["clock"]
        if row["event"] == "sent":
            assert row["message_id"] not in sent
            sent[row["message_id"]] = row
        elif row["event"] == "received":
            received[row["message_id"]] = row
            if row["message_id"] not in sent and row["peer"] in gone:
                continue
            before = sent[row["message_id"]]
            assert (before["branch"], before["peer"]) == (row["peer"], branch)
            for name in ("message", "operations", "bytes", "origin", "sequence_from", "sequence_through"):
                assert before[name] == row[name]
            assert before["clock"] <= row["clock"] - row["ticks"]
            assert before["time_us"] <= row["time_us"]
        elif row["event"] == "restarted":
            balances = {place: balance for place, balance in balances.items() if place[0] != branch}
        elif row["event"] in ("deposit", "withdraw", "joined", "recovered"):
            place = (branch, row["account"])
            opening = OPENING if row["account"] == 0 else 20
            change = -row["amount"] if row["event"] == "withdraw" else row["amount"]
            balances[place] = balances.get(place, opening) + change
            assert balances[place] == row["balance"]
            assert sum(row["version"].to_dict().values()) == row["known"]
            if row["event"] == "joined":
                assert received[row["message_id"]]["branch"] == branch


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
@pytest.mark.parametrize("propagation", ["stream", "unary"])
def test_a_live_bank_tells_what_happened(propagation: Propagation, processes: bool) -> None:
    trace, versions = live(propagation, processes)
    rows = trace.to_dicts(versions=True)
    holds_its_laws(rows)
    assert trace.lost == 0
    assert trace.source == "bank"
    assert trace.versions() == versions
    events = [row["event"] for row in rows]
    assert (events.count("deposit"), events.count("withdraw")) == (4 * 22, 4 * 20)
    # A bank of processes asks each branch itself whether it has everything.
    assert (events.count("query"), events.count("refused")) == (8 if processes else 4, 8)
    operations = [row for row in rows if row["event"] in ("deposit", "withdraw", "query", "refused")]
    assert all(row["waited_us"] is not None for row in operations)
    assert all(len(row["client"]) == 16 for row in rows if row["event"] == "deposit")
    kinds = {row["message"] for row in rows if row["message"]}
    assert kinds == (
        {"call", "acknowledgement"} if propagation == "unary" else {"greeting", "update", "acknowledgement"}
    )
    assert all(row["bytes"] is not None for row in rows if row["event"] in ("sent", "received"))
    reasons = {row["reason"] for row in rows if row["event"] == "refused"}
    assert any("insufficient funds" in reason for reason in reasons)


def lists_what_they_have(trace: replibank.Trace, versions: dict[int, replibank.Version]) -> None:
    """A trace lists every page, a version only those that no later life stands on."""
    told = trace.versions()
    assert told.keys() == versions.keys()
    assert all(told[branch] >= version for branch, version in versions.items())


def test_a_bank_that_restarts_goes_on_with_one_clock(tmp_path: Path) -> None:
    for data_dir in (None, tmp_path):
        with replibank.Bank({1: OPENING, 2: OPENING, 3: OPENING}, trace=True, data_dir=data_dir) as bank:
            bank.customer(2).deposit(3, concern="all")
            bank.kill(2)
            bank.customer(1).deposit(4)
            bank.restart(2)
            bank.customer(2).deposit(5)
            bank.wait_until_converged()
            versions = bank.versions()
            trace = bank.trace()
        rows = [row for row in trace.to_dicts() if row["branch"] == 2]
        clocks = [row["clock"] for row in rows]
        assert clocks == sorted(set(clocks))
        events = [row["event"] for row in rows]
        restart = events.index("restarted")
        assert events.index("killed") < restart
        assert rows[restart]["reason"] == ("without its data" if data_dir is None else "with its data")
        assert events[restart + 1 :].count("recovered") == (0 if data_dir is None else 1)
        lists_what_they_have(trace, versions)


def test_child_processes_hand_over_their_rows_at_any_moment() -> None:
    branches = dict.fromkeys((1, 2, 3), OPENING)
    with replibank.Bank(branches, processes=True, trace=True) as bank:
        customers = [bank.customer(branch) for branch in bank.branches]
        seen = [bank.trace()]
        with ThreadPoolExecutor() as pool:
            # More rows than a line has.
            busy = [pool.submit(customer.execute, [replibank.Deposit(1)] * 3_000) for customer in customers]
            while not all(work.done() for work in busy):
                seen.append(bank.trace())
        bank.wait_until_converged()
        with bank.partition([1], [2, 3]), bank.pause(3):
            pass
        bank.wait_until_converged()
        versions, whole = bank.versions(), bank.trace()
    for trace in [*seen, whole, bank.trace()]:
        assert trace.lost == 0
        holds_its_laws(trace.to_dicts(versions=True))
    assert [len(trace) for trace in seen] == sorted(len(trace) for trace in seen)
    assert whole.versions() == bank.trace().versions() == versions
    rows = whole.to_dicts()
    assert [row["event"] for row in rows].count("deposit") == 9_000
    faults = {(row["branch"], row["event"], row["peer"]) for row in rows}
    assert {
        (1, "cut", 3),
        (3, "cut", 1),
        (1, "mended", 2),
        (3, "paused", None),
        (3, "resumed", None),
    } <= faults
    assert replibank.Trace.read(whole.to_jsonl()).to_dicts() == rows


@pytest.mark.parametrize("keeps_data", [False, True])
def test_a_process_that_is_killed_takes_its_rows_with_it(keeps_data: bool, tmp_path: Path) -> None:
    branches = dict.fromkeys((1, 2, 3), OPENING)
    data_dir = tmp_path if keeps_data else None
    with replibank.Bank(branches, processes=True, trace=True, data_dir=data_dir) as bank:
        bank.customer(2).deposit(3, concern="all")
        for amount in (4, 5):
            bank.kill(2)
            bank.customer(1).deposit(amount, concern="majority")
            bank.restart(2)
            bank.wait_until_converged()
        bank.customer(2).deposit(6, concern="all")
        bank.wait_until_converged()
        versions, trace = bank.versions(), bank.trace()
    assert bank.trace().versions() == trace.versions()
    lists_what_they_have(trace, versions)
    rows = trace.to_dicts(versions=True)
    holds_its_laws(rows, gone=frozenset({2}))
    own = [row for row in rows if row["branch"] == 2]
    assert [row["event"] for row in own[:4]] == ["killed", "restarted"] * 2
    assert all(
        row["reason"] == "kill -9: the rows of this life are lost with its process"
        for row in own
        if row["event"] == "killed"
    )
    assert own[1]["reason"] == ("with its data" if keeps_data else "without its data")
    assert ("recovered" in {row["event"] for row in own}) == keeps_data
    # Above what the peers had heard from the lives before, and under other names.
    heard = [row for row in rows if row["event"] == "received" and row["peer"] == 2]
    sent = {row["message_id"] for row in own if row["event"] == "sent"}
    before = [row for row in heard if row["time_us"] < own[0]["time_us"]]
    assert before
    assert not sent & {row["message_id"] for row in before}
    assert own[3]["clock"] > max(row["clock"] for row in before)


def test_a_process_that_ended_by_itself_is_missed_in_the_trace(
    wait_until: Callable[..., None], has_ended: Callable[[psutil.Process], bool]
) -> None:
    with replibank.Bank({1: OPENING, 2: OPENING}, processes=True, trace=True) as bank:
        bank.customer(1).deposit(1, concern="all")
        victim = next(
            child
            for child in psutil.Process().children()
            if bank.addresses[2] in {f"{c.laddr.ip}:{c.laddr.port}" for c in child.net_connections("tcp")}
        )
        victim.kill()
        wait_until(lambda: has_ended(victim), "its end")
        trace, again = bank.trace(), bank.trace()
    for rows in (
        trace.to_dicts(versions=True),
        again.to_dicts(versions=True),
        bank.trace().to_dicts(versions=True),
    ):
        holds_its_laws(rows, gone=frozenset({2}))
        (left,) = [row for row in rows if row["branch"] == 2]
        assert left["event"] == "killed"
        assert "its process ended (signal: 9" in left["reason"]
        assert left["reason"].endswith("the rows of this life are lost with its process")


def test_a_process_that_is_paused_cannot_hand_over_its_rows() -> None:
    with replibank.Bank({1: OPENING, 2: OPENING}, processes=True, trace=True) as bank:
        bank.customer(2).deposit(1, concern="all")
        with bank.pause(2), pytest.raises(replibank.DeadlineExceeded, match="branch 2 is paused"):
            bank.trace()
        assert "resumed" in [row["event"] for row in bank.trace().to_dicts()]
        bank.pause(2)
    # At its end, everybody goes on.
    rows = bank.trace().to_dicts()
    assert [row["event"] for row in rows if row["event"] in ("paused", "resumed", "deposit")] == [
        *("deposit", "paused", "resumed", "paused")
    ]


def test_whoever_gives_up_a_trace_of_processes_leaves_nothing_half_asked() -> None:
    async def main() -> replibank.Trace:
        async with replibank.AsyncBank({1: OPENING, 2: OPENING}, processes=True, trace=True) as bank:
            await (await bank.customer(1)).execute([replibank.Deposit(1)] * 5_000)
            for seconds in (0.0, 0.001, 0.01, 0.03):
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(bank.trace(), seconds)
            await bank.wait_until_converged()
            return await bank.trace()

    rows = asyncio.run(main()).to_dicts(versions=True)
    holds_its_laws(rows)
    assert [row["event"] for row in rows].count("deposit") == 5_000


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
def test_a_trace_that_is_full_counts_what_it_loses(processes: bool) -> None:
    with replibank.Bank({1: OPENING, 2: OPENING}, trace=10, processes=processes) as bank:
        bank.customer(1).execute([replibank.Deposit(1)] * 50)
        trace = bank.trace()
    assert len(trace) <= 10
    assert trace.lost >= 40
    assert f"{trace.lost:,} more found no room" in repr(trace)
    assert f"{trace.lost:,} more found no room" in trace._repr_html_()


def test_without_being_asked_nobody_keeps_a_trace() -> None:
    with replibank.Bank({1: OPENING}) as bank, pytest.raises(replibank.ConfigError, match="trace=True"):
        bank.trace()
    for trace, error in (("yes", TypeError), (0.5, TypeError), (0, ValueError), (-1, ValueError)):
        with pytest.raises(error, match="is not right"):
            replibank.Bank({1: OPENING}, trace=trace)  # type: ignore[arg-type]


def test_asyncio_has_the_same() -> None:
    async def main() -> replibank.Trace:
        async with replibank.AsyncBank({1: OPENING, 2: OPENING}, trace=True) as bank:
            async with await bank.customer(1) as customer:
                await customer.deposit(1)
            await bank.wait_until_converged()
            assert len(await bank.trace()) > 0
        return await bank.trace()

    assert [row["event"] for row in asyncio.run(main()).to_dicts()].count("deposit") == 1


def test_pandas_has_the_documented_types() -> None:
    for trace in (simulated(), live("stream")[0]):
        frame = trace.to_pandas()
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES
        cells = frame.astype(object).where(frame.notna(), None).to_dict("records")
        assert cells == trace.to_dicts()


def test_arrow_has_the_same_cells() -> None:
    for trace in (simulated(), live("unary")[0]):
        frame = pl.DataFrame(trace)
        assert frame.schema["clock"] == pl.UInt64
        assert frame.schema["balance"] == pl.Int64
        assert frame.schema["peer"] == pl.UInt32
        assert frame.to_dicts() == trace.to_dicts()


def test_an_empty_trace_has_every_form() -> None:
    header = '{"trace":{"branches":[1],"accounts":{"0":4},"links":[],"lost":3,"source":"bank"}}\n'
    trace = replibank.Trace.read(header)
    assert trace.to_jsonl() == header
    assert trace.to_dicts() == []
    assert {name: str(dtype) for name, dtype in trace.to_pandas().dtypes.items()} == DTYPES
    assert pl.DataFrame(trace).shape == (0, len(DTYPES))
    assert repr(trace) == "<Trace of a bank: 1 branch, 0 rows, 3 more found no room>"


def test_json_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    for trace in (simulated(), live("stream")[0]):
        text = trace.to_jsonl()
        path = tmp_path / "trace.jsonl"
        path.write_text(text)
        assert replibank.read_trace(path).to_jsonl() == text
        again = replibank.Trace.read(text)
        assert again.to_jsonl() == text
        assert (again.branches, again.accounts, again.links) == (trace.branches, trace.accounts, trace.links)
        rows = [json.loads(line) for line in text.splitlines()[1:]]
        full = trace.to_dicts()
        assert rows == [{name: cell for name, cell in row.items() if cell is not None} for row in full]


def test_a_part_of_a_trace_knows_what_came_before() -> None:
    trace = simulated()
    middle = trace.to_dicts()[len(trace) // 2]["time_us"]
    first, second = trace[:middle], trace.window(middle)
    assert len(first) + len(second) == len(trace)
    assert first.versions() == trace.versions(middle - 1)
    assert second.versions() == trace.versions()
    assert replibank.Trace.read(second.to_jsonl()).versions(middle - 1) == trace.versions(middle - 1)
    assert second.to_dicts(versions=True) == trace.to_dicts(versions=True)[len(first) :]
    assert len(trace[5:5]) == len(trace[9:5]) == 0
    with pytest.raises(TypeError, match="is not right"):
        trace[3]  # type: ignore[index]
    with pytest.raises(ValueError, match="-1 is not right"):
        trace.window(-1)


def test_the_documentation_has_the_columns_that_there_are() -> None:
    frame = simulated().to_pandas()
    rows = [line.split("|") for line in str(trace_package.__doc__).splitlines() if line.startswith("| ")]
    told = [(name.strip(), kind.strip()) for _, names, kind, *_ in rows[1:] for name in names.split(",")]
    assert told == [(name, str(dtype)) for name, dtype in frame.dtypes.items()]
    says = {name.strip(): meaning for _, name, _, meaning, *_ in rows}
    for name in ("event", "message"):
        words = [word.strip() for word in says[name].replace(";", ",").split(",")]
        assert words == list(frame[name].cat.categories)


def test_shiviz_reads_the_log() -> None:
    trace = simulated()
    parser, empty, *log = trace.to_shiviz().splitlines()
    assert parser == r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"
    assert empty == ""
    assert len(log) == 2 * len(trace)
    own: dict[str, int] = {}
    for line in log[::2]:
        host, clock = line.split(" ", 1)
        entries = json.loads(clock)
        own[host] = own.get(host, 0) + 1
        assert entries[host] == own[host]
        assert all(entries[other] <= own[other] for other in entries)
    assert set(own) == {f"branch-{branch}" for branch in trace.branches}


HEADER = '{"trace":{"branches":[1,2],"accounts":{"0":400},"links":[[1,2]],"lost":0,"source":"bank"}}'
UP = '{"time_us":5,"branch":1,"event":"link-up","clock":1,"ticks":1,"peer":2}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], r'^line 1: \{"trace": .* is expected: '),
        (['{"bank":{}}'], r"^line 1: .*unknown field `bank`"),
        ([HEADER.replace("[[1,2]]", "[[1,3]]")], r"^line 1: branch 3 is none of the branches$"),
        ([HEADER, UP, "{"], r"^line 3: EOF while parsing an object \(column 1\)$"),
        ([HEADER, UP[:-1]], r"^line 2: EOF"),
        (
            [HEADER, UP.replace("link-up", "link-sideways")],
            r'^line 2: event "link-sideways" is unknown: give ',
        ),
        (
            [HEADER, UP.replace('"branch":1', '"branch":7')],
            r"^line 2: branch 7 is none of the branches",
        ),
        ([HEADER, UP.replace(',"peer":2', "")], r"^line 2: link-up needs peer$"),
        ([HEADER, UP.replace('"peer":2', '"peer":2,"bytes":3')], r"^line 2: link-up has no bytes$"),
        ([HEADER, UP.replace('"peer":2', '"peer":2,"colour":3')], r"^line 2: unknown field `colour`"),
        ([HEADER, UP, UP.replace('"time_us":5', '"time_us":4')], r"^line 3: time goes back from 5 to 4 us"),
        ([HEADER, UP, UP], r"^line 3: clock of branch 1 is 1 after 1 and 1 more ticks: it only grows$"),
        ([HEADER, UP.replace('"ticks":1', '"ticks":0')], r"^line 2: ticks is 0"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(replibank.InputError, match=message.replace("^", r"^.*trace\.jsonl: ", 1)):
        replibank.Trace.read(path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(b"\xff")
    with pytest.raises(replibank.InputError, match="not UTF-8"):
        replibank.read_trace(path)
    with pytest.raises(replibank.InputError, match="there is no such file"):
        replibank.read_trace(tmp_path / "nothing")


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
def test_a_run_keeps_its_trace_and_its_history(processes: bool, tmp_path: Path) -> None:
    records = [
        {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 70}]},
        {"id": 1, "type": "branch", "balance": 400},
        {"id": 2, "type": "branch", "balance": 400},
    ]
    result = replibank.run(records, trace=True, processes=processes)
    assert result.trace is not None
    assert result.history is not None
    assert replibank.check(result.history).operations == 1
    assert [row["balance"] for row in result.trace.to_dicts() if row["event"] == "joined"] == [470]
    without = replibank.run(records)
    assert (without.trace, without.history) == (None, None)

    names = ("input.json", "trace.jsonl", "history.jsonl", "output.json")
    given, written, history, output = (tmp_path / name for name in names)
    given.write_text(json.dumps(records))
    words = [
        sys.executable,
        "-m",
        "replibank",
        "run",
        str(given),
        "-o",
        str(output),
        "--history",
        str(history),
    ]
    words += ["--processes"] * processes + ["--trace"]
    done = subprocess.run([*words, str(written)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    trace = replibank.read_trace(written)
    assert [row["amount"] for row in trace.to_dicts() if row["event"] == "deposit"] == [70]
    verdict = replibank.check(history)
    assert (verdict.ok, verdict.operations) == (True, 1)
    for wrong in ("-", str(output), str(given), str(history), str(tmp_path / "no" / "where")):
        refused = subprocess.run([*words, wrong], capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 2, refused.stderr
        assert "--trace" in refused.stderr or "no" in refused.stderr


def test_a_hundred_thousand_rows_have_a_large_trace() -> None:
    """Not how long it takes, which benches/trace_cost.py measures: that it is whole."""
    actions = [replibank.Deposit(1)] * 100_000
    with replibank.Bank({1: 0}, trace=True) as bank:
        bank.customer(1).execute(actions)
        frame = bank.trace().to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["balance"].tolist() == list(range(1, 100_001))


def test_a_trace_may_be_larger_than_an_input(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    header = replibank.simulate(seed=7, branches=2, operations=5, trace=True).trace.window(0, 0).to_jsonl()
    # Blank lines are skipped, and quick to read.
    file.write_text(header + "\n" * (INPUT_BYTES_MAX + 1))
    assert len(replibank.Trace.read(file)) == 0
    with pytest.raises(replibank.InputError, match="more than 64 MiB, which no history needs"):
        read_input(file, "history")
