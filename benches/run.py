#!/usr/bin/env python3
"""Measure the bank against its peers on this machine: what `make bench` runs.

    python benches/run.py [--only PART]... [--resume] [--quick] [-n REPEATS]

Builds what it needs. Runs that are compared alternate; each figure is the median of N runs with the least
and the most beside it, and a ratio is that of neighbours. Results go to benches/results.json, part by part,
so that a run that was interrupted can --resume; tables to benches/RESULTS.md, the picture to results.svg.

--quick proves that everything runs, with figures that mean nothing, and writes none of these.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import curves
import measuring
import parts
import servers
import table
from table import number

RESULTS = servers.ROOT / "benches/results.json"
TABLE = servers.ROOT / "benches/RESULTS.md"
PICTURE = servers.ROOT / "benches/results.svg"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*parts.PARTS, "growth"]
    parser.add_argument("--only", action="append", choices=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--resume", action="store_true", help="keep what results.json has of this commit")
    parser.add_argument("--quick", action="store_true", help="only prove that everything runs")
    parser.add_argument("-n", type=int, default=5, help="runs of each kind, at least 5 (default 5)")
    arguments = parser.parse_args()
    repeats = 1 if arguments.quick else max(arguments.n, 5)
    say("building")
    bench = measuring.Bench(servers.Peers(quick=arguments.quick), arguments.quick, repeats, say)
    results = about() | {"parts": {}}
    if not arguments.quick and RESULTS.exists():
        results["parts"] = json.loads(RESULTS.read_text())["parts"]
    say("")
    heading(results)
    for name in arguments.only or names:
        known = results["parts"].get(name)
        if arguments.resume and known and known["commit"] == results["commit"]:
            show(name, known)
            continue
        measured = measure(bench, name) | {"commit": results["commit"], "date": results["date"]}
        show(name, measured)
        results["parts"][name] = measured
        if not arguments.quick:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for why in dict.fromkeys(bench.skipped):
        print(f"skipped: {why}")
    text = table.markdown(results)
    if not arguments.quick:
        TABLE.write_text(text)
        picture(results)


def measure(bench, name):
    """One part's rows or curves, with the load that the machine had before it."""
    began, load = time.monotonic(), os.getloadavg()[0]
    if name == "growth":
        measured = {"curves": list(curves.growth(bench))}
    else:
        measured = {"rows": [measuring.as_json(row) for row in parts.PARTS[name](bench)]}
    return measured | {"load_before": load, "seconds": round(time.monotonic() - began, 1)}


def about():
    """What was measured, on what, when and how."""
    git = ["git", "-C", str(servers.ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit or "unknown",
        "command": "make bench",
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "system": f"{platform.system()} {platform.release().split('-')[0]}",
        },
        "versions": versions(),
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def versions():
    """Of everything that has a part in the figures."""
    found = {"Python": platform.python_version()}
    commands = {"rustc": ["rustc", "--version"], "Redis": ["redis-server", "--version"]}
    for name, command in (commands | {"h2load": ["h2load", "--version"]}).items():
        if servers.missing(command[0]) is None:
            found[name] = re.search(r"\d+(\.\d+)+", servers.output(command))[0]
    lock = (servers.CRATE / "Cargo.lock").read_text().split("[[package]]")
    for name in ("replibank", "tonic", "prost", "tokio", "h2", "hyper"):
        package = next(package for package in lock if f'\nname = "{name}"\n' in package)
        found[name] = package.split('version = "')[1].split('"')[0]
    return found


def heading(results):
    machine = results["machine"]
    print(f"replibank {results['versions']['replibank']} at {results['commit']}, {results['date']}")
    cores = f"{machine['cores']} cores of {machine['processor']}"
    print(f"{cores}, {machine['memory_gib']} GiB, {machine['system']}")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"the machine is busy (load {load:.1f}): trust ratios, not figures")


def show(name, measured):
    """A part's table, in 80 columns."""
    say("")
    doc = curves.growth.__doc__ if name == "growth" else parts.PARTS[name].__doc__
    print(f"\n{name}: {doc.splitlines()[0]}")
    for row in measured.get("rows", []):
        print(line(row["what"], row["unit"], row["values"], row["at_least"], row["at_most"]))
    for curve in measured.get("curves", []):
        print(f"{curve['what']}, {curve['unit']}")
        for point, values in zip(curve["points"], curve["values"], strict=True):
            print(line(f"  {point:,}", curve["unit"], values))


def line(what, unit, values, at_least=None, at_most=None):
    median = statistics.median(values)
    figures = f"{number(median):>8}{number(min(values)):>8}{number(max(values)):>8} {unit:<3}"
    text = f"{what[:43]:<44}{figures}"
    if at_least is not None:
        text += f" {'met' if median >= at_least else 'MISSED'} >={number(at_least)}"
    if at_most is not None:
        text += f" {'met' if median <= at_most else 'MISSED'} <={number(at_most)}"
    return text


def say(what):
    """Progress, on a terminal's last line; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what[:78]}", end="", file=sys.stderr, flush=True)


def picture(results):
    try:
        import picture as drawing  # noqa: PLC0415, matplotlib need not be there
    except ImportError as error:
        print(f"no picture: {error} (pip install matplotlib)")
        return
    drawing.draw(results, PICTURE)
    print(f"wrote {', '.join(str(path.relative_to(servers.ROOT)) for path in (RESULTS, TABLE, PICTURE))}")


if __name__ == "__main__":
    main()
