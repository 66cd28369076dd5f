"""Life around the bank: fork, spawn and forkserver, the interpreter's exit, and loops that go on for
long. Whatever needs a process of its own has one.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import replibank
from replibank import Deposit, Version

#: Kept out of the loop's measure: first uses allocate what then stays.
WARM_UP = 3_000

#: How long the loop is: short here; REPLIBANK_OPERATIONS=1000000 makes it long.
OPERATIONS = int(os.environ.get("REPLIBANK_OPERATIONS", "20000"))


def test_a_forked_child_may_not_use_the_parents_objects_but_new_ones(run_script: Callable[..., str]) -> None:
    output = run_script(
        """
        import os, sys, traceback
        import replibank

        bank = replibank.Bank({1: 400, 2: 400})
        customer = bank.customer(1)
        snapshots = customer.watch()
        next(snapshots)
        other = replibank.Customer(bank.addresses[2])
        others = other.watch()
        next(others)

        def child():
            uses = [other.query, lambda: other.deposit(1), lambda: next(others)]
            uses += [customer.query, customer.status, lambda: customer.deposit(1), lambda: next(snapshots)]
            uses += [bank.balances, bank.versions, bank.wait_until_converged, lambda: bank.customer(1)]
            for use in uses:
                try:
                    use()
                except replibank.ForkedError as error:
                    assert str(os.getppid()) in str(error)
                else:
                    raise AssertionError(f"{use} worked in the child")
            bank.close()
            with replibank.Bank({5: 7}) as own:
                assert own.customer(5).deposit(1).balance == 8
            with replibank.Customer(bank.addresses[1]) as again:
                again.deposit(1)

        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                try:
                    child()
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                # An ordinary exit, with everything of the parent's still in memory.
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        bank.wait_until_converged()
        print(bank.balances())
        bank.close()
        """
    )
    assert output == "{1: 403, 2: 403}\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_with_every_start_method(method: str, tmp_path: Path) -> None:
    # spawn and forkserver import the main program again, so it must be a file.
    program = tmp_path / "program.py"
    program.write_text(
        """
import multiprocessing, sys
import replibank

def work(address, results):
    with replibank.Bank({1: 5}, processes=True) as own, replibank.Customer(address) as customer:
        results.put((own.customer(1).deposit(1), customer.deposit(1)))

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with replibank.Bank({1: 400}) as bank:
        results = context.Queue()
        workers = [context.Process(target=work, args=(bank.addresses[1], results)) for _ in range(3)]
        for worker in workers:
            worker.start()
        receipts = [results.get(timeout=60) for _ in workers]
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0, worker.exitcode
        print(sorted((own.balance, shared.balance) for own, shared in receipts), bank.balances())
"""
    )
    answer = subprocess.run(
        [sys.executable, program, method], capture_output=True, text=True, timeout=90, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "[(6, 401), (6, 402), (6, 403)] {1: 403}\n"


PENDING = """
    import asyncio, sys, threading
    import replibank

    never = replibank.Version({1: 10**6})
    loop = asyncio.new_event_loop()

    async def main():
        bank = await replibank.AsyncBank({1: 400, 2: 400}, processes=sys.argv[1] == "processes").start()
        customer = await bank.customer(1)
        futures = [asyncio.ensure_future(customer.query(at_least=never, timeout=600)) for _ in range(20)]
        await asyncio.sleep(0)
        return bank, customer, futures

    kept = loop.run_until_complete(main())
    blocking = replibank.Customer(kept[0].addresses[2])
    threading.Thread(target=lambda: blocking.query(at_least=never, timeout=600), daemon=True).start()
    if sys.argv[2] == "run":
        # A loop that ends in good order, and then another with something in flight.
        asyncio.run(asyncio.wait_for(kept[1].deposit(1), 30))
    print("end", flush=True)
"""


@pytest.mark.parametrize("members", ["tasks", "processes"])
@pytest.mark.parametrize("ending", ["bare", "run"])
def test_the_interpreter_exits_with_futures_pending(
    members: str, ending: str, run_script: Callable[..., str], repeat: int
) -> None:
    for _ in range(5 * repeat):
        begun = time.monotonic()
        assert run_script(PENDING, members, ending) == "end\n"
        assert time.monotonic() - begun < 30


@pytest.mark.timeout(60 + OPERATIONS // 200)
def test_a_long_loop_does_not_leak() -> None:
    process = psutil.Process()
    with replibank.Bank({1: 0, 2: 0}) as bank:
        customer = bank.customer(1)

        def work(count: int) -> None:
            for _ in range(count // 2):
                customer.deposit(1)
                customer.query()

        work(WARM_UP)
        before = process.memory_info().rss
        files = process.num_fds()
        work(OPERATIONS)
        grown = process.memory_info().rss - before
        assert customer.query() == (WARM_UP + OPERATIONS) // 2
        assert process.num_fds() <= files
    print(f"{OPERATIONS} operations: {grown / 2**20:.1f} MiB more")
    # One that leaked 500 bytes would be 10 MB after 20,000 of them, and 8 bytes after a million.
    assert grown < 8 * 2**20, f"{grown / OPERATIONS:.0f} bytes an operation"


def test_banks_that_come_and_go_do_not_leak() -> None:
    process = psutil.Process()

    def one() -> None:
        with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
            bank.customer(1).execute([Deposit(1)] * 100)
            bank.wait_until_converged()

    for _ in range(10):
        one()
    before, files = process.memory_info().rss, process.num_fds()
    for _ in range(60):
        one()
    assert process.num_fds() <= files
    assert process.memory_info().rss - before < 16 * 2**20


def test_a_wait_leaves_the_gil_to_others() -> None:
    with replibank.Bank({1: 0}) as bank:
        customer = bank.customer(1)
        steps = 0
        ended = threading.Event()

        def count() -> None:
            nonlocal steps
            while not ended.is_set():
                steps += 1

        counter = threading.Thread(target=count)
        counter.start()
        before = steps
        with pytest.raises(replibank.VersionNotReached):
            customer.query(at_least=Version({1: 1}), timeout=0.5)
        during = steps - before
        ended.set()
        counter.join()
    # Without the GIL for half a second, the other thread makes millions; with it held, a few at most.
    assert during > 10_000


#: In a process of its own: another test's leftovers must not take turns. A busy machine may leave the other
#: thread no processor for as long as a list takes; not ten times.
LISTS = """
    import threading, time
    import replibank
    from replibank import Deposit, Withdraw

    TRIES = 10
    clock = time.pthread_getcpuclockid(threading.main_thread().ident)
    ended = threading.Event()
    turns = 0

    def watch():
        # Counts how often it comes to run while the main thread works: each time that it finds the main
        # thread's clock of work half a millisecond on.
        global turns
        last = time.clock_gettime(clock)
        while not ended.is_set():
            now = time.clock_gettime(clock)
            if now - last > 0.0005:
                turns += 1
                last = now

    # Refusals are made of Python: two of them tell when the receipts between them begin and end.
    marks = []
    replibank.InsufficientFunds.__init__ = lambda self, *values: marks.append(turns)
    taken, made = [], []
    watcher = threading.Thread(target=watch)
    watcher.start()
    with replibank.Bank({1: 0}) as bank:
        customer = bank.customer(1, timeout=60)
        while len(taken) < TRIES and max(taken, default=0) <= 3:
            before = turns
            customer._live().execute([Deposit(1)] * 4_000_000, "local", None, 60.0)
            taken.append(turns - before)
        while len(made) < TRIES and max(made, default=0) <= 3:
            customer.execute([Withdraw(10**9), *[Deposit(1)] * 1_000_000, Withdraw(10**9)])
            made.append(marks[-1] - marks[-2])
    ended.set()
    watcher.join()
    # With the GIL held throughout, each is 1 or 2.
    print(max(taken) > 3 or taken, max(made) > 3 or made)
"""


def test_long_lists_leave_the_gil_to_others(run_script: Callable[..., str]) -> None:
    assert run_script(LISTS) == "True True\n"


def test_customers_of_a_closed_bank_fail_at_once() -> None:
    bank = replibank.Bank({1: 400, 2: 400})
    customer = bank.customer(1, timeout=600)
    waiting: list[BaseException] = []

    def wait() -> None:
        try:
            customer.query(at_least=Version({2: 1}))
        except replibank.ReplibankError as error:
            waiting.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    customer.deposit(1)
    bank.close()
    # With ten minutes to try again, the test's own time limit is the deadline.
    for request in (
        customer.query,
        customer.status,
        lambda: customer.deposit(1),
        lambda: customer.execute([Deposit(1)]),
    ):
        with pytest.raises(replibank.Closed, match="is closed; nothing happened"):
            request()
    waiter.join()
    assert [type(error) for error in waiting] == [replibank.Closed]


def test_a_write_that_the_end_of_its_bank_cut_short_may_have_happened() -> None:
    bank = replibank.Bank({1: 400, 2: 400})
    bank.kill(2)
    customer = bank.customer(1, timeout=600)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(customer.deposit, 1, concern="all")
        assert bank.customer(1).query(at_least=Version({1: 1}), timeout=30) == 401
        bank.close()
        error = waiting.exception(timeout=30)
    assert isinstance(error, replibank.Closed)
    assert error.may_have_happened
    with pytest.raises(replibank.Closed) as before:
        customer.deposit(1)
    assert not before.value.may_have_happened


def test_the_interpreter_exits_in_silence_while_threads_deposit(
    script: Callable[..., subprocess.Popen[str]], repeat: int
) -> None:
    for _ in range(5 * repeat):
        process = script("""
            import threading
            import replibank

            bank = replibank.Bank({1: 400, 2: 400})
            own, other = bank.customer(1), replibank.Customer(bank.addresses[1])
            has_begun = threading.Event()

            def deposit() -> None:
                try:
                    while True:
                        own.deposit(1)
                        other.deposit(1)
                        has_begun.set()
                except RuntimeError as error:
                    assert "ended with the interpreter" in str(error)

            for _ in range(4):
                threading.Thread(target=deposit, daemon=True).start()
            has_begun.wait()
        """)
        assert process.communicate(timeout=90) == ("", "")
        assert process.returncode == 0


def test_too_many_customers_are_told_of_open_files(run_script: Callable[..., str]) -> None:
    output = run_script(
        """
        import logging, resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
        import replibank
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        customers = []
        with replibank.Bank({1: 400}) as bank:
            try:
                for _ in range(128):
                    customers.append(replibank.Customer(bank.addresses[1], timeout=1))
                    customers[-1].deposit(1)
            except replibank.ReplibankError as error:
                print(error)
        """
    )
    assert "open files it may have: raise the soft limit (ulimit -n)" in output
