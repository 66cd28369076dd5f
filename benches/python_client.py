#!/usr/bin/env python3
"""The Python package's customer against a served branch; prints one line of JSON.

    python benches/python_client.py ADDRESS single SECONDS
    python benches/python_client.py ADDRESS execute COUNT [OTHER ADDRESS...]
    python benches/python_client.py ADDRESS many COUNT [OTHER ADDRESS...]

`execute` and `many` end when every other branch has the last deposit.
"""

import json
import statistics
import sys
import time

import replibank


def single(customer, seconds):
    for _ in range(200):
        customer.deposit(1)
    latencies = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        customer.deposit(1)
        latencies.append(time.perf_counter() - began)
    microseconds = [latency * 1e6 for latency in latencies]
    return {"p50_us": statistics.median(microseconds), "mean_us": statistics.fmean(microseconds)}


def many(customer, count, others, name):
    amounts = [1] * count
    actions = [replibank.Deposit(1)] * count if name == "execute" else None
    customer.deposit(1)
    began = time.perf_counter()
    receipts = customer.deposit_many(amounts) if actions is None else customer.execute(actions)
    for other in others:
        other.query(at_least=receipts[-1])
    seconds = time.perf_counter() - began
    return {"per_second": count / seconds, "seconds": seconds}


def main():
    address, name, size, *others = sys.argv[1:]
    customer = replibank.Customer(address, timeout=60)
    if name == "single":
        result = single(customer, float(size))
    else:
        result = many(customer, int(size), [replibank.Customer(other) for other in others], name)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
