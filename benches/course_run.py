#!/usr/bin/env python3
"""Time the whole `replibank run` of 50 branches and 100 customers, Python's start included.

    python benches/course_run.py [-n REPEATS] [INPUT]

Each figure is the median of N runs (the fastest and slowest beside it), each a fresh process, after
one run that is not counted. The last output of each kind is graded. Build the core in release first
(`make bench` does): a debug build is slower.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import replibank

INPUT = Path(__file__).parents[1] / "examples/course/input_50x50.json"
MODES = {
    "stream": [],
    "unary": ["--propagation", "unary"],
    "stream, a process each": ["--processes"],
    "unary, a process each": ["--propagation", "unary", "--processes"],
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=7, help="runs of each kind, at least 5 (default 7)")
    parser.add_argument("input", nargs="?", default=INPUT, type=Path)
    arguments = parser.parse_args()
    repeats = max(arguments.n, 5)
    print(f"replibank {replibank.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"replibank run {arguments.input.name}: seconds of wall clock, each run a fresh process")
    print(f"{'':24}{'median':>8}{'fastest':>9}{'slowest':>9}{'runs':>6}")
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output.json"
        for name, options in MODES.items():
            run = command(arguments.input, output, options)
            times = [timed(run) for _ in range(repeats + 1)][1:]
            check(arguments.input, output)
            print(f"{name:24}{statistics.median(times):8.3f}{min(times):9.3f}{max(times):9.3f}{len(times):6}")


def command(input_path, output, options):
    return [sys.executable, "-m", "replibank", "run", input_path, "-o", output, *options]


def timed(words):
    began = time.perf_counter()
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - began


def check(input_path, output):
    words = [sys.executable, "-m", "replibank", "check", "grpc", input_path, output]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL, timeout=60)


if __name__ == "__main__":
    main()
