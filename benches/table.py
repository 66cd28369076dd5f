"""The results of `make bench` as Markdown: every figure, and every curve with what theory says of it."""

import statistics

#: What each curve should look like, by how its name begins and against what it is drawn.
THEORY = {
    ("streamed deposits", "branches"): (
        "A deposit is told N - 1 times, but links let changes gather: the load is at most one update a link "
        "and gap, so throughput falls by what the links cost, and by less the longer the gap."
    ),
    ("convergence lag", "branches"): (
        "As the number of hops, log N on the overlay, while there are processors for N - 1 messages a "
        "deposit. When there are none left, a link that waits for n others lets n * n such waits pass: as N "
        "cubed at most, and 0.2 s a hop."
    ),
    ("streamed deposits", "accounts"): (
        "An account is found in a tree: as the logarithm of their number, and by what no longer fits the "
        "processor's caches."
    ),
    ("unary deposits", "clients"): (
        "Each client has a connection of its own. It grows until the processors are busy; then further "
        "connections cost their own reads and writes, which fewer calls share."
    ),
    ("memory", "operations"): "A page holds totals, not operations: flat.",
}


def markdown(results):
    """All of it."""
    machine = results["machine"]
    processors = f"{machine['cores']} cores of {machine['processor']}"
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        "# What `make bench` measured",
        "",
        "Written by `make bench`, which repeats it. Runs that are compared alternate; a ratio is that of",
        "neighbours. Medians, with the least and the most; clients and servers share the processors.",
        "What was tried beside it is in [TRIED.md](TRIED.md).",
        "",
        f"- {results['date']}, replibank at {results['commit']}",
        f"- {processors}, {machine['memory_gib']} GiB, {machine['system']}",
        f"- {versions}",
    ]
    for name, part in results["parts"].items():
        lines += ["", f"## {name}", ""]
        if part["commit"] != results["commit"]:
            lines += [f"Measured at {part['commit']}, {part['date']}.", ""]
        if "rows" in part:
            lines += rows(part["rows"])
        for curve in part.get("curves", []):
            lines += [*points(curve), ""]
    return "\n".join(lines).rstrip() + "\n"


def rows(part):
    yield "| figure | median | least | most | aim |"
    yield "|---|---|---|---|---|"
    for row in part:
        unit = {"/s": "/s", "x": "", "": ""}.get(row["unit"], f" {row['unit']}")
        values = (statistics.median(row["values"]), min(row["values"]), max(row["values"]))
        figures = " | ".join(number(value) + unit for value in values)
        yield f"| {row['what'].strip()} | {figures} | {aim(row, values[0])} |"


def aim(row, median):
    """What it should be, and whether it is."""
    for key, word, is_met in (
        ("at_least", "at least", lambda bound: median >= bound),
        ("at_most", "at most", lambda bound: median <= bound),
    ):
        if row[key] is not None:
            return f"{word} {number(row[key])}: {'met' if is_met(row[key]) else '**missed**'}"
    return ""


def points(curve):
    what, _, against = curve["what"].rpartition(" against ")
    theory = next(
        text for (begins, over), text in THEORY.items() if what.startswith(begins) and over == against
    )
    yield f"**{what}, {curve['unit']}, against {against}.** {theory}"
    yield ""
    yield f"| {against} | median | least | most |"
    yield "|---|---|---|---|"
    for point, values in zip(curve["points"], curve["values"], strict=True):
        figures = " | ".join(map(number, (statistics.median(values), min(values), max(values))))
        yield f"| {point:,} | {figures} |"


def number(value):
    """Three digits that count, or whole thousands."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.2f}{letter}" if letter == "M" else f"{scaled:.1f}{letter}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
