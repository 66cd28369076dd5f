"""How `make bench` draws what grows: throughput, lag and memory against the size of what is asked."""

from measuring import bank, converged, loaded


def curve(bench, what, unit, points):
    """One curve: each point's runs, alternating."""
    values = bench.alternate({f"{what} {point}": run for point, run in points.items()})
    return {"what": what, "unit": unit, "points": list(points), "values": list(values.values())}


def growth(bench):
    """Throughput and lag against branches, accounts, clients and operations: one curve each."""
    sizes = (3, 10) if bench.quick else (3, 10, 30, 100, 200, 500)
    count = bench.operations(300_000)
    yield curve(
        bench,
        "streamed deposits against branches",
        "/s",
        {size: picked(converged(bench, bank(size), "--operations", count), "per_second") for size in sizes},
    )
    yield curve(
        bench,
        "convergence lag p99 at 1,000 deposits a second against branches",
        "us",
        {size: lag_at(bench, size, 1_000) for size in sizes},
    )
    sizes = (1, 100) if bench.quick else (1, 100, 10_000, 100_000, 1_000_000)
    yield curve(
        bench,
        "streamed deposits against accounts",
        "/s",
        {
            size: picked(
                converged(bench, bank(3, "--accounts", size), "--operations", count, "--accounts", size),
                "per_second",
            )
            for size in sizes
        },
    )
    sizes = (1, 4) if bench.quick else (1, 2, 4, 16, 64, 256)
    yield curve(
        bench,
        "unary deposits against clients",
        "/s",
        {
            size: picked(
                loaded(bench, bank(3), "unary", "--in-flight", size, "--connections", size, *bench.timed),
                "per_second",
            )
            for size in sizes
        },
    )
    sizes = (1_000, 2_000) if bench.quick else (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    yield curve(
        bench,
        "memory of 3 branches against operations",
        "MiB",
        {size: memory_after(bench, size) for size in sizes},
    )


def picked(run, key):
    return lambda: run()[key]


def lag_at(bench, branches, rate):
    def run():
        with bench.peers.serve(*bank(branches)) as it:
            # As many as one machine can ask without asking being the load.
            step = max(1, len(it.addresses) // 10)
            others = [word for address in it.addresses[1::step] for word in ("--watched", address)]
            load = ["--rate", rate, *bench.timed]
            return bench.peers.load("lag", "--address", it.addresses[0], *load, *others)["lag"]["p99_us"]

    return run


def memory_after(bench, operations):
    def run():
        with bench.peers.serve(*bank(3)) as it:
            bench.peers.load("stream", "--address", it.addresses[0], "--operations", operations)
            return it.resident_mib()

    return run
