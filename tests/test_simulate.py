"""Simulations and histories, from Python and from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import replibank
from replibank._base.words import plural
from replibank.sim.plan import FAULTS

if TYPE_CHECKING:
    from pathlib import Path


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "replibank", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_seed_has_one_run_and_breaks_no_promise() -> None:
    runs = [replibank.simulate(seed=7, branches=4, operations=200, trace=True) for _ in range(2)]
    assert runs[0].ok
    assert runs[0].verdict.ok
    assert runs[0].history == runs[1].history
    assert runs[0].trace.to_jsonl() == runs[1].trace.to_jsonl()
    assert len(runs[0].trace) + 1 == len(runs[0].trace.to_jsonl().splitlines()) > 100
    assert runs[0].trace.lost == 0
    assert runs[0].counts["events"] > runs[0].counts["messages"] > 0
    assert replibank.check(runs[0].history).operations == 200


def test_without_a_seed_each_run_is_its_own() -> None:
    seeds = {replibank.simulate(operations=5, branches=2).seed for _ in range(5)}
    assert len(seeds) == 5


def test_a_planted_bug_is_seen_and_shrunk() -> None:
    run = replibank.simulate(seed=7, bug="retry-counts-twice")
    assert not run.ok
    assert run.violations[0][0] in {"impossible-read", "conservation"}
    small = run.shrink()
    assert small is not None
    assert not small.ok
    assert len(json.loads(small.plan)["operations"]) < 10
    again = replibank.simulate(plan=small.plan)
    assert again.violations == small.violations
    assert replibank.simulate(seed=7).shrink() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"branches": 1, "bug": "retry-counts-twice"}, r"^branches is 1: give 2 to 8000$"),
        ({"latency": "soon"}, r'^latency "soon" is not right: write microseconds, such as "2000"'),
        ({"latency": "5-2"}, r"^a latency from 5 to 2 us has no values$"),
        ({"topology": "star"}, r'^topology "star" is unknown: give '),
        ({"propagation": "rumour"}, r'^propagation "rumour" is unknown: give '),
        ({"concern": "some"}, r'^concern "some" is unknown: give '),
        ({"faults": ["fire"]}, r'^fault "fire" is unknown: give '),
        ({"bug": "typo"}, r'^bug "typo" is unknown: give '),
        ({"seed": None, "plan": "{}"}, r"^this is no plan: missing field `seed`"),
        ({"plan": "{}"}, r"^a plan and seed were given: give one of them$"),
        (
            {"plan": "{}", "branches": 3, "faults": []},
            r"^a plan, seed, branches and faults were given: give the plan or the others$",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replibank.simulate(**{"seed": 1, **arguments})  # type: ignore[arg-type]


def test_a_simulation_can_be_broken_off_and_lets_others_work() -> None:
    class EnoughError(Exception):
        pass

    counted = 0
    ended = threading.Event()

    def count() -> None:
        nonlocal counted
        while not ended.is_set():
            counted += 1

    def progress(done: int) -> None:
        if counted > 100_000 and done > 0:
            raise EnoughError

    other = threading.Thread(target=count)
    other.start()
    try:
        with pytest.raises(EnoughError):
            replibank.simulate(
                seed=1, branches=5, operations=2_000_000, faults=[], sessions=False, progress=progress
            )
    finally:
        ended.set()
        other.join()


def test_every_bug_has_a_story() -> None:
    bugs = replibank.bugs()
    assert len(bugs) >= 10
    assert all(len(story) > 20 for story in bugs.values())


def test_a_history_that_cannot_be_read_is_an_input_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"bank":{"branches":[1],"accounts":{"0":1}}}\n{"at":1,"event":"unknown","id":4}\n')
    with pytest.raises(
        replibank.InputError, match=r"wrong\.jsonl: line 2: id 4 is answered before it is invoked"
    ):
        replibank.check(wrong)
    with pytest.raises(replibank.InputError, match="there is no such file"):
        replibank.check(tmp_path / "nothing")
    wrong.write_bytes(b"\xff")
    with pytest.raises(replibank.InputError, match="not UTF-8"):
        replibank.check(wrong)


def test_the_command_simulates_keeps_and_checks(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("trace.jsonl", "history.jsonl", "plan.json")]
    done = command(
        "simulate",
        "--seed",
        "7",
        "--trace",
        files[0],
        "--history",
        files[1],
        "--save-plan",
        files[2],
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert all(len(json.loads(line)) >= 5 for line in (tmp_path / "trace.jsonl").read_text().splitlines()[1:])
    checked = command("check", "history", files[1])
    assert (checked.returncode, checked.stderr.splitlines()[-1]) == (
        0,
        "verdict      ok: no promise was broken",
    )
    assert command("simulate", "--plan", files[2], "--history", str(tmp_path / "again")).returncode == 0
    assert (tmp_path / "again").read_text() == (tmp_path / "history.jsonl").read_text()


def test_the_command_says_how_to_see_a_failure_again(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    failed = command("simulate", "--seed", "7", "--bug", "retry-counts-twice", "--save-plan", str(plan))
    assert failed.returncode == 1
    assert "to see it    replibank simulate --seed 7 --bug retry-counts-twice\n" in failed.stderr
    assert "shrunk to" in failed.stderr
    assert max(map(len, failed.stderr.splitlines())) <= 80
    again = command("simulate", "--plan", str(plan))
    assert again.returncode == 1
    assert "violation    " in again.stderr


def test_a_failure_is_told_as_a_story() -> None:
    failed = command("simulate", "--seed", "7", "--bug", "absolute-balance")
    lines = failed.stderr.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("planted", "seen in", "not here", "violation", "to see it", "shrunk to", "which shows"):
        assert any(line.startswith(f"{name:<13}") for line in lines), name
    told = [line for line in lines if re.match(r" *[\d,]+\.\d ms  ", line)]
    assert any(re.search(r"customer \d+ deposits \d+ at branch \d", line) for line in told)
    assert any(line.startswith(" at the end  ") for line in lines)


def test_a_bug_without_a_seed_is_looked_for_until_it_shows() -> None:
    failed = command("simulate", "--bug", "rejudged-withdrawal")
    assert failed.returncode == 1, failed.stderr
    again = re.search(
        r"to see it    replibank (simulate --seed \d+ --bug rejudged-withdrawal)\n", failed.stderr
    )
    assert again, failed.stderr
    assert command(*again[1].split()).returncode == 1


def test_a_table_of_regions_is_a_latency() -> None:
    far = replibank.simulate(seed=3, branches=2, faults=[], latency="[[500, 90000], [90000, 500]]")
    near = replibank.simulate(seed=3, branches=2, faults=[], latency="[[500, 900], [900, 500]]")
    assert far.ok
    assert near.ok
    assert json.loads(far.plan)["network"]["latency"] == {"regions": [[500, 90000], [90000, 500]]}
    with pytest.raises(ValueError, match="as many columns as rows"):
        replibank.simulate(latency="[[1, 2]]")


def test_several_seeds_and_the_list_of_bugs() -> None:
    done = command("simulate", "--seeds", "20", "--branches", "3", "--fault", "crash")
    assert done.returncode == 0, done.stderr
    assert re.search(r"seeds        20, from \d+ on\n", done.stderr)
    listed = command("simulate", "--bug", "list")
    assert set(replibank.bugs()) <= set(listed.stdout.splitlines())
    assert command("simulate", "--bug", "typo").returncode == 2


def refusal(*words: str) -> str:
    """What a command that must be refused says."""
    done = command("simulate", *words)
    assert (done.returncode, done.stdout) == (2, ""), done
    return done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--seed", "1"),
        ("--seeds", "1"),
        ("--branches", "3"),
        ("--operations", "5"),
        ("--latency", "2000"),
        ("--propagation", "stream"),
        ("--topology", "mesh"),
        ("--fault", "crash"),
        ("--bug", "list"),
    ],
    ids=lambda words: words[0],
)
def test_a_plan_stands_alone(tmp_path: Path, words: tuple[str, str]) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(replibank.simulate(seed=7, branches=2, operations=5).plan)
    told = refusal("--plan", str(plan), *words)
    assert f"a plan and {words[0]} were given: give one of them" in told


def test_all_that_was_given_beside_a_plan_is_named() -> None:
    told = refusal("--plan", "plan.json", "--seed", "1", "--bug", "typo", "--fault", "crash")
    assert "a plan, --seed, --fault and --bug were given: give the plan or the others" in told


@pytest.mark.parametrize("option", ["--trace", "--history", "--save-plan"])
def test_files_are_of_one_seed(tmp_path: Path, option: str) -> None:
    file = tmp_path / "file"
    told = refusal("--seed", "7", "--seeds", "2", option, str(file))
    assert f"{option} holds one run, and --seeds is 2: give one of them" in told
    assert not file.exists()


def test_each_output_is_a_file_of_its_own(tmp_path: Path) -> None:
    plan, file = tmp_path / "plan.json", tmp_path / "file"
    plan.write_text(replibank.simulate(seed=7, branches=2, operations=5).plan)
    told = refusal("--seed", "7", "--trace", str(file), "--history", f"{tmp_path}/./file")
    assert "is the trace too: name another file for --history" in told
    told = refusal("--seed", "7", "--history", str(file), "--save-plan", str(file))
    assert "is the history too: name another file for --save-plan" in told
    told = refusal("--plan", str(plan), "--trace", str(plan))
    assert "is the input: name another file for --trace" in told
    assert not file.exists()


def test_what_is_no_plan_is_told_with_its_file(tmp_path: Path) -> None:
    wrong = tmp_path / "input.json"
    wrong.write_text('{"customers": []}')
    assert refusal("--plan", str(wrong)) == (
        f"error: {wrong}: this is no plan: unknown field `customers` at line 1 column 12; "
        "--save-plan writes such a file\n"
    )
    plan = json.loads(replibank.simulate(seed=7, branches=2, operations=5).plan)
    wrong.write_text(json.dumps({**plan, "branches": 0}))
    assert f"{wrong}: branches is 0: give 1 to 8000" in refusal("--plan", str(wrong))


def test_seeds_do_not_count_past_the_last() -> None:
    last = str(2**64 - 1)
    assert f"2 seeds from {last} on go past the last, {last}" in refusal("--seed", last, "--seeds", "2")
    done = command("simulate", "--seed", last, "--branches", "2", "--operations", "5")
    assert done.returncode == 0, done.stderr


def test_the_help_says_what_can_be_given() -> None:
    told = " ".join(command("simulate", "--help").stdout.split())
    kinds = " ".join([f"{kind}," for kind in FAULTS[:-2]] + [FAULTS[-2], "or", FAULTS[-1]])
    # (A long word may be broken at its hyphen.)
    assert f"A kind of fault: {kinds}" in told.replace("- ", "-")
    assert "[1<=x<=8000]" in told
    assert "[1<=x<=100000000]" in told
    with pytest.raises(ValueError, match=kinds.replace(", or", " or")):
        replibank.simulate(faults=["fire"])


def test_a_crash_counts_once_among_what_was_met() -> None:
    counts = replibank.simulate(seed=7, branches=3, faults=["crash"]).counts
    assert counts["crashes"] > 0
    said = command("simulate", "--seed", "7", "--branches", "3", "--fault", "crash").stderr
    [met] = [line for line in said.splitlines() if line.startswith("met          ")]
    assert met.endswith(f", with {plural(counts['faults'], 'fault')}")
    assert plural(counts["breaks"], "broken link") in met
    assert "crash" not in met
