"""The picture of `make bench`: throughput beside the peers', and how it grows."""

import statistics

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot

OURS, THEIRS = "#2a6f97", "#adb5bd"

#: What is shown beside each other: the part and the rows, by how they begin.
UNARY = (
    ("bare tonic", "unary deposits, bare tonic"),
    ("3 branches", "unary deposits, 3 branches"),
    ("3 branches, a process each", "unary deposits, 3 branches, a process each"),
    ("Redis, 2 replicas", "unary deposits, Redis"),
    ("Python, as the course has it", "unary deposits, a course-style"),
)
STREAM = (
    ("bare tonic", "streamed deposits, bare tonic, 256"),
    ("3 branches", "streamed deposits, 3 branches"),
    ("10 branches", "streamed deposits, 10 branches"),
    ("3 branches, a process each", "streamed deposits, 3 branches, a process each"),
    ("Redis, 2 replicas", "streamed deposits, Redis"),
    ("Python's deposit_many", "streamed deposits, Python's deposit_many"),
)


def draw(results, path):
    """Draws what the results have."""
    mpl.rcParams["svg.hashsalt"] = "replibank"
    parts = results["parts"]
    curves = parts.get("growth", {}).get("curves", [])
    figure, axes = pyplot.subplots(2, 4, figsize=(15, 6.5), layout="constrained")
    panels = iter(axes.flat)
    bars(next(panels), "one call a deposit, 128 under way", parts.get("unary"), UNARY)
    bars(next(panels), "one stream, until all have it", parts.get("stream"), STREAM)
    spread(next(panels), parts.get("overlays"))
    for curve in curves:
        grown(next(panels), curve)
    for axis in panels:
        axis.set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def bars(axis, title, part, shown):
    axis.set_title(title, fontsize=10)
    if part is None:
        axis.set_visible(False)
        return
    found = []
    for name, beginning in shown:
        row = next((row for row in part["rows"] if row["what"].startswith(beginning)), None)
        if row is not None:
            found.append((name, row["values"]))
    found.reverse()
    medians = [statistics.median(values) / 1e3 for _, values in found]
    low = [median - min(values) / 1e3 for median, (_, values) in zip(medians, found, strict=True)]
    high = [max(values) / 1e3 - median for median, (_, values) in zip(medians, found, strict=True)]
    colours = [OURS if "branches" in name or name.endswith("many") else THEIRS for name, _ in found]
    drawn = axis.barh([name for name, _ in found], medians, xerr=[low, high], color=colours, capsize=2)
    axis.bar_label(drawn, fmt="{:,.0f}", padding=6, fontsize=8)
    axis.margins(x=0.25)
    axis.set_xlabel("thousands a second", fontsize=8)
    axis.tick_params(labelsize=8)


def spread(axis, part):
    """How long a deposit takes to be everywhere, for each shape, with its links and hops."""
    shapes = (
        [] if part is None else [row for row in part["rows"] if row["what"].endswith("a deposit everywhere")]
    )
    axis.set_visible(bool(shapes))
    axis.set_title("a deposit everywhere, us", fontsize=10)
    for row in shapes:
        branches, rest = row["what"].split(", ", 1)
        shape, links = rest.split(":")[0].removesuffix(")").split(" (")
        median, low, high = statistics.median(row["values"]), min(row["values"]), max(row["values"])
        name = "\n".join([shape, *links.split(", ")])
        drawn = axis.bar(name, median, yerr=[[median - low], [high - median]], capsize=2, color=OURS)
        axis.bar_label(drawn, fmt="{:,.0f}", fontsize=8)
        axis.set_xlabel(branches, fontsize=8)
    axis.margins(y=0.15)
    axis.tick_params(labelsize=8)


def grown(axis, curve):
    points = curve["points"]
    medians = [statistics.median(values) for values in curve["values"]]
    low = [min(values) for values in curve["values"]]
    high = [max(values) for values in curve["values"]]
    axis.fill_between(points, low, high, alpha=0.2, color=OURS)
    axis.plot(points, medians, marker="o", markersize=3, color=OURS)
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    what, _, against = curve["what"].rpartition(" against ")
    axis.set_title(f"{what}, {curve['unit']}", fontsize=9)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set_xlabel(against, fontsize=8)
    axis.tick_params(labelsize=8)
