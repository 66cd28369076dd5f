"""Histories of live banks, and plans that are played on them: the same checkers judge both."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import replibank

if TYPE_CHECKING:
    from pathlib import Path

BRANCHES = {1: 400, 2: 400, 3: 400}


def lines(history: str) -> list[dict]:
    return [json.loads(line) for line in history.splitlines()]


def events(history: str) -> list[str]:
    return [line["event"] for line in lines(history)[1:]]


@pytest.mark.parametrize("processes", [False, True])
def test_a_history_tells_what_customers_saw_and_ends_settled(processes: bool) -> None:
    with replibank.Bank(BRANCHES, accounts={7: 5}, processes=processes, trace=True) as bank:
        customer, other = bank.customer(1), bank.customer(3)
        receipt = customer.deposit(100, concern="all")
        with pytest.raises(replibank.InsufficientFunds):
            other.withdraw(6, account=7)
        assert other.read(at_least=receipt)[0] == 500
        customer.execute([replibank.Deposit(1), replibank.Query(), replibank.Withdraw(9, account=7)])
        bank.wait_until_converged()
        history = bank.history()
    assert lines(history)[0] == {"bank": {"branches": [1, 2, 3], "accounts": {"0": 400, "7": 5}}}
    assert events(history)[:6] == ["invoke", "ok", "invoke", "refused", "invoke", "ok"]
    assert events(history)[-3:] == ["final"] * 3
    verdict = replibank.check(history)
    assert verdict.ok
    assert verdict.operations == 6


@pytest.mark.parametrize("processes", [False, True])
def test_faults_leave_a_history_that_can_be_explained(processes: bool, tmp_path: Path) -> None:
    with replibank.Bank(BRANCHES, processes=processes, data_dir=tmp_path, trace=True) as bank:
        customers = [bank.customer(branch) for branch in bank.branches]
        with bank.partition([1], [2, 3]), bank.drop_requests(0.3):
            for customer in customers * 3:
                # A branch of a later life does not know whether a first try came before it.
                with suppress(replibank.RequestExpired):
                    customer.deposit(5, timeout=30)
                customer.query(timeout=30)
        with bank.pause(2), pytest.raises(replibank.DeadlineExceeded):
            customers[1].deposit(1000, timeout=0.1)
        assert "unknown" in events(bank.history())
        with bank.kill(3):
            customers[0].withdraw(3)
        with suppress(replibank.RequestExpired):
            customers[2].deposit(1, timeout=30)
        bank.wait_until_converged()
        history = bank.history()
    restarted = next(line for line in lines(history)[1:] if line["event"] == "restarted")
    assert (restarted["branch"], restarted["kept"]) == (3, True)
    assert events(history)[-3:] == ["final"] * 3
    assert replibank.check(history).ok


def test_a_wrong_balance_in_a_live_history_is_found() -> None:
    with replibank.Bank(BRANCHES, trace=True) as bank:
        bank.customer(1).deposit(100, concern="all")
        bank.customer(2).query()
        history = bank.history()
    told = next(line for line in history.splitlines() if '"ok"' in line and '"origin"' not in line)
    assert '"balance":500' in told
    wrong = history.replace(told, told.replace('"balance":500', '"balance":501'))
    verdict = replibank.check(wrong)
    assert not verdict.ok
    assert verdict.anomalies[0].kind == "impossible-read"
    assert "customer" in verdict.anomalies[0].text
    assert not replibank.check(history.replace('"balances":{"0":500}', '"balances":{"0":499}', 1)).ok


HEADER = '{"bank": {"branches": [1], "accounts": {"0": 400}}}'
ASKED = '{"at": 10, "event": "invoke", "id": 1, "client": 3, "branch": 1, "action": "query"}'


def test_a_history_in_which_nothing_was_answered_is_not_ok(tmp_path: Path) -> None:
    for text in (HEADER, f"{HEADER}\n{ASKED}"):
        verdict = replibank.check(text)
        assert (verdict.ok, verdict.broken, verdict.examined, verdict.answered) == (False, False, False, 0)
        assert str(verdict).endswith("nothing was examined: no operation was answered")
        assert "nothing was examined" in repr(verdict)
        assert "nothing was examined" in verdict._repr_html_()
        (tmp_path / "history.jsonl").write_text(text)
        told = command("check", "history", str(tmp_path / "history.jsonl"))
        assert (told.returncode, told.stderr.splitlines()[-1]) == (
            1,
            "verdict      nothing was examined: no operation was answered",
        )
        told = command("check", "history", str(tmp_path / "history.jsonl"), "--json")
        assert told.returncode == 1
        assert json.loads(told.stdout) | {"ok": False, "examined": False} == json.loads(told.stdout)


def test_a_verdict_says_how_much_it_rests_on() -> None:
    fault = '{"at": 5, "event": "fault", "fault": 1, "what": "the moon is full"}'
    answered = '{"at": 20, "event": "ok", "id": 1, "balance": 400}'
    verdict = replibank.check("\n".join([HEADER, fault, ASKED, answered]))
    assert verdict.ok
    assert (verdict.operations, verdict.answered, verdict.faults, verdict.answered_in_faults) == (1, 1, 1, 1)
    assert (verdict.unknown, verdict.settled, verdict.restarts) == (0, 0, 0)
    assert repr(verdict) == "<Verdict: ok, 0 anomalies, 1 of 1 operation answered, 1 in 1 fault>"
    assert "faults       1 fault, in which 1 operation was answered" in str(verdict)


def test_a_field_that_is_none_is_refused_with_its_line() -> None:
    with pytest.raises(replibank.InputError, match="line 2: unknown field `colour`"):
        replibank.check(f"{HEADER}\n" + ASKED.replace('"at"', '"colour": "red", "at"'))


def test_a_history_without_room_is_the_beginning_of_the_truth() -> None:
    with replibank.Bank({1: 400}, trace=10) as bank:
        customer = bank.customer(1)
        for _ in range(20):
            customer.deposit(1)
        with pytest.warns(RuntimeWarning, match="this history ends early: 30 later events found no room"):
            history = bank.history()
    assert len(events(history)) == 10
    assert replibank.check(history).ok


def test_a_bank_without_a_history_says_so(tmp_path: Path) -> None:
    with (
        replibank.Bank({1: 400}) as bank,
        pytest.raises(replibank.ConfigError, match="start it with a trace"),
    ):
        bank.history()
    for says in (None, "went on from a data directory with 1 operations"):
        with replibank.Bank({1: 400}, data_dir=tmp_path, trace=True) as bank:
            if says is None:
                bank.customer(1).deposit(1)
                assert replibank.check(bank.history()).ok
            else:
                with pytest.raises(replibank.ConfigError, match=says):
                    bank.history()


def test_async_banks_have_histories_too() -> None:
    async def main() -> str:
        async with replibank.AsyncBank(BRANCHES, trace=True) as bank:
            await (await bank.customer(1)).deposit(5, concern="all")
            return await bank.history()

    history = asyncio.run(main())
    assert events(history) == ["invoke", "ok", "final", "final", "final"]


#: Seeds whose plans between them have every kind of fault that a live bank can have.
SEEDS = range(20, 26)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("propagation", ["stream", "unary"])
def test_drawn_plans_are_played_and_break_no_promise(
    processes: bool, propagation: str, tmp_path: Path
) -> None:
    happened = set()
    for seed in SEEDS if not processes else list(SEEDS)[:3]:
        plan = replibank.simulate(
            seed=seed,
            branches=4,
            operations=150,
            duration=1.0,
            propagation=propagation,
            latency="500",
            durable=seed % 2 == 0,
            faults=["loss", "partition", "crash", "pause", "slow", "customers"],
        ).plan
        directory = tmp_path / str(seed)
        played = replibank.play(plan, processes=processes, data_dir=directory)
        assert played.ok, (seed, played.violations)
        assert events(played.history)[-4:] == ["final"] * 4
        assert played.trace is not None
        assert len(set(played.trace.versions().values())) == 1, "the settled end"
        happened |= set(events(played.history))
    # Whether anything is refused depends on what customers meet, and so on the machine.
    assert {"invoke", "ok", "restarted", "final"} <= happened


def test_what_cannot_be_played_is_said(tmp_path: Path) -> None:
    bug = replibank.simulate(seed=7, bug="retry-counts-twice").plan
    with pytest.raises(
        replibank.ConfigError, match="retry-counts-twice can be planted in the simulator only"
    ):
        replibank.play(bug)
    with pytest.raises(replibank.InputError, match=r"^this is no plan"):
        replibank.play("{}")
    with pytest.raises(replibank.InputError, match="there is no such file"):
        replibank.play(tmp_path / "nothing.json")
    with pytest.raises(ValueError, match="give one of them"):
        replibank.play("{}", seed=7)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replibank", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_plays_a_plan_and_keeps_what_was_seen(tmp_path: Path) -> None:
    plan, history, trace = (tmp_path / name for name in ("plan.json", "history.jsonl", "trace.jsonl"))
    plan.write_text(
        replibank.simulate(seed=3, branches=3, operations=60, duration=0.3, faults=["reorder", "pause"]).plan
    )
    done = command("play", str(plan), "--history", str(history), "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert "note         links are streams or calls: nothing is reordered" in done.stderr
    assert "seed         3\nbank         3 branches, 60 operations" in done.stderr
    assert replibank.check(history).ok
    assert len(replibank.Trace.read(trace)) > 100
    again = command("play", str(plan), "--processes", "--json", "--trace", str(trace))
    assert json.loads(again.stdout)["ok"] is True
    kinds = {row["event"] for row in replibank.Trace.read(trace).to_dicts()}
    assert {"deposit", "joined", "sent", "received", "paused", "resumed"} <= kinds
    assert len(list(tmp_path.iterdir())) == 3
    both = command("play", str(plan), "--seed", "7")
    assert (both.returncode, "give one of them" in both.stderr) == (2, True)
    same = command("play", str(plan), "--history", str(trace), "--trace", str(trace))
    assert (same.returncode, "is the trace too" in same.stderr) == (2, True)
    none = command("play", str(history))
    assert (none.returncode, none.stderr.startswith(f"error: {history}: ")) == (2, True), none.stderr
