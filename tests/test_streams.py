"""The standard streams as people leave them: closed, full, or unread. Work that was done is done."""

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

LIMIT = 60
OUTPUT = [{"id": 1, "recv": [{"interface": "query", "balance": 400}]}]


@pytest.fixture
def shell(tmp_path):
    """Runs a line of a shell beside an input, with `$R` for the command."""
    records = [
        {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "query"}]},
        {"id": 1, "type": "branch", "balance": 400},
    ]
    (tmp_path / "input.json").write_text(json.dumps(records))

    def run(line):
        return subprocess.run(
            ["bash", "-c", f"R='{sys.executable} -m replibank'; set -o pipefail; {line}"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )

    return run


@pytest.mark.parametrize(
    "streams",
    [">&-", "2>&-", "<&-", ">&- 2>&- <&-", "2>&1 | true", "--json | true", "--json >&-", "2>/dev/full"],
)
def test_the_output_is_written_whoever_listens(shell, tmp_path, streams):
    done = shell(f"$R run input.json -o output.json {streams}")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert json.loads((tmp_path / "output.json").read_text()) == OUTPUT


def test_a_closed_standard_output_takes_no_output(shell):
    done = shell("$R run input.json -o - >&-")
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output is closed: name a file for --output")
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_error_is_not_replaced_by_standard_output(shell):
    done = shell("$R run input.json -o - 2>&-")
    assert (done.returncode, json.loads(done.stdout)) == (0, OUTPUT)


def test_a_full_standard_output_is_named(shell):
    done = shell("$R run input.json -o - >/dev/full")
    assert (done.returncode, done.stderr) == (2, "error: standard output: no space left on device\n")


def test_no_socket_becomes_standard_output(shell):
    done = shell(
        "$R serve input.json >&- 2>serve.err & until test -s serve.err; do sleep 0.02; done; "
        "$R serve --stop input.json; wait $!"
    )
    assert (done.returncode, done.stderr.count("stopped")) == (0, 1)


def test_a_server_outlives_whoever_read_its_addresses(shell):
    done = shell(
        "$R serve input.json 2>serve.err | true & until test -s serve.err; do sleep 0.02; done; "
        "$R client input.json -o output.json && $R serve --stop input.json; wait $!"
    )
    assert (done.returncode, done.stderr.count("stopped")) == (0, 1), done.stderr


def test_help_and_version_go_unheard(shell):
    for words in ("--help", "--version", "run --help"):
        done = shell(f"$R {words} | true")
        assert done.stderr == ""


def test_a_terminal_gets_a_last_newline_and_a_file_does_not(shell, tmp_path):
    exact = shell("$R run input.json -o - 2>/dev/null").stdout
    assert not exact.endswith("\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "replibank", "run", tmp_path / "input.json", "-o", "-"]
    subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, check=True, timeout=LIMIT)
    os.close(theirs)
    with os.fdopen(ours, "rb") as terminal:
        shown = terminal.read(100_000) if sys.platform != "linux" else os.read(ours, 100_000)
    assert shown.decode().replace("\r\n", "\n") == exact + "\n"


def test_ctrl_c_while_importing_is_130(tmp_path):
    # A click that never gets imported, and that says when it is being tried.
    (tmp_path / "click.py").write_text("import os, time\nos.write(1, b'importing\\n')\ntime.sleep(60)\n")
    run = subprocess.Popen(
        [sys.executable, "-m", "replibank", "run", "input.json", "-o", "output.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "importing\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=LIMIT)[1] == "error: interrupted\n"
    assert run.returncode == 130
