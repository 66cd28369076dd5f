"""The pictures: what is in them, that nothing lies upon anything else, in light and dark, from one branch
to fifty, and how long they take.
"""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import replibank
from matplotlib.colors import to_rgb
from replibank import plot
from replibank.plot import canvas
from replibank.plot.compare import PICTURES
from replibank.plot.convergence import Convergence
from replibank.plot.spacetime import Spacetime
from replibank.plot.staleness import Staleness

DRAWN = {name: getattr(plot, name) for name in PICTURES}


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Warnings of a font, a layout or a scale are errors: see pyproject.toml."""
    yield
    plt.close("all")


@pytest.fixture(scope="module", params=[1, 3, 10, 50])
def trace(request: pytest.FixtureRequest) -> Any:
    faults = ["partition", "crash", "pause", "loss"] if request.param > 1 else ["pause"]
    run = replibank.simulate(
        seed=11, branches=request.param, operations=200, accounts=1, faults=faults, durable=True, trace=True
    )
    assert run.ok
    return run.trace


@pytest.fixture(scope="module")
def three() -> Any:
    return replibank.simulate(seed=3, branches=3, operations=100, trace=True).trace


@pytest.fixture(params=["default", "dark_background"])
def style(request: pytest.FixtureRequest) -> Iterator[str]:
    with mpl.style.context(request.param):
        yield request.param


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.usefixtures("style")
def test_every_picture_draws_every_bank_and_covers_nothing(name: str, trace: Any) -> None:
    ax = DRAWN[name](trace)
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()
    assert ax.get_ylabel()
    assert any(axes.get_xlabel() for axes in figure.axes)
    assert figure.axes[0].get_title(loc="left") or any(axes.get_title(loc="left") for axes in figure.axes)
    legend = ax.get_legend()
    if legend is not None:
        inside = legend.get_window_extent().x0 < ax.get_window_extent().x1
        assert not inside, "the legend covers data"
        assert legend.get_window_extent().x1 <= figure.bbox.x1, "the legend is cut off"
    panels = [axes for axes in figure.axes if axes.get_label() != "colours"]
    for upper, lower in itertools.combinations(panels, 2):
        assert not upper.get_window_extent().overlaps(lower.get_window_extent())


@pytest.mark.parametrize("name", DRAWN)
def test_every_picture_fills_the_axes_that_it_is_given(name: str, three: Any) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5))
    assert DRAWN[name](three, ax=right) is right
    assert left.get_position().x1 < right.get_position().x0
    assert not left.lines
    by_hand = plt.figure().add_axes((0.1, 0.1, 0.7, 0.7))
    assert DRAWN[name](three, ax=by_hand) is by_hand
    boxes = [axes.get_position() for axes in by_hand.figure.axes if axes.get_label() != "colours"]
    assert min(box.y0 for box in boxes) >= 0.099
    assert max(box.y1 for box in boxes) <= 0.801
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", DRAWN)
def test_a_trace_in_which_nothing_happened_can_be_drawn(name: str) -> None:
    header = '{"trace": {"branches": [1, 2], "accounts": {"0": 400}, "links": [[1, 2]], "lost": 0, '
    nothing = replibank.Trace.read(header + '"source": "bank"}}\n')
    DRAWN[name](nothing).get_figure(root=True).draw_without_rendering()


@pytest.mark.usefixtures("style")
def test_colours_stand_out_from_the_background() -> None:
    _, ax = plt.subplots()
    ink = canvas.Ink.of(ax)
    for name, colour in ink.colours.items():
        assert contrast(colour, ink.background) > 1.9, name
    assert contrast(ink.foreground, ink.background) > 12
    assert contrast(ink.muted, ink.background) > 2.8


def contrast(a: str, b: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_settings_of_matplotlib_stay_as_they_are(three: Any) -> None:
    before = dict(mpl.rcParams)
    for draw in DRAWN.values():
        draw(three)
    assert dict(mpl.rcParams) == before


def test_convergence_shows_what_the_bank_says() -> None:
    with replibank.Bank({1: 400, 2: 400, 3: 400}, trace=True) as bank:
        bank.customer(2).deposit(170)
        bank.customer(1).withdraw(30)
        bank.wait_until_converged()
        trace = bank.trace()
        balances = bank.balances()
    shown = Convergence.of(trace)
    assert {branch: values[-1] for branch, (_, values) in shown.balances.items()} == balances
    assert {branch: values[0] for branch, (_, values) in shown.balances.items()} == {1: 400, 2: 400, 3: 400}
    assert shown.spread[-1] == 0
    ax = plot.convergence(trace)
    assert [line.get_ydata()[-1] for line in ax.get_lines()] == [540, 540, 540]


def test_convergence_of_an_account_that_is_none_is_refused(three: Any) -> None:
    with pytest.raises(ValueError, match="account 99 is not right: the trace has 0"):
        plot.convergence(three, account=99)


@pytest.mark.parametrize("name", [*DRAWN, "compare"])
def test_what_is_no_trace_and_no_axes_is_refused(name: str, three: Any) -> None:
    run = replibank.simulate(seed=1, branches=2, operations=5, trace=True)
    for given, told in ((run, "a Simulation is no trace: give its trace: run.trace"), (3, "an int is no")):
        for kind in PICTURES if name == "compare" else [""]:
            with pytest.raises(TypeError, match=told):
                plot.compare(three, given, kind=kind) if kind else DRAWN[name](given)
    if name in DRAWN:
        with pytest.raises(TypeError, match="ax is of type int: give Axes of matplotlib"):
            DRAWN[name](three, ax=3)
    else:
        with pytest.raises(TypeError, match="a dict is no trace"):
            plot.compare(three, {"one": three}, kind="staleness")  # type: ignore[arg-type]
    assert plt.get_fignums() == []


def test_a_branch_that_does_not_run_has_no_line() -> None:
    with replibank.Bank({1: 400, 2: 400}, trace=True) as bank:
        bank.kill(2)
        bank.customer(1).deposit(5)
        bank.restart(2)
        bank.wait_until_converged()
        trace = bank.trace()
    _, values = Convergence.of(trace).balances[2]
    assert np.isnan(values).any()
    assert values[-1] == 405
    assert list(replibank.measures.faults(trace)["text"]) == ["2"]


def test_spacetime_shows_the_messages_of_its_window(three: Any) -> None:
    frame = three.to_pandas()
    updates = (frame["event"] == "sent") & frame["message"].isin(["update", "call"])
    assert len(Spacetime.of(three, "all").messages) == updates.sum()
    everything = Spacetime.of(three, "all", acknowledgements=True)
    assert len(everything.messages) == (frame["event"] == "sent").sum()
    end = frame["time_us"].max() / 1e6
    shown = Spacetime.of(three, (0.0, end / 10))
    sent = frame.loc[updates, "time_us"]
    assert len(shown.messages) == (sent <= end * 1e5).sum()
    assert not shown.whole


@pytest.mark.parametrize("window", [(2.0, 1.0), "quiet", (1, 2, 3), 5, (float("nan"), 1.0)])
def test_a_window_that_is_none_is_refused(window: Any, three: Any) -> None:
    with pytest.raises(ValueError, match="is not right: give 'all', 'busiest' or"):
        plot.spacetime(three, window=window)


def test_the_way_of_one_operation_is_followed() -> None:
    with replibank.Bank(dict.fromkeys(range(1, 11), 400), trace=True) as bank:
        receipt = bank.customer(4).deposit(170, concern="all")
        bank.wait_until_converged()
        trace = bank.trace()
    for follow in (receipt, (4, 1), ("4", 1), None):
        shown = Spacetime.of(trace, "all", follow=follow)
        # Each of the nine others hears of it by one message.
        assert shown.messages["followed"].sum() == 9
        assert shown.messages[shown.messages["followed"]]["to"].nunique() == 9


def test_compared_runs_have_the_same_scales(three: Any) -> None:
    other = replibank.simulate(seed=9, branches=3, operations=30, latency="60000", trace=True).trace
    for kind in PICTURES:
        left, right = plot.compare(three, other, kind=kind, labels=("one", "the other"))
        assert left.get_ylim() == right.get_ylim()
        if kind != "spacetime":
            assert left.get_xlim() == right.get_xlim()
        assert left.get_xlim()[1] - left.get_xlim()[0] == pytest.approx(
            np.diff(right.get_xlim())[0], rel=0.01
        )
        titles = [axes.get_title(loc="left") for axes in left.figure.axes]
        assert [title for title in titles if title] == ["one", "the other"]


def test_a_comparison_of_nothing_is_refused(three: Any) -> None:
    with pytest.raises(ValueError, match="kind 'pie' is not right: give one of convergence, lag"):
        plot.compare(three, three, kind="pie")
    with pytest.raises(ValueError, match="no trace was given"):
        plot.staleness({})


def test_several_staleness_curves_are_named(three: Any) -> None:
    ax = plot.staleness({"near": three, "far": three})
    assert [text.get_text().partition(":")[0] for text in ax.get_legend().get_texts()] == ["near", "far"]


@pytest.mark.parametrize(
    ("ms", "told"),
    [(0, "0"), (0.001, "0.001"), (1.876, "1.88"), (99.96, "100"), (1884.2, "1,884"), (1.2e7, "12,000,000")],
)
def test_times_are_written_as_people_write_them(ms: float, told: str) -> None:
    delays = np.array([ms] * 100)
    ax = Staleness({"": delays}).draw()
    ax.get_figure(root=True).draw_without_rendering()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [f"99% at {told} ms"]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("bins", [0, -1])
def test_bins_that_are_none_are_refused(name: str, bins: int, three: Any) -> None:
    if name in {"lag", "latency"}:
        with pytest.raises(ValueError, match="bins are not right"):
            DRAWN[name](three, bins=bins)


def test_a_missing_extra_is_named(run_script: Callable[..., str]) -> None:
    printed = run_script("""
        import sys
        for name in ("numpy", "pandas", "matplotlib"):
            sys.modules[name] = None
        import replibank
        for what in ("plot", "measures"):
            try:
                getattr(replibank, what)
            except ImportError as error:
                print(error)
        try:
            replibank.simulate(seed=1, branches=1, operations=1, trace=True).trace.to_pandas()
        except ImportError as error:
            print(error)
    """)
    assert printed.count("which is not installed: pip install 'replibank[plot]'") == 3


def test_pictures_are_imported_when_they_are_asked_for(run_script: Callable[..., str]) -> None:
    assert (
        run_script("""
        import replibank, sys
        with replibank.Bank({1: 400}) as bank:
            bank.customer(1).deposit(1)
        print({"numpy", "pandas", "matplotlib", "asyncio"} & set(sys.modules))
    """)
        == "set()\n"
    )


# The command.


@pytest.mark.parametrize("kind", PICTURES)
def test_the_command_draws_every_kind(kind: str, three: Any, tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text(three.to_jsonl())
    run = command("plot", tmp_path / "trace.jsonl", "-o", tmp_path / "out.png", "--kind", kind)
    assert (run.returncode, run.stdout) == (0, ""), run.stderr
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_trace_gives_the_same_file(three: Any, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text(three.to_jsonl())
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        command("plot", trace, "-o", tmp_path / name, "--kind", "spacetime", "--window", "0", "0.2", "--dark")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "out.gif"], "out.gif: a picture's name ends in .png, .svg, .pdf"),
        (["-o", "-"], "a picture's name ends in"),
        (["-o", "out.png", "--window", "0", "1"], "--window is for --kind spacetime"),
        (["-o", "out.png", "--kind", "spacetime", "--window", "1", "1"], "--window 1 1 is empty"),
        (["-o", "out.png"], "nowhere.jsonl: there is no such file"),
        (["-o", "nowhere/out.png"], "the directory of nowhere/out.png does not exist"),
    ],
)
def test_the_command_says_what_is_wrong(words: list[str], told: str, tmp_path: Path) -> None:
    run = command("plot", "nowhere.jsonl", *words, cwd=tmp_path)
    assert run.returncode == 2
    assert told in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_window_outside_of_the_run_is_refused(three: Any, tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text(three.to_jsonl())
    last = three.to_dicts()[-1]["time_us"] / 1e6
    done = command(
        "plot", "trace.jsonl", "-o", "out.png", "--kind", "spacetime", "--window", 5000, 6000, cwd=tmp_path
    )
    assert done.returncode == 2
    told = f"error: --window 5000 6000 is outside the run (0 to {last:,.6g} s)"
    assert done.stderr.startswith(told), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("kind", PICTURES)
def test_the_command_draws_no_trace_without_events(kind: str, tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text(
        '{"trace": {"branches": [1], "accounts": {"0": 400}, "links": [], "lost": 0, "source": "bank"}}\n'
    )
    done = command("plot", "trace.jsonl", "-o", "out.png", "--kind", kind, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: trace.jsonl: there are no events in this trace, and nothing to draw\n"
    assert not (tmp_path / "out.png").exists()


def test_a_run_draws_its_picture(tmp_path: Path) -> None:
    given = Path(__file__).parents[1] / "examples/course/grpc/input.json"
    done = command("run", given, "-o", tmp_path / "out.json", "--plot", tmp_path / "out.svg", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "out.svg").read_text()
    assert "Balance at 3 branches" in drawn or drawn.count("<path") > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.svg"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--plot", "out.txt"], "out.txt: a picture's name ends in .png, .svg, .pdf"),
        (["--plot", "-"], "--plot - is not right"),
        (["--plot", "out.json"], "out.json is the output too: name another file for --plot"),
        (["--plot", "a.png", "--trace", "a.png"], "a.png is the trace too: name another file for --plot"),
    ],
)
def test_a_run_refuses_what_it_cannot_draw(words: list[str], told: str, tmp_path: Path) -> None:
    given = Path(__file__).parents[1] / "examples/course/grpc/input.json"
    done = command("run", given, "-o", "out.json", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert not list(tmp_path.iterdir())


def command(*words: Any, **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "replibank", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        **options,
    )


# How long it takes.


def test_the_busiest_window_of_a_long_run_is_drawn_in_a_second(repeat: int) -> None:
    run = replibank.simulate(seed=2, branches=10, operations=12_000, trace=True)
    trace = run.trace[:100_000] if len(run.trace) > 100_000 else run.trace
    times = []
    for _ in range(3 + repeat):
        began = time.perf_counter()
        plot.spacetime(trace, window="busiest").get_figure(root=True).canvas.draw()
        times.append(time.perf_counter() - began)
        plt.close("all")
    # The least: the machine may be busy with something else.
    assert min(times) < 1.0
