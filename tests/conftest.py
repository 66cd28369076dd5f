"""What the Python tests share: scripts in processes of their own, waiting on conditions, an
independent ledger of the course's answers, and the check that no test leaves anything running.
"""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

#: Seconds for what should take a moment; generous, since the machine may be busy.
PATIENCE = 30


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No test leaves a child process or a thread of Python behind."""
    children = set(psutil.Process().children(recursive=True))
    threads = set(threading.enumerate())
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child not in children]
    _, alive = psutil.wait_procs(left, timeout=5)
    for child in alive:
        child.kill()
    assert not alive, f"child processes are left: {alive}"
    deadline = time.monotonic() + 5
    # A thread of the core that has logged something is known as a dummy, for as long as Python lives.
    left_threads = {
        thread
        for thread in set(threading.enumerate()) - threads
        if not isinstance(thread, threading._DummyThread)
    }
    for thread in left_threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not [thread for thread in left_threads if thread.is_alive()]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    """`wait_until(condition, what, seconds)` looks until it holds, or fails at the deadline."""
    return wait_until


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more. A zombie does not: who adopted it has yet to notice."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(name="has_ended")
def has_ended_fixture() -> Callable[[psutil.Process], bool]:
    return has_ended


@pytest.fixture
def script() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`script(source)` starts it in an interpreter of its own; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def run_script(script: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """`run_script(source)` is what it printed; it must succeed."""

    def run(source: str, *arguments: str, **options: Any) -> str:
        process = script(source, *arguments, **options)
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, f"exit code {process.returncode}:\n{output}\n{errors}"
        return output

    return run


def ledger(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the course expects of a sequential run: one balance, no replicas, no package."""
    balance = next(record["balance"] for record in records if record["type"] == "branch")
    output = []
    for record in records:
        if record["type"] != "customer":
            continue
        answers: list[dict[str, Any]] = []
        for event in record["events"]:
            change = {"deposit": 1, "withdraw": -1, "query": 0}[event["interface"]] * event.get("money", 0)
            if event["interface"] == "query":
                answers.append({"interface": "query", "balance": balance})
                continue
            done = balance + change >= 0
            balance += change if done else 0
            answers.append({"interface": event["interface"], "result": "success" if done else "fail"})
        output.append({"id": record["id"], "recv": answers})
    return output


@pytest.fixture(name="ledger")
def ledger_fixture() -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return ledger


@pytest.fixture
def repeat() -> int:
    """How often the whole runs are repeated: once, unless REPLIBANK_REPEAT says more."""
    return int(os.environ.get("REPLIBANK_REPEAT", "1"))
