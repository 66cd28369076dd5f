"""A gentle end: what was acknowledged reaches the other branches, and what only one has is told."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import replibank

DEPOSITS = 60_000

Serve = Callable[[int, int, str], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def branch() -> Iterator[Serve]:
    """`branch(id, peer, address)` serves one of two branches, which hold back what they say."""
    started: list[subprocess.Popen[str]] = []

    def start(own: int, peer: int, address: str) -> tuple[subprocess.Popen[str], str]:
        words = ["branch", "--id", str(own), "--listen", "127.0.0.1:0", "--peer", f"{peer}={address}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "replibank", *words, "--balance", "0", "--propagation-delay", "0.5"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().split()[2]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_branch_that_is_told_to_end_tells_its_peer_first(branch: Serve) -> None:
    _, other = branch(2, 1, "127.0.0.1:1")
    process, address = branch(1, 2, other)
    with replibank.Customer(address) as customer, replibank.Customer(other) as reader:
        receipt = customer.deposit(1)
        assert reader.query(at_least=receipt, timeout=30) == 1
        customer.deposit_many([1] * DEPOSITS, timeout=60)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "operations" not in said
        assert reader.query() == 1 + DEPOSITS


def test_a_branch_that_ends_alone_says_what_is_lost(branch: Serve) -> None:
    process, address = branch(1, 2, "127.0.0.1:1")
    with replibank.Customer(address) as customer:
        customer.deposit_many([1] * 7)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert "branch 1 ends with 7 operations that no other branch is known to have: they are lost" in said


@pytest.mark.parametrize("processes", [False, True])
def test_a_bank_that_ends_says_what_only_one_branch_has(
    processes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with replibank.Bank({1: 0, 2: 0, 3: 0}, processes=processes, propagation_delay=0.2) as bank:
        bank.customer(1).deposit(1, concern="all")
        bank.customer(2).deposit_many([1] * 100)
    assert not [record for record in caplog.records if "ends with" in record.message]
    with replibank.Bank({1: 0, 2: 0, 3: 0}, processes=processes) as bank:
        bank.customer(1).deposit(1, concern="all")
        bank.partition([1], [2, 3])
        bank.customer(1).deposit_many([1] * 5)
    said = [record for record in caplog.records if "ends with" in record.message]
    assert [(record.levelno, record.message) for record in said] == [
        (
            logging.WARNING,
            "branch 1 ends with 5 operations that no other branch is known to have: they are lost",
        )
    ]
