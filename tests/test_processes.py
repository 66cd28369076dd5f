"""Branches as child processes: none outlives its bank, however that ends."""

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import replibank

BANK = """
    import sys
    import replibank

    bank = replibank.Bank({1: 400, 2: 400, 3: 400}, processes=True)
    customer = bank.customer(1)
    customer.deposit(1)
    print("running", flush=True)
    sys.stdin.read()
"""


def test_each_branch_is_a_process_of_its_own() -> None:
    with replibank.Bank({1: 400, 2: 400, 3: 400}, processes=True, accounts={7: 1}) as bank:
        assert len(psutil.Process().children()) == 3
        assert bank.customer(2).deposit(5, account=7, concern="all").balance == 6
        assert bank.balances(account=7) == {1: 6, 2: 6, 3: 6}
        children = psutil.Process().children()
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_killing_the_parent_leaves_no_child(
    number: signal.Signals, script: Callable, wait_until: Callable, has_ended: Callable
) -> None:
    process = script(BANK)
    assert process.stdout.readline() == "running\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 3
    process.send_signal(number)
    process.wait(timeout=30)
    wait_until(lambda: all(map(has_ended, children)), "the children's end", 10)


def test_a_parent_that_just_ends_leaves_no_child(
    script: Callable, wait_until: Callable, has_ended: Callable
) -> None:
    process = script(BANK)
    assert process.stdout.readline() == "running\n"
    children = psutil.Process(process.pid).children(recursive=True)
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    wait_until(lambda: all(map(has_ended, children)), "the children's end", 10)


def test_a_failure_in_the_block_leaves_no_child() -> None:
    def work() -> None:
        with replibank.Bank({1: 400, 2: 400}, processes=True):
            assert len(psutil.Process().children()) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert psutil.Process().children() == []


def test_a_killed_branch_is_missed_and_the_others_go_on() -> None:
    with replibank.Bank({1: 400, 2: 400, 3: 400}, processes=True) as bank:
        customer = bank.customer(1)
        victim = next(
            child
            for child in psutil.Process().children()
            if bank.addresses[3] in {f"{c.laddr.ip}:{c.laddr.port}" for c in child.net_connections("tcp")}
        )
        victim.kill()
        victim.wait(timeout=10)
        assert customer.deposit(1, concern="majority").balance == 401
        with pytest.raises(replibank.Unreachable):
            bank.customer(3, timeout=0.2)
        with pytest.raises(replibank.ConcernNotReached):
            customer.deposit(1, concern="all", timeout=0.2)


def test_children_find_the_package_wherever_the_parent_has_it(run_script: Callable, tmp_path: Path) -> None:
    # Neither the environment nor the working directory nor site-packages: a path made at run time.
    link = tmp_path / "elsewhere é"
    link.symlink_to(replibank.proto_path().parent.parent, target_is_directory=True)
    output = run_script(
        """
        import sys
        sys.path = [path for path in sys.path if not path.endswith(("site-packages", "/python"))]
        sys.path.insert(0, sys.argv[1])
        import replibank
        with replibank.Bank({1: 400, 2: 400}, processes=True) as bank:
            print(bank.balances(), replibank.__file__.startswith(sys.argv[1]))
        """,
        str(link),
        cwd=tmp_path,
        env={},
    )
    assert output == "{1: 400, 2: 400} True\n"
