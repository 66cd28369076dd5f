"""How `make bench` measures: what one figure is, how runs alternate, and the runs that many parts need. Runs
that are compared alternate, so that whatever else the machine does falls on all of them; a ratio is that
of a pair of neighbours.
"""

import json
from dataclasses import dataclass, field

import servers


@dataclass
class Row:
    """One figure: every run's value, and what it should be."""

    what: str
    unit: str
    values: list[float]
    #: At least this, or at most this; None: only reported.
    at_least: float | None = None
    at_most: float | None = None


@dataclass
class Bench:
    """How much to measure, and what with."""

    peers: servers.Peers
    quick: bool
    repeats: int
    say: object
    skipped: list[str] = field(default_factory=list)

    @property
    def seconds(self):
        return 0.5 if self.quick else 1.5

    @property
    def timed(self):
        return ["--seconds", self.seconds, "--warm", 0.05 if self.quick else 0.5]

    def operations(self, count):
        return min(count, 2_000) if self.quick else count

    def alternate(self, runs):
        """Runs each of these once, and again, `repeats` times; values by name."""
        values = {name: [] for name in runs}
        for turn in range(self.repeats):
            for name, run in runs.items():
                self.say(f"{name}, {turn + 1} of {self.repeats}")
                values[name].append(run())
        return values

    def skip(self, why):
        self.skipped.append(why)
        self.say(f"skipped: {why}")


def ratios(values, peer_values):
    return [value / peer for value, peer in zip(values, peer_values, strict=True)]


def column(results, key):
    return [result[key] for result in results]


def serve(bench, served):
    """What is served: arguments of the program of `benches/peers`, or a script with its own."""
    if isinstance(served, Script):
        return servers.spoken(servers.python(*served))
    return bench.peers.serve(*served)


class Script(tuple):
    """One of the scripts beside this one, and its arguments."""


#: Over the network, as on several machines; the branches of one process reach each other through memory.
A_PROCESS_EACH = Script(["python_bank.py", 3])
COURSE_STYLE = Script(["course_bank.py", "serve"])


def loaded(bench, served, *load, server=False):
    """A run: a new server and one load on its first address."""

    def run():
        with serve(bench, served) as it:
            process = ["--server", it.pid] if server else []
            return bench.peers.load(load[0], "--address", it.addresses[0], *load[1:], *process)

    return run


def converged(bench, served, *load):
    """The same, of a load that ends when the other branches have everything."""

    def run():
        with serve(bench, served) as it:
            others = [word for address in it.addresses[1:] for word in ("--other", address)]
            return bench.peers.load("stream", "--address", it.addresses[0], *load, *others)

    return run


def bank(branches, *options):
    return ["bank", "--branches", branches, *options]


def as_json(row):
    return json.loads(json.dumps(row.__dict__))
