"""The command line: what each command writes, where it says it, and its exit codes."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

COURSE = Path(__file__).parents[1] / "examples/course"
INPUT = COURSE / "input_50x50.json"
LIMIT = 60


def replibank(*words, **options):
    command = [sys.executable, "-m", "replibank", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, **options)


def started(*words, **options):
    command = [sys.executable, "-m", "replibank", *map(str, words)]
    return subprocess.Popen(command, start_new_session=True, **options)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def bank_of_three(directory, events=({"interface": "query"},)):
    """An input whose first customer deposits 10, and whose second asks for `events`."""
    records = [
        {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 10}]},
        {"id": 2, "type": "customer", "events": list(events)},
        *({"id": id_, "type": "branch", "balance": 400} for id_ in [1, 2, 3]),
    ]
    path = directory / "input.json"
    path.write_text(json.dumps(records))
    return path


def right_output(rounds=50):
    """What the course's 50 x 50 input must give, by its own description."""
    deposits = [("deposit", 400 + 10 * visit) for visit in range(1, rounds + 1)]
    withdrawals = [("withdraw", 400 + 10 * (rounds - visit)) for visit in range(1, rounds + 1)]
    return [
        {
            "id": index % rounds + 1,
            "recv": [
                {"interface": interface, "result": "success"},
                {"interface": "query", "balance": balance},
            ],
        }
        for index, (interface, balance) in enumerate(deposits + withdrawals)
    ]


@pytest.mark.parametrize("processes", [[], ["--processes"]], ids=["one process", "a process each"])
@pytest.mark.parametrize("propagation", ["stream", "unary"])
def test_run_writes_the_right_output(tmp_path, propagation, processes):
    for _ in range(int(os.environ.get("REPLIBANK_REPEAT", "1"))):
        output = tmp_path / "output.json"
        done = replibank("run", INPUT, "-o", output, "--propagation", propagation, *processes)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert json.loads(output.read_text()) == right_output()
        assert names(tmp_path) == ["output.json"]


def test_summary_says_what_ran(tmp_path):
    done = replibank("run", INPUT, "-o", tmp_path / "out.json")
    for fact in [
        "50, in one process",
        "stream",
        "144 links",
        "50 (100 visits)",
        "200 events",
        "400 at the end",
    ]:
        assert fact in done.stderr
    assert str(tmp_path / "out.json") in done.stderr


def test_json_is_the_summary_for_programs(tmp_path):
    done = replibank("run", INPUT, "-o", tmp_path / "out.json", "--json")
    result = json.loads(done.stdout)
    seconds = result.pop("seconds")
    assert 0 < seconds < LIMIT
    assert result == {
        "branches": 50,
        "customers": 100,
        "events": 200,
        "opening": 400,
        "balances": [400],
        "output": str(tmp_path / "out.json"),
        "propagation": "stream",
        "topology": {"asked": "auto", "links": 144, "degree": 6, "diameter": 4},
    }
    assert done.stderr == ""


@pytest.mark.parametrize("processes", [[], ["--processes"]], ids=["one process", "a process each"])
def test_a_run_on_used_data_says_where_it_begins(tmp_path, processes):
    path = bank_of_three(tmp_path, [{"id": 2, "interface": "deposit", "money": 90}])
    run = ["run", path, "-o", tmp_path / "out.json", "--data-dir", tmp_path / "data", *processes]
    first = replibank(*run)
    assert first.returncode == 0, first.stderr
    assert "note:" not in first.stderr
    assert "400 at first, 500 at the end" in first.stderr
    second = replibank(*run)
    assert second.returncode == 0, second.stderr
    assert second.stderr.splitlines()[:2] == [
        "note: the bank stands at 500, the input opens at 400:",
        "      it has been used before (another --data-dir makes a fresh one)",
    ]
    assert "500 at first, 600 at the end" in second.stderr
    third = json.loads(replibank(*run, "--json").stdout)
    assert (third["opening"], third["balances"]) == (600, [700])


def test_dash_is_standard_output(tmp_path):
    done = replibank("run", bank_of_three(tmp_path), "-o", "-")
    assert json.loads(done.stdout)[1] == {"id": 2, "recv": [{"interface": "query", "balance": 410}]}
    assert names(tmp_path) == ["input.json"]


def test_older_output_form(tmp_path):
    done = replibank("run", bank_of_three(tmp_path), "-o", "-", "--output-form", "old")
    assert json.loads(done.stdout)[1]["recv"] == [{"interface": "query", "result": "success", "money": 410}]


def test_order_by_id(tmp_path):
    events = [{"id": 9, "interface": "query"}, {"id": 8, "interface": "deposit", "money": 5}]
    path = bank_of_three(tmp_path, events)
    by_file = json.loads(replibank("run", path, "-o", "-").stdout)[1]["recv"]
    by_id = json.loads(replibank("run", path, "-o", "-", "--order", "id").stdout)[1]["recv"]
    assert [answer["interface"] for answer in by_file] == ["query", "deposit"]
    assert by_id == [{"interface": "deposit", "result": "success"}, {"interface": "query", "balance": 415}]


@pytest.mark.parametrize("topology", ["auto", "mesh", "overlay", "ring"])
def test_customers_see_earlier_ones_however_late_branches_hear(tmp_path, topology):
    path = bank_of_three(tmp_path)
    done = replibank("run", path, "-o", "-", "--topology", topology, "--propagation-delay", "0.2")
    assert json.loads(done.stdout)[1]["recv"] == [{"interface": "query", "balance": 410}]


def test_check_tells_right_from_wrong(tmp_path):
    path, output = bank_of_three(tmp_path), tmp_path / "output.json"
    replibank("run", path, "-o", output)
    assert replibank("check", "grpc", path, output).returncode == 0
    output.write_text(output.read_text().replace("410", "400"))
    wrong = replibank("check", "grpc", path, output)
    assert wrong.returncode == 1
    assert "410" in wrong.stderr
    told = replibank("check", "grpc", path, output, "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["right"] is False
    assert replibank("check", "grpc", path, tmp_path / "none.json").returncode == 2


TWICE = ["--peer", "2=127.0.0.1:9", "--peer", "2=127.0.0.1:8"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run"], "INPUT"),
        (["run", "{input}"], "--output"),
        (["run", "{input}", "-o", "o.json", "--propagation", "post"], "'unary'"),
        (["run", "{input}", "-o", "o.json", "--timeout", "0"], "timeout"),
        (["run", "{input}", "-o", "-", "--json"], "choose one"),
        (["run", "{input}", "-o", "{input}"], "is the input"),
        (["run", "{input}", "-o", "{directory}"], "is a directory"),
        (["run", "{input}", "-o", "{directory}/none/o.json"], "does not exist"),
        (["run", "{input}", "-o", "o.json", "--nothing"], "--nothing"),
        (["run", "{input}", "-o", ""], "--output is empty"),
        (["run", "", "-o", "o.json"], "the name of the input is empty"),
        (["run", "{input}", "-o", "o.json", "--timeout", "nan"], "nan is not a number of seconds"),
        (["run", "{input}", "-o", "o.json", "--propagation-delay", "nan"], "nan is not a number of seconds"),
        (["client", "{input}", "-o", "o.json", "--wait", "nan"], "nan is not a number of seconds"),
        (["walk"], "walk"),
        (["check", "math", "a", "b"], "math"),
        (["client", "{input}", "-o", "o.json", "--branch", "here"], "2=127.0.0.1:5002"),
        (["client", "{input}", "-o", "o.json", "--branch", "x=127.0.0.1:1"], "whole number"),
        (["branch", "--id", "0", "--listen", "127.0.0.1:0", "--balance", "1"], "--id"),
        (
            ["client", "{input}", "-o", "o.json", "--branch", "2=127.0.0.1:9", "--branch", "2=127.0.0.1:8"],
            "--branch names branch 2 twice",
        ),
        (["client", "{input}", "-o", "o.json", "--branch", "2=127.0.0.1:0"], "ports are from 1 to 65535"),
        (
            ["client", "{input}", "-o", "o.json", "--addresses", "{directory}"],
            "an addresses file is one file",
        ),
        (["branch", "--id", "1", "--listen", "5001", "--balance", "1"], "127.0.0.1:5002"),
        (["branch", "--id", "1", "--listen", "127.0.0.1:99999", "--balance", "1"], "from 0 to 65535"),
        (
            ["branch", "--id", "1", "--listen", "127.0.0.1:0", "--balance", "1", *TWICE],
            "--peer names branch 2 twice",
        ),
        (["check", "grpc", "{input}", "{directory}"], "an output is one file"),
        (
            ["branch", "--id", "1", "--listen", "127.0.0.1:0", "--peer", "1=127.0.0.1:9", "--balance", "1"],
            "own",
        ),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_and_one_line(tmp_path, words, hint):
    path = bank_of_three(tmp_path)
    before = path.read_text()
    words = [word.format(input=path, directory=tmp_path) for word in words]
    done = replibank(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert hint in done.stderr
    assert names(tmp_path) == ["input.json"]
    assert path.read_text() == before


COMMANDS = [[], ["run"], ["serve"], ["client"], ["branch"], ["check"], ["check", "grpc"]]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "replibank")
def test_help_fits_80_columns_and_has_an_example(command, flag):
    done = replibank(*command, flag, env={**os.environ, "COLUMNS": "80"})
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"  replibank {' '.join(command)}".rstrip() in done.stdout
    assert "Example" in done.stdout


@pytest.mark.parametrize("command", [[], ["check"]], ids=["replibank", "check"])
def test_a_group_without_a_command_shows_its_help(command):
    done = replibank(*command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == replibank(*command, "--help").stdout


def test_an_option_that_changes_nothing_is_named(tmp_path):
    words = ["run", bank_of_three(tmp_path), "-o", tmp_path / "o.json", "--propagation", "unary"]
    assert "unary propagation is always a mesh" in replibank(*words, "--topology", "ring").stderr
    assert "note:" not in replibank(*words, "--topology", "mesh").stderr


def test_version_is_the_packages():
    import replibank as package  # noqa: PLC0415

    assert replibank("--version").stdout == f"replibank {package.__version__}\n"


def test_the_installed_command_is_the_same():
    command = Path(sys.executable).with_name("replibank")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stdout == replibank("--version").stdout


def test_a_reader_that_has_enough_is_no_traceback(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    done = started(
        "run", bank_of_three(tmp_path), "-o", "-", stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    _, said = done.communicate(timeout=LIMIT)
    assert (done.returncode, said) == (141, "")


#: What a bank says of a deposit that a long propagation delay has kept from everybody else.
LOST = "branch 1 ends with 1 operation that no other branch is known to have: it is lost"


def test_what_takes_too_long_is_exit_code_3(tmp_path):
    path, output = bank_of_three(tmp_path), tmp_path / "output.json"
    done = replibank("run", path, "-o", output, "--timeout", "0.2", "--propagation-delay", "3000")
    assert (done.returncode, done.stdout) == (3, "")
    lost, error = done.stderr.splitlines()
    assert lost == LOST
    assert error.startswith("error: customer 2, event 1: branch at 127.0.0.1:")
    assert "did not reach version {1: 1} within 0.2 s: nothing was done (a larger --timeout" in error
    assert names(tmp_path) == ["input.json"]


def test_output_that_cannot_be_written_whole_is_not_written(tmp_path):
    output = tmp_path / "output.json"
    output.write_text("before")

    def limit_files_to_a_kilobyte():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    done = replibank("run", INPUT, "-o", output, preexec_fn=limit_files_to_a_kilobyte)
    assert done.returncode == 2
    assert "too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert output.read_text() == "before"
    assert names(tmp_path) == ["output.json"]


@pytest.mark.parametrize("whole_group", [False, True], ids=["process alone", "as a terminal does"])
@pytest.mark.parametrize("processes", [False, True], ids=["one process", "a process each"])
def test_interrupt_is_130_and_leaves_nothing(tmp_path, processes, whole_group):
    path, output = bank_of_three(tmp_path), tmp_path / "output.json"
    output.write_text("before")
    words = [
        "run",
        path,
        "-o",
        output,
        "--propagation-delay",
        "3000",
        *(["--processes"] if processes else []),
    ]
    run = started(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # The second customer waits for the first one's deposit, for 30 seconds.
        servers = wait_for_listening(run, 3)
        (os.killpg if whole_group else os.kill)(run.pid, signal.SIGINT)
        said, complained = run.communicate(timeout=10)
    finally:
        run.kill()
    assert (run.returncode, said, complained) == (130, "", f"{LOST}\nerror: interrupted\n")
    _, alive = psutil.wait_procs([server for server in servers if server.pid != run.pid], timeout=10)
    assert not alive
    assert names(tmp_path) == ["input.json", "output.json"]
    assert output.read_text() == "before"


def test_killed_run_leaves_no_branch(tmp_path):
    run = started("run", bank_of_three(tmp_path), "-o", "-", "--propagation-delay", "3000", "--processes")
    try:
        servers = wait_for_listening(run, 3)
    finally:
        run.kill()
        run.wait()
    assert len(servers) == 3
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert not alive


def wait_for_listening(run, count):
    """The processes of the run that listen, once there are so many sockets."""
    while run.poll() is None:
        family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
        sockets = {process: listening(process) for process in family}
        if sum(sockets.values()) == count:
            return [process for process, number in sockets.items() if number]
    raise AssertionError(f"the run ended first, with {run.returncode}")


def listening(process):
    try:
        return sum(socket.status == psutil.CONN_LISTEN for socket in process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return 0


def on_terminal(*words, **environment):
    """What a command says on standard error when that is a terminal."""
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    run = started(
        *words, stdout=subprocess.DEVNULL, stderr=theirs, env={**plain, "TERM": "xterm", **environment}
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:
        pass  # Linux's way to say that the other end is closed.
    finally:
        os.close(ours)
        run.wait(LIMIT)
    return said.decode()


def slow_run(tmp_path):
    # Over a second of waiting: longer than the moment for which progress stays quiet.
    return ["run", bank_of_three(tmp_path), "-o", "-", "--propagation-delay", "1.2"]


def test_progress_is_for_terminals(tmp_path):
    assert "1 of 2 events" in on_terminal(*slow_run(tmp_path))
    assert "of 2 events" not in on_terminal(*slow_run(tmp_path), TERM="dumb")
    elsewhere = replibank(*slow_run(tmp_path))
    assert "\r" not in elsewhere.stderr
    assert "of 2 events" not in elsewhere.stderr


def test_colour_is_for_terminals_that_want_it():
    assert "\x1b[31merror:" in on_terminal("walk")
    assert "\x1b" not in on_terminal("walk", NO_COLOR="1")
    assert "\x1b" not in replibank("walk").stderr


def test_output_through_a_link_and_to_a_device(tmp_path):
    path = bank_of_three(tmp_path)
    link, target = tmp_path / "link.json", tmp_path / "target.json"
    link.symlink_to(target)
    assert replibank("run", path, "-o", link).returncode == 0
    assert link.is_symlink()
    assert replibank("check", "grpc", path, target).returncode == 0
    assert replibank("run", path, "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
