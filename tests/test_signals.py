"""Signals that come while a call waits: Ctrl-C ends it, and a handler may make calls of its own."""

import signal
import time
from collections.abc import Callable

import psutil
import pytest

INTERRUPTED = """
    import sys, threading, time
    import replibank

    bank = replibank.Bank({1: 400, 2: 400}, propagation_delay=3600)
    customer = bank.customer(1) if sys.argv[2] == "its own" else replibank.Customer(bank.addresses[1])
    customer.deposit(1)
    main = threading.main_thread().ident

    def announce():
        # Told only when the main thread is inside the call: until then a signal would prove nothing.
        while sys._current_frames()[main].f_code.co_name != sys.argv[1]:
            time.sleep(0.001)
        print("waiting", flush=True)

    waits = {
        "query": lambda: customer.query(at_least=replibank.Version({2: 1}), timeout=600),
        "deposit": lambda: customer.deposit(1, concern="all", timeout=600),
        "execute": lambda: customer.execute([replibank.Deposit(1)], concern="all", timeout=600),
        "wait_until_converged": lambda: bank.wait_until_converged(timeout=600),
        "_snapshots": lambda: list(customer.watch()),
    }
    threading.Thread(target=announce, daemon=True).start()
    try:
        waits[sys.argv[1]]()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        bank.close()
        print(customer.address, flush=True)
"""


@pytest.mark.parametrize("customer", ["its own", "another's"])
@pytest.mark.parametrize("wait", ["query", "deposit", "execute", "wait_until_converged", "_snapshots"])
def test_ctrl_c_interrupts_a_wait_within_a_second(
    wait: str, customer: str, script: Callable[..., object]
) -> None:
    process = script(INTERRUPTED, wait, customer)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - sent < 1
    assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("customer", ["its own", "another's"])
def test_a_signal_handler_makes_calls_while_another_waits(
    customer: str, run_script: Callable[..., str]
) -> None:
    output = run_script(
        """
        import signal, sys
        import replibank

        with replibank.Bank({1: 400}) as bank:
            customer = bank.customer(1) if sys.argv[1] == "its own" else replibank.Customer(bank.addresses[1])
            signal.signal(signal.SIGALRM, lambda *_: print(customer.deposit(1).balance, bank.balances()))
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            print(customer.query(at_least=replibank.Version({1: 1}), timeout=60))
        """,
        customer,
    )
    assert output == "401 {1: 401}\n401\n"


def test_ctrl_c_during_a_start_of_processes_leaves_none(
    script: Callable[..., object], wait_until, has_ended
) -> None:
    process = script(
        """
        import sys
        import replibank, replibank.bank.launch
        # A child that says nothing, so that the start cannot end.
        replibank.bank.launch.child_program = lambda: [sys.executable, "-c", "input(); input()"]
        try:
            replibank.Bank(dict.fromkeys(range(1, 6), 0), processes=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        sys.stdin.read()
        """
    )
    parent = psutil.Process(process.pid)
    wait_until(lambda: len(parent.children()) == 5, "five children")
    children = parent.children()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    wait_until(lambda: all(map(has_ended, children)), "the children's end", 10)
