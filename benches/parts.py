"""What `make bench` measures, part by part."""

import os
import re
import tempfile
import time
from pathlib import Path

import course_run
import servers
from measuring import A_PROCESS_EACH, COURSE_STYLE, Row, bank, column, converged, loaded, ratios


def unary(bench):
    """One call a deposit, 128 under way on one connection: the bank, bare tonic, and what people know."""
    # On a slow machine, 128 calls to the bank in Python take longer than a quick run.
    load = ["unary", "--in-flight", 4 if bench.quick else 128, *bench.timed]
    runs = {
        "bare tonic": loaded(bench, ["bare"], *load),
        "3 branches": loaded(bench, bank(3), *load),
        "3 branches, a process each": loaded(bench, A_PROCESS_EACH, *load),
        "a course-style bank in Python": loaded(bench, COURSE_STYLE, *load),
    }
    if why := servers.missing("redis-server"):
        bench.skip(why)
    else:
        runs["Redis with 2 replicas, 128 connections"] = redis_unary(bench)
    values = {name: column(results, "per_second") for name, results in bench.alternate(runs).items()}
    for name, measured in values.items():
        yield Row(f"unary deposits, {name}", "/s", measured)
    ours = values["3 branches"]
    yield Row("  3 branches : bare tonic", "x", ratios(ours, values["bare tonic"]), at_least=0.9)
    apart = ratios(values["3 branches, a process each"], values["bare tonic"])
    yield Row("  3 branches, a process each : bare tonic", "x", apart)
    for name, measured in values.items():
        if name.startswith(("a course", "Redis")):
            yield Row(f"  3 branches : {name.split(',')[0]}", "x", ratios(ours, measured), at_least=1.0)
    yield from outside(bench)


def redis_unary(bench):
    def run():
        with servers.redis() as address:
            return bench.peers.load("redis", "--address", address, *bench.timed)

    return run


def outside(bench):
    """The same by nghttp2's h2load, which knows nothing of gRPC: a check of our own load generator."""
    if why := servers.missing("h2load"):
        bench.skip(why)
        return
    count = 2_000 if bench.quick else 100_000
    # A gRPC frame: not compressed, 7 bytes: amount 1, of client 0's request 0, which is not remembered.
    message = bytes([0x10, 1])
    with tempfile.NamedTemporaryFile() as body:
        body.write(bytes([0]) + len(message).to_bytes(4, "big") + message)
        body.flush()

        def run(served):
            def once():
                with bench.peers.serve(*served) as it:
                    return h2load(it.addresses[0], body.name, count)

            return once

        values = bench.alternate(
            {"bare tonic by h2load": run(["bare"]), "3 branches by h2load": run(bank(3))}
        )
    for name, measured in values.items():
        yield Row(f"unary deposits, {name}", "/s", measured)
    yield Row("  3 branches : bare tonic, by h2load", "x", ratios(*reversed(values.values())))


def h2load(address, body, count):
    url = f"http://{address}/replibank.v1.BankService/Deposit"
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    command = ["h2load", "-n", count, "-c", 1, "-m", 128, "-d", body, *headers, url]
    text = servers.output(command)
    if f"{count} succeeded" not in text:
        raise RuntimeError(f"h2load: not every deposit succeeded:\n{text}")
    line = next(line for line in text.splitlines() if line.startswith("finished in"))
    return float(line.split(",")[1].split()[0])


def single(bench):
    """One deposit at a time: latency."""

    def by_python():
        with bench.peers.serve(*bank(3)) as it:
            return servers.told(servers.python("python_client.py", it.addresses[0], "single", bench.seconds))

    results = bench.alternate(
        {
            "bare tonic": loaded(bench, ["bare"], "unary", *bench.timed),
            "3 branches": loaded(bench, bank(3), "unary", *bench.timed),
            "3 branches, the Rust client": loaded(bench, bank(3), "unary", "--customer", *bench.timed),
            "3 branches, the Python client": by_python,
            "a course-style bank in Python": loaded(bench, COURSE_STYLE, "unary", *bench.timed),
        }
    )
    rates = {
        name: column(result, "per_second")
        for name, result in results.items()
        if name != "3 branches, the Python client"
    }
    for name, measured in rates.items():
        yield Row(f"one deposit at a time, {name}", "/s", measured)
    of_bare = ratios(rates["3 branches"], rates["bare tonic"])
    yield Row("  3 branches : bare tonic", "x", of_bare, at_least=0.9)
    rust = [run["latency"]["mean_us"] for run in results["3 branches, the Rust client"]]
    python = column(results["3 branches, the Python client"], "mean_us")
    yield Row("one deposit, the Rust client", "us", rust)
    yield Row("one deposit, the Python client", "us", python)
    yield Row("  Python : Rust", "x", ratios(python, rust), at_most=1.5)


def stream(bench):
    """One customer's Execute stream, until every branch has the last deposit."""
    count = bench.operations(1_000_000)

    def by_python(how):
        def run():
            with bench.peers.serve(*bank(3)) as it:
                # As many as a list of Python's may well hold.
                few = bench.operations(300_000)
                command = servers.python("python_client.py", it.addresses[0], how, few, *it.addresses[1:])
                return servers.told(command)

        return run

    load = ["--operations", count]
    runs = {
        "bare tonic, 256 a message": loaded(bench, ["bare"], "stream", *load),
        "3 branches": converged(bench, bank(3), *load),
        "10 branches": converged(bench, bank(10), *load),
        "3 branches, a process each": converged(bench, A_PROCESS_EACH, *load),
        "3 branches, a client without a window": converged(bench, bank(3), *load, "--raw-batch", 256),
        "bare tonic, 1 a message": loaded(bench, ["bare"], "stream", *load, "--raw-batch", 1),
        "3 branches, 1 a message": converged(bench, bank(3), *load, "--raw-batch", 1),
        "Python's execute, 3 branches": by_python("execute"),
        "Python's deposit_many, 3 branches": by_python("many"),
    }
    if why := servers.missing("redis-server"):
        bench.skip(why)
    else:
        runs["Redis with 2 replicas, pipelined"] = redis_pipelined(bench, count)
    values = {name: column(results, "per_second") for name, results in bench.alternate(runs).items()}
    aims = {"3 branches": 2.5e6, "10 branches": 1.5e6}
    for name, measured in values.items():
        yield Row(f"streamed deposits, {name}", "/s", measured, at_least=aims.get(name))
    ours = values["3 branches"]
    yield Row("  3 branches : bare tonic", "x", ratios(ours, values["bare tonic, 256 a message"]))
    one = ratios(values["3 branches, 1 a message"], values["bare tonic, 1 a message"])
    yield Row("  3 branches : bare tonic, 1 a message", "x", one)
    for name in ("Python's execute, 3 branches", "Python's deposit_many, 3 branches"):
        yield Row(f"  3 branches : {name.split(',')[0]}", "x", ratios(ours, values[name]), at_most=2.0)
    if redis := values.get("Redis with 2 replicas, pipelined"):
        yield Row("  3 branches : Redis", "x", ratios(ours, redis), at_least=4.0)
        unbounded = values["3 branches, a client without a window"]
        yield Row("  3 branches, a client without a window : Redis", "x", ratios(unbounded, redis))


def redis_pipelined(bench, count):
    def run():
        with servers.redis() as address:
            return bench.peers.load("redis", "--address", address, "--pipelined", count)

    return run


def concern(bench):
    """A deposit that every branch has before it is answered, against one that its branch has."""
    load = ["unary", "--in-flight", 128, *bench.timed]
    results = bench.alternate(
        {"local": loaded(bench, bank(3), *load), "all": loaded(bench, bank(3), *load, "--all")}
    )
    values = {name: column(result, "per_second") for name, result in results.items()}
    for name, measured in values.items():
        yield Row(f"unary deposits, 3 branches, concern {name}", "/s", measured)
    yield Row("  all : local", "x", ratios(values["all"], values["local"]), at_least=0.5)


def half_load(bench):
    """Half of what the bank takes now, in deposits a second."""
    return loaded(bench, bank(3), "unary", "--in-flight", 128, *bench.timed)()["per_second"] / 2


def lag(bench):
    """Convergence lag at half load, against a bare round trip at the same rate; open loop."""
    rate = half_load(bench)
    load = ["--rate", rate, *bench.timed]

    def watched():
        with bench.peers.serve(*bank(3)) as it:
            others = [word for address in it.addresses[1:] for word in ("--watched", address)]
            return bench.peers.load("lag", "--address", it.addresses[0], *load, *others)

    results = bench.alternate(
        {
            "bare": loaded(bench, ["bare"], "open", *load),
            "bank": loaded(bench, bank(3), "open", *load),
            "lag": watched,
        }
    )
    for quantile in ("p50", "p99"):
        for name, what in (("bare", "round trip, bare tonic"), ("bank", "round trip, 3 branches")):
            measured = [run["latency"][f"{quantile}_us"] for run in results[name]]
            yield Row(f"half load, {what}, {quantile}", "us", measured)
        measured = [run["lag"][f"{quantile}_us"] for run in results["lag"]]
        yield Row(f"half load, convergence lag, {quantile}", "us", measured)
    bare = [run["latency"]["p99_us"] for run in results["bare"]]
    lags = [run["lag"]["p99_us"] for run in results["lag"]]
    yield Row("  lag p99 : bare round trip p99", "x", ratios(lags, bare), at_most=2.0)


def processor(bench):
    """What a deposit costs the servers' processors at saturating load, with few branches and with many."""
    load = ["unary", "--in-flight", 128, *bench.timed]
    runs = {count: loaded(bench, bank(count), *load, server=True) for count in (3, 50)}
    values = {
        count: column(result, "server_us_per_operation") for count, result in bench.alternate(runs).items()
    }
    for count, measured in values.items():
        yield Row(f"processor time a deposit, {count} branches", "us", measured)
    yield Row("  50 branches : 3", "x", ratios(values[50], values[3]), at_most=1.5)


def durable(bench):
    """With data directories, 128 under way: deposits, and how many a commit of the disk holds."""
    load = ["unary", "--in-flight", 128, *bench.timed]

    def run(*options):
        def once():
            with tempfile.TemporaryDirectory(dir=servers.ROOT / "benches") as directory:
                with bench.peers.serve(*bank(3), "--data-dir", directory, *options) as it:
                    result = bench.peers.load(load[0], "--address", it.addresses[0], *load[1:])
                    saves = it.ask()["saves"]
                # All three branches save what branch 1 took; the warm-up counts in both.
                warmed = 1 + (0.05 if bench.quick else 0.5) / bench.seconds
                return result | {"per_save": 3 * result["operations"] * warmed / max(saves, 1)}

        return once

    results = bench.alternate({"buffered": run("--buffered"), "synced": run()})
    fsync = [fsync_us(servers.ROOT / "benches") for _ in range(bench.repeats)]
    yield Row("one fsync of this disk", "us", fsync)
    for name, result in results.items():
        aim = 20_000 if name == "synced" else None
        yield Row(f"unary deposits, {name}", "/s", column(result, "per_second"), at_least=aim)
        yield Row(f"  operations a commit, {name} (2 fsyncs if synced)", "", column(result, "per_save"))


def fsync_us(directory):
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        began = time.perf_counter()
        for _ in range(20):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        return (time.perf_counter() - began) / 20 * 1e6


def memory(bench):
    """Resident memory of a bank that nobody uses."""

    def at_rest(branches):
        def run():
            with bench.peers.serve(*bank(branches)) as it:
                return it.resident_mib()

        return run

    values = bench.alternate({branches: at_rest(branches) for branches in (1, 50)})
    yield Row("memory at rest, 50 branches in one process", "MiB", values[50], at_most=100)
    each = [(fifty - one) / 49 for one, fifty in zip(values[1], values[50], strict=True)]
    yield Row("  of each branch", "MiB", each)


def many(bench):
    """A bank of 500 branches in one process: start, 20 deposits at each, all converged."""
    branches = 20 if bench.quick else 500
    command = ["spread", "--branches", branches]
    results = bench.alternate({f"{branches} branches": lambda: bench.peers.load(*command)})
    for name, result in results.items():
        yield Row(f"{name} started", "s", column(result, "started_seconds"))
        converged = column(result, "converged_seconds")
        yield Row(f"{name}, 20 deposits each, converged", "s", converged, at_most=3)
        yield Row(f"{name}, most memory", "MiB", column(result, "most_resident_mib"), at_most=1024)


def everywhere(bench):
    """Deposits at once, each at another branch, that every branch of many has before they are answered."""
    branches, writes = (20, 20) if bench.quick else (300, 200)
    command = ["spread", "--branches", branches, "--deposits", 0, "--for-all", writes]
    what = f"{branches} branches, {writes} deposits of concern all"
    result = bench.alternate({what: lambda: bench.peers.load(*command)})[what]
    yield Row(what, "s", column(result, "for_all_seconds"), at_most=1)
    yield Row(f"{what}, most memory", "MiB", column(result, "most_resident_mib"), at_most=100)


def overlays(bench):
    """How far apart the branches are, and how long a deposit takes to be everywhere."""
    branches, singles = (10, 3) if bench.quick else (50, 100)

    def spread(shape):
        return lambda: bench.peers.load(
            "spread", "--branches", branches, "--singles", singles, "--shape", shape, "--deposits", 1
        )

    shapes = bench.alternate({shape: spread(shape) for shape in ("ring", "overlay", "mesh")})
    for shape, results in shapes.items():
        first = results[0]
        what = f"{branches} branches, {shape} ({first['links']} links, {first['hops']} hops)"
        yield Row(f"{what}: a deposit everywhere", "us", [run["single"]["p50_us"] for run in results])
        yield Row(f"{what}: started", "ms", [run["started_seconds"] * 1e3 for run in results])


def course(bench):
    """The course's run of 50 branches and 100 visits, Python's start included."""
    modes = dict(list(course_run.MODES.items())[:1]) if bench.quick else course_run.MODES
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output.json"

        def run(options):
            return lambda: course_run.timed(course_run.command(course_run.INPUT, output, options))

        runs = {name: run(options) for name, options in modes.items()}
        if not bench.quick:
            by_python = servers.python("course_bank.py", "run", course_run.INPUT)
            runs["a course-style bank in Python"] = lambda: servers.told(by_python)["seconds"]
        values = bench.alternate(runs)
        course_run.check(course_run.INPUT, output)
    for name, measured in values.items():
        yield Row(f"course run 50 x 50, {name}", "s", measured, at_most=0.2 if name == "stream" else None)


def simulation(bench):
    """The simulator and the checkers, on one core; benches/simulation.rs repeats its runs itself."""
    if bench.quick:
        bench.skip("the simulator is measured by cargo bench alone")
        return
    bench.say("the simulator")
    options = ["--quiet", "--no-default-features", "--bench", "simulation"]
    text = servers.output(["cargo", "bench", "--manifest-path", servers.ROOT / "Cargo.toml", *options])
    for simulated, median, least, most, judged in re.findall(SIMULATED, text, re.MULTILINE):
        yield Row(f"simulated events, {simulated}", "/s", [float(least), float(median), float(most)])
        yield Row("  operations judged", "/s", [float(judged)])


#: "bank  events  median (least-most)  judged/s  seconds s", in columns.
SIMULATED = r"^(\S.*?)  +\d+ +(\d+) \((\d+)-(\d+)\) +(\d+)/s +[\d.]+ s$"

PARTS = {
    part.__name__: part
    for part in (
        *(unary, single, stream, concern, lag, processor),
        *(durable, memory, many, everywhere, overlays, course, simulation),
    )
}
