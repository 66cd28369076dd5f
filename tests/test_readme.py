"""The README does what it says: its Python blocks run, its commands print what it shows, and the
files that it names are there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LIMIT = 60

PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
CONSOLE = [
    block
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    if block.startswith("$ ")
]
ISSUE = """\
with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
    bank.customer(2).deposit(170)
    bank.wait_until_converged(timeout=5)
    bank.balances()                      # {1: 570, 2: 570, 3: 570}
"""


@pytest.fixture
def directory(tmp_path):
    """Where a reader might be: with the example's input."""
    shutil.copy(ROOT / "examples/course/grpc/input.json", tmp_path)
    return tmp_path


def test_python_blocks_run_one_after_another(directory):
    program = "\n".join(PYTHON).replace(
        "    bank.balances()                      # {1: 570, 2: 570, 3: 570}",
        "    assert bank.balances() == {1: 570, 2: 570, 3: 570}",
    )
    assert program.count("assert bank.balances()") == 1
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=directory,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_first_example_is_the_one_that_was_promised():
    assert PYTHON[0] == f"import replibank\n\n{ISSUE}"


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.splitlines()[0])
def test_console_blocks_print_what_they_show(directory, block):
    lines = block.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ")]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(directory),
    }
    done = subprocess.run(
        ["bash", "-euc", "\n".join(commands)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=directory,
        env=environment,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    if shown:
        assert without_times(done.stdout.splitlines()) == without_times(shown)


def test_there_are_console_blocks():
    assert len(CONSOLE) == README.count("```console") == 3


def test_links_lead_to_files():
    names = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert len(names) > 10
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_make_command_named_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE))
    assert named == {"run", "test"}
    assert named <= targets


def test_lines_are_short_enough_to_read():
    # A line of a table or of JSON cannot be broken.
    assert [line for line in README.splitlines() if len(line) > 100 and line[0] not in "|{"] == []


def without_times(lines):
    return [re.sub(r"\d+\.\d{3} s$", "TIME", line) for line in lines]
