"""What a trace costs: deposits on a bank of three branches in this process, with a trace and without,
by turns, streamed and one call at a time; and how long 100,000 rows take into a data frame.

    python benches/trace_cost.py             # medians of 15 rounds
    python benches/trace_cost.py --rounds 5

Use a release build (`make .venv/.release`). The two ways take turns, so that a busy machine is as busy
for both; a ratio is the median of the rounds' own. On a busy machine, look at the CPU's times.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import replibank

BRANCHES = dict.fromkeys((1, 2, 3), 400)

STREAMED = 200_000
"""Deposits of a round down one stream."""

CALLED = 2_000
"""Deposits of a round, each a call."""

ROWS = 100_000


def streamed(bank: replibank.Bank) -> int:
    bank.customer(1).execute([replibank.Deposit(1)] * STREAMED, timeout=60)
    return STREAMED


def called(bank: replibank.Bank) -> int:
    customer = bank.customer(1)
    for _ in range(CALLED):
        customer.deposit(1)
    return CALLED


def costs(work: Callable[[replibank.Bank], int], propagation: str, trace: bool) -> tuple[float, float]:
    """Microseconds a deposit until every branch has them all: of the clock, and of this process's CPU,
    which branches, customer and propagation share."""
    with replibank.Bank(BRANCHES, propagation=propagation, trace=trace) as bank:  # type: ignore[arg-type]
        bank.customer(1).deposit(1, concern="all")
        began, used = time.perf_counter(), time.process_time()
        done = work(bank)
        bank.wait_until_converged(60)
        passed, used = time.perf_counter() - began, time.process_time() - used
        return passed / done * 1e6, used / done * 1e6


def compare(name: str, work: Callable[[replibank.Bank], int], propagation: str, rounds: int) -> None:
    pairs = []
    for round_ in range(rounds + 1):
        pair = {}
        for trace in (False, True) if round_ % 2 else (True, False):
            pair[trace] = costs(work, propagation, trace)
        if round_ > 0:  # the first warms up
            pairs.append(pair)
    for which, unit in ((0, "us"), (1, "us of CPU")):
        without = statistics.median(pair[False][which] for pair in pairs)
        having = statistics.median(pair[True][which] for pair in pairs)
        ratio = statistics.median(pair[True][which] / pair[False][which] for pair in pairs)
        print(f"{name:<32} without {without:8.3f}, with {having:8.3f} {unit} a deposit, ratio {ratio:.3f}")


def frames(rounds: int) -> None:
    with replibank.Bank(BRANCHES, trace=ROWS) as bank:
        for branch in BRANCHES:
            bank.customer(branch).execute([replibank.Deposit(1)] * ROWS, timeout=60)
        bank.wait_until_converged(60)
        trace = bank.trace()
    trace.to_pandas()  # imports pandas
    for name, make in (
        ("to_pandas", trace.to_pandas),
        ("to_dicts", trace.to_dicts),
        ("to_jsonl", trace.to_jsonl),
        ("to_shiviz", trace.to_shiviz),
    ):
        times, cpu = [], []
        for _ in range(rounds):
            began, used = time.perf_counter(), time.process_time()
            make()
            times.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        median = statistics.median(times), statistics.median(cpu)
        print(f"{name:<12} of {len(trace):,} rows: {median[0] * 1e3:,.1f} ms, {median[1] * 1e3:,.1f} of CPU")
    text = trace.to_jsonl()
    began = time.perf_counter()
    replibank.Trace.read(text)
    print(f"{'read':<12} of {len(trace):,} rows: {(time.perf_counter() - began) * 1e3:,.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description="What a trace costs.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    compare("streamed, stream propagation", streamed, "stream", rounds)
    compare("a call each, stream propagation", called, "stream", rounds)
    compare("a call each, unary propagation", called, "unary", rounds)
    frames(rounds)


if __name__ == "__main__":
    main()
