"""Wrong inputs: each gives exit code 2 and one clear line, and touches no output file."""

import json
import os
import resource
import subprocess
import sys
import time

import pytest

LIMIT = 30
BRANCH = {"id": 1, "type": "branch", "balance": 400}
CUSTOMER = {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "query"}]}


def customer(**event):
    return [{"id": 1, "type": "customer", "events": [event]}, BRANCH]


def deposit(money):
    return customer(id=1, interface="deposit", money=money)


WRONG = {
    "empty": (b"", ["the file is empty", "array"]),
    "not JSON": (b'[\n {"id": 1,\n oops}]', ["line 3", "column 2"]),
    "cut short": (b'[{"id": 1, "type": "branch"', ["line 1", "column"]),
    "a byte-order mark": (b"\xef\xbb\xbf" + json.dumps([BRANCH]).encode(), ["byte order mark"]),
    "UTF-16": (json.dumps([BRANCH]).encode("utf-16"), ["UTF-16"]),
    "two documents": (json.dumps([BRANCH, CUSTOMER]).encode() * 2, ["line 1", "second"]),
    "an object": (BRANCH, ["array"]),
    "a record that is none": ([BRANCH, 5], ["record 2", "5"]),
    "no records": ([], ["no branch"]),
    "no branches": ([CUSTOMER], ["branch"]),
    "no type": ([BRANCH, {"id": 1, "events": []}], ["record 2", "type", "missing"]),
    "an unknown type": ([BRANCH, {"id": 1, "type": "teller"}], ["record 2", "type", '"teller"']),
    "a type that is a number": ([BRANCH, {"id": 1, "type": 7}], ["record 2", "type", "7"]),
    "no id": ([BRANCH, {"type": "customer", "events": []}], ["record 2", "id", "missing"]),
    "a textual id": ([{**BRANCH, "id": "1"}], ["record 1", "id", '"1"']),
    "no balance": ([{"id": 1, "type": "branch"}], ["record 1", "balance", "missing"]),
    "a negative balance": ([{**BRANCH, "balance": -1}], ["record 1", "balance", "-1"]),
    "no events": ([BRANCH, {"id": 1, "type": "customer"}], ["record 2", "events", "missing"]),
    "events that are no array": ([BRANCH, {**CUSTOMER, "events": 3}], ["record 2", "events", "3"]),
    "no interface": (customer(id=1, money=1), ["record 1", "event 1", "interface", "missing"]),
    "an unknown interface": (
        customer(id=1, interface="depsit", money=1),
        ["event 1", "interface", '"deposit"'],
    ),
    "no amount": (customer(id=1, interface="deposit"), ["event 1", "money", "missing"]),
    "an amount of zero": (deposit(0), ["record 1", "event 1", "money", "0"]),
    "a negative amount": (deposit(-5), ["record 1", "event 1", "money", "-5"]),
    "a fractional amount": (deposit(1.5), ["record 1", "event 1", "money", "1.5"]),
    "a whole amount with a dot": (deposit(5.0), ["record 1", "event 1", "money", "write 5"]),
    "a boolean amount": (deposit(True), ["record 1", "event 1", "money", "true"]),
    "a textual amount": (deposit("5"), ["record 1", "event 1", "money", '"5"', "write 5"]),
    "a huge amount": (deposit(2**48), ["record 1", "event 1", "money", str(2**48)]),
    "an amount beyond every number": (deposit(10**400), ["line 1", "column", "too large"]),
    "an amount of null": (deposit(None), ["record 1", "event 1", "money", "null"]),
    "a customer without a branch": ([{**CUSTOMER, "id": 2}, BRANCH], ["record 1", "customer 2", "branch 2"]),
    "two branches of one id": ([BRANCH, BRANCH], ["record 2", "branch 1", "record 1"]),
    "unequal balances": (
        [BRANCH, {"id": 2, "type": "branch", "balance": 500}],
        ["record 2", "500", "400", "1"],
    ),
}


def replibank(*words, **options):
    command = [sys.executable, "-m", "replibank", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, **options)


def assert_one_clear_line(done, path):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {path}: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def output(tmp_path):
    """An output file of an earlier run, which must be left alone."""
    path = tmp_path / "output.json"
    path.write_text("before")
    yield path
    assert path.read_text() == "before"
    assert {other.name for other in tmp_path.iterdir()} <= {"input.json", "output.json"}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_refused_in_one_clear_line(tmp_path, output, name):
    content, facts = WRONG[name]
    path = tmp_path / "input.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    done = replibank("run", path, "-o", output)
    assert_one_clear_line(done, path)
    said = done.stderr.removeprefix(f"error: {path}: ")
    assert [fact for fact in facts if fact.lower() not in said.lower()] == [], said
    assert len(said) < 400


@pytest.mark.parametrize("command", ["run", "serve", "client", "check"])
def test_every_command_reads_its_input_the_same_way(tmp_path, output, command):
    path = tmp_path / "input.json"
    path.write_text(json.dumps(deposit(0)))
    words = {
        "run": ["run", path, "-o", output],
        "serve": ["serve", path],
        "client": ["client", path, "-o", output],
        "check": ["check", "grpc", path, output],
    }
    done = replibank(*words[command])
    assert_one_clear_line(done, path)
    assert "money" in done.stderr


def test_directory(tmp_path, output):
    done = replibank("run", tmp_path, "-o", output)
    assert_one_clear_line(done, tmp_path)
    assert "directory" in done.stderr


def test_missing_file(tmp_path, output):
    path = tmp_path / "input.json"
    done = replibank("run", path, "-o", output)
    assert_one_clear_line(done, path)
    assert "no such file" in done.stderr


def test_file_in_the_place_of_a_directory(tmp_path, output):
    path = output / "input.json"
    assert_one_clear_line(replibank("run", path, "-o", output), path)


def test_unreadable_file(tmp_path, output):
    path = tmp_path / "input.json"
    path.write_text(json.dumps([BRANCH]))
    path.chmod(0)
    # Root may read anything, so we become nobody; and nobody may read our modules, so each must be
    # there before: the first run sees to that.
    code = (
        "import contextlib, io, os, sys\n"
        "from replibank.cli import main, outcome\n"
        "with contextlib.redirect_stderr(io.StringIO()): outcome(['run', '/none', '-o', '-'])\n"
        "if os.getuid() == 0: os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "main(sys.argv[1:])"
    )
    for directory in [tmp_path, *tmp_path.parents][:3]:
        directory.chmod(0o755)
    command = [sys.executable, "-c", code, "run", str(path), "-o", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert_one_clear_line(done, path)
    assert "permission" in done.stderr


def test_endless_file_is_not_read_to_its_end(output):
    done = replibank("run", "/dev/zero", "-o", output)
    assert_one_clear_line(done, "/dev/zero")


@pytest.mark.parametrize(
    "piece", [b"x", b"[", b'{"a":', b"[{},"], ids=["letters", "brackets", "objects", "records"]
)
def test_100_mb_of_nonsense(tmp_path, output, piece):
    path = tmp_path / "input.json"
    megabyte = (piece * (2**20 // len(piece) + 1))[: 2**20]
    with path.open("wb") as file:
        for _ in range(100):
            file.write(megabyte)
    began = time.monotonic()
    done = replibank("run", path, "-o", output)
    seconds = time.monotonic() - began
    path.unlink()
    assert_one_clear_line(done, path)
    assert seconds < 5
    # The largest child so far, of all tests: so this one did not need more either.
    kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert kilobytes < 600 * 1024


def test_as_large_an_input_as_is_read(tmp_path, output):
    path = tmp_path / "input.json"
    path.write_bytes(b"[" + b'{"id": 1, "type": "customer", "events": []},' * 1_400_000 + b"0]")
    assert path.stat().st_size < 64 * 2**20
    began = time.monotonic()
    done = replibank("run", path, "-o", output)
    seconds = time.monotonic() - began
    path.unlink()
    assert_one_clear_line(done, path)
    assert "1400001" in done.stderr or "values" in done.stderr
    assert seconds < 10


def test_messages_hold_no_control_characters(tmp_path, output):
    path = tmp_path / "input.json"
    path.write_text(json.dumps([BRANCH, {"id": 1, "type": "\x1b[31mred\n"}]))
    done = replibank("run", path, "-o", output, env=os.environ)
    assert_one_clear_line(done, path)
    assert "\x1b" not in done.stderr
