"""`run` on whole inputs, against an independent ledger, in every way a bank can run; and the files
around it: what is read, and that what is written is whole.
"""

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import replibank
from replibank._base import files

COURSE = Path(__file__).parent.parent / "examples" / "course"

SMALL: list[dict[str, Any]] = [
    {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 70}]},
    {
        "id": 2,
        "type": "customer",
        "events": [{"id": 2, "interface": "withdraw", "money": 471}, {"id": 3, "interface": "query"}],
    },
    {"id": 1, "type": "branch", "balance": 400},
    {"id": 2, "type": "branch", "balance": 400},
]

SMALL_OUTPUT = [
    {"id": 1, "recv": [{"interface": "deposit", "result": "success"}]},
    {"id": 2, "recv": [{"interface": "withdraw", "result": "fail"}, {"interface": "query", "balance": 470}]},
]

#: Runs a course's input in a process whose open files are limited, and prints what became of it.
LIMITED = """
    import json, resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
    import replibank
    try:
        result = replibank.run(sys.argv[3], propagation=sys.argv[4], processes=sys.argv[5] == "processes")
    except replibank.ConfigError as error:
        print("refused:", error)
    else:
        print(json.dumps(result.to_list()))
"""


@pytest.fixture(params=["stream", "unary"])
def propagation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
@pytest.mark.parametrize("branches", [50, 100])
def test_the_courses_inputs_give_exactly_the_right_output(
    branches: int, processes: bool, propagation: str, ledger: Callable[..., Any], repeat: int
) -> None:
    path = COURSE / f"input_{branches}x{branches}.json"
    records = json.loads(path.read_text())
    expected = ledger(records)
    for _ in range(repeat):
        result = replibank.run(path, propagation=propagation, processes=processes)  # type: ignore[arg-type]
        assert json.loads(result.output) == expected
        assert result.to_list() == expected
        assert result.correct
        final = expected[-1]["recv"][-1]["balance"]
        assert result.balances == dict.fromkeys([r["id"] for r in records if r["type"] == "branch"], final)


def test_the_output_holds_when_propagation_is_late(propagation: str, ledger: Callable[..., Any]) -> None:
    rounds = [("deposit", 10), ("withdraw", 10)]
    records: list[dict[str, Any]] = [
        {
            "id": branch,
            "type": "customer",
            "events": [{"id": 1, "interface": kind, "money": money}, {"id": 2, "interface": "query"}],
        }
        for kind, money in rounds
        for branch in range(1, 11)
    ]
    records += [{"id": branch, "type": "branch", "balance": 0} for branch in range(1, 11)]
    result = replibank.run(records, propagation=propagation, propagation_delay=0.05)  # type: ignore[arg-type]
    assert result.to_list() == ledger(records)
    # Each of the 19 changes of branch waits for a message that was held back: else nothing was.
    assert result.seconds > 19 * 0.05


def test_fifty_processes_run_with_1024_open_files(
    run_script: Callable[..., str], ledger: Callable[..., Any]
) -> None:
    path = COURSE / "input_50x50.json"
    output = run_script(LIMITED, "1024", "1024", str(path), "stream", "processes")
    assert json.loads(output) == ledger(json.loads(path.read_text()))


def test_unary_says_how_many_open_files_it_needs(run_script: Callable[..., str]) -> None:
    output = run_script(LIMITED, "128", "128", str(COURSE / "input_50x50.json"), "unary", "tasks")
    assert output.startswith("refused: a bank of 50 branches: 1, 2, 3 … 50 in one process needs about ")
    assert "open files, and this process may have 128: raise the hard limit (ulimit -Hn " in output
    # A process each would need more.
    assert output.endswith(", or take fewer branches\n")


def test_branches_with_data_need_more_open_files_than_their_parent(
    run_script: Callable[..., str], tmp_path: Path
) -> None:
    script = """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (340, 340))
        import replibank
        try:
            replibank.Bank(dict.fromkeys(range(1, 51), 400), data_dir=sys.argv[1])
        except replibank.ConfigError as error:
            print(error)
    """
    advice = ", take fewer branches, or give each branch a process\n"
    assert run_script(script, str(tmp_path / "data")).endswith(advice)


@pytest.mark.parametrize("arguments", ['propagation="unary"', 'topology="mesh"', 'topology="overlay"'])
def test_branches_of_one_process_need_no_open_files_to_each_other(
    arguments: str, run_script: Callable[..., str], ledger: Callable[..., Any]
) -> None:
    path = COURSE / "input_50x50.json"
    script = LIMITED.replace("propagation=sys.argv[4]", arguments)
    # A mesh has 1,225 links. Each branch listens, and has a customer: 150.
    output = run_script(script, "256", "256", str(path), "", "tasks")
    assert json.loads(output) == ledger(json.loads(path.read_text()))


def test_a_bank_raises_the_soft_limit_where_it_may(
    run_script: Callable[..., str], ledger: Callable[..., Any]
) -> None:
    path = COURSE / "input_50x50.json"
    output = run_script(LIMITED, "128", "8192", str(path), "unary", "tasks")
    assert json.loads(output) == ledger(json.loads(path.read_text()))


def test_a_small_run_and_what_it_says_of_itself() -> None:
    result = replibank.run(SMALL)
    assert result.to_list() == SMALL_OUTPUT
    assert (result.branches, result.customers, result.events) == (2, 2, 3)
    assert result.balances == {1: 470, 2: 470}
    assert result.correct
    assert result.render("old") != result.output
    with pytest.raises(ValueError, match="new"):
        result.render("new")  # type: ignore[arg-type]
    assert repr(result).startswith("<Result: 2 branches, 2 customers, 3 events in 0.")
    assert repr(result).endswith(" s, balance 470 at the end>")
    html = result._repr_html_()
    assert all(fact in html for fact in ("2 branches", "2 customers, 3 events", "balance 470"))
    assert len(html) < 1_000


def test_results_are_equal_if_the_answers_are() -> None:
    assert replibank.run(SMALL) == replibank.run(SMALL, propagation="unary", processes=True)
    assert replibank.run(SMALL) != replibank.run(SMALL[1:])
    assert replibank.run(SMALL) != SMALL_OUTPUT


def test_events_run_in_the_order_asked_for() -> None:
    events = [{"id": 2, "interface": "query"}, {"id": 1, "interface": "deposit", "money": 5}]
    records = [{"id": 1, "type": "customer", "events": events}, {"id": 1, "type": "branch", "balance": 0}]
    assert replibank.run(records).to_list()[0]["recv"][0] == {"interface": "query", "balance": 0}
    assert replibank.run(records, order="id").to_list()[0]["recv"][1] == {"interface": "query", "balance": 5}


def test_progress_is_told_and_ends_complete() -> None:
    told: list[tuple[int, int]] = []
    main = threading.current_thread()
    threads = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        threads.append(threading.current_thread())

    # Each customer waits for the one before, so the run takes long enough for a report on the way.
    replibank.run(SMALL[:2] * 6 + SMALL[2:], progress=progress, propagation_delay=0.05)
    assert told[-1] == (18, 18)
    assert len(told) > 2
    assert told == sorted(told)
    assert threads[-1] is main
    assert main not in threads[:-1]


def test_what_progress_raises_is_raised() -> None:
    def progress(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replibank.run(SMALL[:2] * 6 + SMALL[2:], progress=progress, propagation_delay=0.05)


def test_a_request_that_takes_too_long_ends_the_run() -> None:
    with pytest.raises(replibank.VersionNotReached):
        replibank.run(SMALL, propagation_delay=3600, timeout=0.1, processes=True)
    assert psutil.Process().children() == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no branch"),
        (SMALL[:2], "branch"),
        ([{"id": 1, "type": "branch", "balance": float("nan")}], "cannot be written as JSON"),
        ([{"id": 1, "type": "branch", "balance": object()}], "cannot be written as JSON"),
        ([*SMALL, {"id": 2, "type": "branch", "balance": 400}], "2"),
    ],
)
def test_records_that_cannot_be_run_are_refused(records: list[Any], message: str) -> None:
    with pytest.raises(replibank.InputError, match=message):
        replibank.run(records)


@pytest.mark.parametrize("wrong", [5, None, b"input.json", {"id": 1}])
def test_what_is_no_input_at_all_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="is not right: give a path or a list of records"):
        replibank.run(wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "this is a directory"),
        (lambda path: path.write_text("{}"), "array"),
        (lambda path: path.write_bytes(b"\xff\xfe[]"), "UTF-8"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.write_bytes(b"x" * 100 * 2**20), "more than 64 MiB"),
    ],
    ids=["missing", "directory", "no array", "no text", "loop", "100 MiB"],
)
def test_a_file_that_is_no_input_is_named(
    make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "in put.json"
    make(path)
    with pytest.raises(replibank.InputError, match=message) as refused:
        replibank.run(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(replibank.InputError, match=r"input.json: this file may not be read"):
        replibank.run(str(tmp_path / "input.json"))


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(2**40)
    before = psutil.Process().memory_info().rss
    with pytest.raises(replibank.InputError, match="more than 64 MiB"):
        files.read_input(path)
    assert psutil.Process().memory_info().rss - before < 2**28


def test_the_output_is_written_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    result = replibank.run(SMALL)
    path = tmp_path / "output.json"
    umask = os.umask(0o027)
    try:
        result.write(path)
    finally:
        os.umask(umask)
    assert json.loads(path.read_text()) == SMALL_OUTPUT
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    result.write(str(path), form="old")
    assert path.read_text() == result.render("old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    link.symlink_to("there/target")
    for text in ("first", "second"):
        files.write_atomically(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert list((tmp_path / "there").iterdir()) == [target]


@pytest.mark.parametrize("failing", ["fsync", "fchmod", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_changes_and_leaves_nothing(
    failing: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "output.json"
    path.write_text("as it was")

    def fail(*_: object) -> None:
        # By now there is a second file: otherwise the test would show nothing.
        assert len(list(tmp_path.iterdir())) == 2
        raise error

    monkeypatch.setattr(Path if failing == "replace" else os, failing, fail)
    with pytest.raises(type(error)):
        files.write_atomically(path, "half of it")
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    files.write_atomically("/dev/null", "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_atomically(pipe, "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        files.write_atomically(tmp_path / "missing" / "output.json", "")
    with pytest.raises(IsADirectoryError):
        files.write_atomically(tmp_path, "")
    path = tmp_path / "output.json"
    path.write_text("as it was")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"output\.json"):
        files.write_atomically(path, "")
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]
