"""The measures, held against small traces whose numbers were worked out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import replibank
from replibank import measures


def trace_of(rows: list[dict[str, Any]], branches: int = 3, links: list[list[int]] | None = None) -> Any:
    """A trace of accounts 0 and 7, each opened with 100, from its rows."""
    ids = list(range(1, branches + 1))
    links = [[a, b] for a in ids for b in ids if a < b] if links is None else links
    header = {"branches": ids, "accounts": {"0": 100, "7": 100}, "links": links, "lost": 0, "source": "bank"}
    lines = [{"trace": header}, *({"clock": clock, "ticks": 1} | row for clock, row in enumerate(rows, 1))]
    return replibank.Trace.read("".join(json.dumps(line) + "\n" for line in lines))


def at(time_us: int, branch: int, event: str, **more: Any) -> dict[str, Any]:
    return {"time_us": time_us, "branch": branch, "event": event} | more


def commit(
    time_us: int, branch: int, sequence: int, amount: int, balance: int, **more: Any
) -> dict[str, Any]:
    """A deposit, or a withdrawal if the amount is negative."""
    event = "deposit" if amount > 0 else "withdraw"
    origin = {
        "origin": more.pop("origin", str(branch)),
        "sequence_from": sequence,
        "sequence_through": sequence,
    }
    rest = {"account": 0, "amount": abs(amount), "balance": balance, "known": 0, "waited_us": 10}
    return at(time_us, branch, event, **origin | rest | more)


def joined(time_us: int, branch: int, origin: str, through: int, balance: int, **more: Any) -> dict[str, Any]:
    event = more.pop("event", "joined")
    page = {"origin": origin, "sequence_from": more.pop("since", through), "sequence_through": through}
    return at(
        time_us, branch, event, **page | {"account": 0, "amount": 0, "balance": balance, "known": 0} | more
    )


def sent(time_us: int, branch: int, peer: int, message_id: int) -> dict[str, Any]:
    told = {"peer": peer, "message": "update", "message_id": message_id, "operations": 1, "bytes": 40}
    return at(time_us, branch, "sent", **told)


def query(time_us: int, branch: int, balance: int, waited_us: int, account: int = 0) -> dict[str, Any]:
    return at(time_us, branch, "query", account=account, balance=balance, known=0, waited_us=waited_us)


#: Branch 1 deposits 50 after 1 ms, branch 2 withdraws 30 after 6 ms; branch 3 hears of both last.
TWO_WRITES = [
    commit(1_000, 1, 1, 50, 150),
    sent(1_000, 1, 2, 1),
    sent(1_000, 1, 3, 2),
    joined(3_000, 2, "1", 1, 150, amount=50, message_id=1),
    query(4_000, 2, 150, 20),
    query(5_000, 3, 100, 30),
    commit(6_000, 2, 1, -30, 120),
    sent(6_000, 2, 1, 3),
    sent(6_000, 2, 3, 4),
    query(7_000, 3, 100, 40),
    joined(9_000, 3, "1", 1, 150, amount=50, message_id=2),
    query(9_000, 3, 150, 50),
    query(9_000, 3, 100, 60, account=7),
    joined(10_000, 1, "2", 1, 120, amount=-30, message_id=3),
    joined(12_000, 3, "2", 1, 120, amount=-30, message_id=4),
    at(12_000, 3, "refused", account=0, amount=500, waited_us=1_000, reason="too much"),
]


@pytest.fixture
def two_writes() -> Any:
    return trace_of(TWO_WRITES)


def test_convergence_takes_from_the_last_write_until_nobody_is_behind(two_writes: Any) -> None:
    assert measures.convergence_time(two_writes) == 6.0


def test_what_is_behind_at_the_end_has_not_converged() -> None:
    assert measures.convergence_time(trace_of(TWO_WRITES[:-2])) is None


def test_nothing_written_is_converged() -> None:
    assert measures.convergence_time(trace_of([query(5, 1, 100, 1)])) == 0.0
    assert measures.convergence_time(trace_of([])) == 0.0


def test_a_bank_of_one_branch_agrees_at_once() -> None:
    assert measures.convergence_time(trace_of([commit(1_000, 1, 1, 50, 150)], branches=1)) == 0.0


def test_divergence_is_the_spread_of_balances_and_the_most_behind(two_writes: Any) -> None:
    assert measures.divergence(two_writes).reset_index().to_numpy().tolist() == [
        [0, 0, 0],
        [1_000, 50, 1],
        [3_000, 50, 1],
        [6_000, 50, 2],
        [9_000, 30, 1],
        [10_000, 30, 1],
        [12_000, 0, 0],
    ]


def test_divergence_of_another_account_and_of_none(two_writes: Any) -> None:
    assert measures.divergence(two_writes, account=7)["spread"].max() == 0
    with pytest.raises(ValueError, match=r"account 8 is not right: the trace has 0, 7$"):
        measures.divergence(two_writes, account=8)


@pytest.mark.parametrize("name", measures.__all__)
def test_what_is_no_trace_is_refused(name: str) -> None:
    measure = getattr(measures, name)
    more = {"t_ms": 1.0} if name == "consistency" else {}
    run = replibank.simulate(seed=1, branches=2, operations=5, trace=True)
    told = []
    with replibank.Bank({1: 400}, trace=True) as bank:
        for given in (run, bank, 3, None, run.trace.to_pandas()):
            with pytest.raises(TypeError, match="is no trace: ") as raised:
                measure(given, **more)
            told.append(str(raised.value))
    assert told == [
        "a Simulation is no trace: give its trace: run.trace",
        "a Bank is no trace: give its trace: bank.trace()",
        "an int is no trace: give a replibank.Trace",
        "a NoneType is no trace: give a replibank.Trace",
        "a DataFrame is no trace: give a replibank.Trace",
    ]


def test_the_result_of_a_run_is_told_where_its_trace_is() -> None:
    given = Path(__file__).parents[1] / "examples/course/grpc/input.json"
    for options, told in (
        ({"trace": True}, "a Result is no trace: give its trace: run.trace"),
        ({}, "a Result is no trace: it kept no trace: run it with trace=True, and give run.trace"),
    ):
        result: Any = replibank.run(given, **options)
        with pytest.raises(TypeError) as raised:
            measures.cost(result)
        assert str(raised.value) == told


def test_versions_behind_at_each_change(two_writes: Any) -> None:
    table = measures.versions_behind(two_writes)
    assert list(table.columns) == [1, 2, 3]
    assert table.reset_index().astype(int).to_numpy().tolist() == [
        [0, 0, 0, 0],
        [1_000, 0, 1, 1],
        [3_000, 0, 0, 1],
        [6_000, 1, 0, 2],
        [9_000, 1, 0, 1],
        [10_000, 0, 0, 1],
        [12_000, 0, 0, 0],
    ]


def test_versions_behind_in_parts_tell_the_most_within_each(two_writes: Any) -> None:
    # The run ends after 12.001 ms: parts of some 4 ms.
    table = measures.versions_behind(two_writes, bins=3)
    assert table.index.tolist() == pytest.approx([0, 12_001 / 3, 24_002 / 3])
    assert table.to_numpy().astype(int).tolist() == [[0, 1, 1], [1, 0, 2], [1, 0, 2]]


def test_a_part_without_a_change_tells_what_held() -> None:
    trace = trace_of([commit(1_000, 1, 1, 5, 105), joined(9_999, 2, "1", 1, 105)], branches=2)
    assert measures.versions_behind(trace, bins=5)[2].astype(int).tolist() == [1, 1, 1, 1, 1]


def test_a_part_that_is_none_is_refused(two_writes: Any) -> None:
    with pytest.raises(ValueError, match="0 bins are not right"):
        measures.versions_behind(two_writes, bins=0)


def test_a_read_is_as_stale_as_the_oldest_write_on_its_account_that_it_misses(two_writes: Any) -> None:
    table = measures.staleness(two_writes)
    assert table[["time_us", "branch", "account", "versions", "ms"]].to_numpy().tolist() == [
        [4_000, 2, 0, 0, 0.0],
        [5_000, 3, 0, 1, 4.0],
        [7_000, 3, 0, 2, 6.0],
        [9_000, 3, 0, 1, 3.0],
        [9_000, 3, 7, 0, 0.0],
    ]


def test_a_write_is_visible_at_once_where_it_was_committed(two_writes: Any) -> None:
    table = measures.visibility(two_writes)
    assert table.index.tolist() == [("1", 1), ("2", 1)]
    assert table.to_numpy().tolist() == [[0.0, 2.0, 8.0], [4.0, 0.0, 6.0]]


def test_a_page_makes_all_its_operations_visible() -> None:
    rows = [commit(1_000 * n, 1, n, 1, 100 + n) for n in (1, 2, 3)] + [joined(9_000, 2, "1", 2, 102, since=1)]
    assert measures.visibility(trace_of(rows, branches=2))[2].tolist() == [8.0, 7.0, math.inf]


def test_consistency_is_the_share_of_branches_that_have_a_write(two_writes: Any) -> None:
    assert measures.consistency(two_writes, 0) == pytest.approx(2 / 6)
    shares = measures.consistency(two_writes, [[0, 1.999, 2], [4, 6, 8]])
    assert shares.tolist() == [pytest.approx([2 / 6, 2 / 6, 3 / 6]), pytest.approx([4 / 6, 5 / 6, 1])]


@pytest.mark.parametrize("t_ms", [-1, float("nan"), [0.0, -0.5], np.array([[1.0, np.nan]])])
def test_consistency_at_no_time_is_refused(two_writes: Any, t_ms: Any) -> None:
    with pytest.raises(ValueError, match=r"t_ms (-1|nan|-0\.5) is not right: give milliseconds from 0"):
        measures.consistency(two_writes, t_ms)


def test_consistency_of_nothing_is_no_number() -> None:
    assert math.isnan(measures.consistency(trace_of([]), 1.0))


def test_a_write_that_never_arrives_is_never_read() -> None:
    trace = trace_of([commit(1_000, 1, 1, 5, 105), query(9_000, 2, 100, 1)], branches=2)
    assert measures.consistency(trace, 1e9) == 0.5


def test_cost_counts_what_was_sent(two_writes: Any) -> None:
    table = measures.cost(two_writes)
    assert table.loc["update"].tolist() == [4, 160, 2.0, 80.0]
    assert table.loc["all"].tolist() == [4, 160, 2.0, 80.0]
    assert table.loc["call", "messages"] == 0


def test_cost_of_no_operation_is_not_a_number() -> None:
    table = measures.cost(trace_of([sent(1, 1, 2, 1)]))
    assert table.loc["all", "messages"] == 1
    assert table["messages_per_operation"].isna().all()


def test_latency_is_a_wait_that_happened(two_writes: Any) -> None:
    table = measures.latency(two_writes, [50, 100])
    assert table.to_dict("index") == {
        "deposit": {"count": 1, "p50": 0.01, "p100": 0.01},
        "withdraw": {"count": 1, "p50": 0.01, "p100": 0.01},
        "query": {"count": 5, "p50": 0.04, "p100": 0.06},
        "refused": {"count": 1, "p50": 1.0, "p100": 1.0},
        "all": {"count": 8, "p50": 0.03, "p100": 1.0},
    }


@pytest.mark.parametrize(("percentile", "rank"), [(1, 1), (10, 1), (10.1, 2), (90, 9), (99, 10), (100, 10)])
def test_a_percentile_is_the_nearest_rank(percentile: float, rank: int) -> None:
    assert measures.nearest_rank(np.arange(1, 11), percentile) == rank


@pytest.mark.parametrize("percentile", [0, -1, 100.1, math.nan])
def test_a_percentile_out_of_range_is_refused(two_writes: Any, percentile: float) -> None:
    with pytest.raises(ValueError, match="is not right: give a number above 0 and up to 100"):
        measures.latency(two_writes, [percentile])


# Branches that were killed.

#: Branch 2 commits what nobody hears of, is killed, and comes back with it, or without.
KILLED = [commit(1_000, 2, 1, 5, 105), at(2_000, 2, "killed"), query(3_000, 1, 100, 1)]
BACK_WITH = [at(4_000, 2, "restarted"), joined(4_000, 2, "2", 1, 105, event="recovered")]


def test_nobody_is_behind_what_only_a_killed_branch_has() -> None:
    trace = trace_of(KILLED, branches=2)
    assert measures.versions_behind(trace)[1].tolist() == [0, 1, 0]
    assert measures.versions_behind(trace)[2].isna().tolist() == [False, False, True]
    assert measures.staleness(trace)["versions"].tolist() == [0]
    assert measures.divergence(trace)["spread"].tolist() == [0, 5, 0]


def test_a_branch_that_comes_back_with_its_data_has_what_the_others_lack() -> None:
    trace = trace_of([*KILLED, *BACK_WITH], branches=2)
    assert measures.versions_behind(trace)[1].tolist() == [0, 1, 0, 1]
    assert measures.convergence_time(trace) is None
    assert measures.convergence_time(trace_of([*KILLED, *BACK_WITH, joined(9_000, 1, "2", 1, 105)], 2)) == 8.0


def test_a_branch_that_comes_back_without_its_data_is_behind() -> None:
    rows = [
        commit(1_000, 1, 1, 5, 105),
        joined(2_000, 2, "1", 1, 105, amount=5),
        at(3_000, 2, "killed"),
        at(4_000, 2, "restarted", reason="without its data"),
        commit(5_000, 2, 1, 7, 107, origin="2.9"),
        joined(6_000, 2, "1", 1, 112),
        joined(7_000, 1, "2.9", 1, 112),
    ]
    trace = trace_of(rows, branches=2)
    assert measures.versions_behind(trace)[2].to_list()[-4:] == [1, 1, 0, 0]
    assert measures.divergence(trace)["spread"].to_list()[-4:] == [5, 2, 7, 0]
    # That it lost what it had does not make it later.
    assert measures.visibility(trace).to_numpy().tolist() == [[0.0, 1.0], [2.0, 0.0]]


def test_a_branch_that_is_down_at_the_end_answers_nobody() -> None:
    rows = [commit(1_000, 1, 1, 5, 105), at(1_500, 3, "killed"), joined(2_000, 2, "1", 1, 105)]
    assert measures.consistency(trace_of(rows), 1.0) == 1.0


# Faults.


def faults(rows: list[dict[str, Any]], **more: Any) -> list[list[Any]]:
    table = measures.faults(trace_of(rows, **more))
    return table[["kind", "text", "start_us", "end_us", "lifted"]].to_numpy().tolist()


def cuts(time_us: int, event: str, pairs: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [at(time_us + n, a, event, peer=b) for n, (a, b) in enumerate(pairs)]


def test_a_partition_is_one_fault_that_names_its_sides() -> None:
    pairs = [(1, 3), (2, 3), (3, 1), (3, 2)]
    rows = [*cuts(1_000, "cut", pairs), *cuts(9_000, "mended", pairs)]
    assert faults(rows) == [["partition", "1, 2 | 3", 1_000, 9_003, True]]


def test_a_partition_of_an_overlay_is_told_by_its_links() -> None:
    # A ring: two cut links part it, though not every pair was cut.
    pairs = [(2, 3), (3, 2), (1, 4), (4, 1)]
    ring = [[1, 2], [2, 3], [3, 4], [1, 4]]
    rows = [*cuts(1, "cut", pairs), query(50_000, 1, 100, 1)]
    assert faults(rows, branches=4, links=ring)[0][1] == "1, 2 | 3, 4"


def test_links_that_part_nobody_are_named() -> None:
    end = query(50_000, 1, 100, 1)
    assert faults([*cuts(1, "cut", [(1, 2)]), end])[0][1] == "1 → 2"
    assert faults([*cuts(1, "cut", [(1, 2), (2, 1)]), end])[0][1] == "1 ↔ 2"
    assert faults([*cuts(1, "cut", [(3, 1), (3, 2)]), end])[0][1] == "3 → 1, 2"
    assert faults([*cuts(1, "cut", [(1, 2), (2, 3)]), end])[0][1] == "1 → 2, 2 → 3"


def test_faults_of_branches_last_until_they_are_over_or_the_trace_is() -> None:
    rows = [
        at(1_000, 2, "paused"),
        at(2_000, 3, "killed"),
        at(3_000, 2, "resumed"),
        *[at(4_000, branch, "dropping") for branch in (1, 2, 3)],
        query(50_000, 1, 100, 1),
    ]
    assert faults(rows) == [
        ["paused", "2", 1_000, 3_000, True],
        ["killed", "3", 2_000, 50_000, False],
        ["loss", "all", 4_000, 50_000, False],
    ]


def test_faults_one_after_another_are_two() -> None:
    rows = [
        at(t, 2, event) for t, event in [(10, "paused"), (20, "resumed"), (30, "paused"), (40, "resumed")]
    ]
    assert [fault[2:4] for fault in faults(rows)] == [[10, 20], [30, 40]]


def test_faults_of_one_kind_may_overlap() -> None:
    events = [(1, "paused"), (5, "paused"), (10, "resumed"), (20, "resumed"), (30, "paused")]
    assert [fault[2:] for fault in faults([at(t, 1, event) for t, event in events])] == [
        [1, 10, True],
        [5, 20, True],
        [30, 30, False],
    ]


def test_a_part_of_a_trace_shows_the_fault_that_it_begins_in() -> None:
    before = [commit(1_000, 1, 1, 5, 105), at(2_000, 3, "paused")]
    part = trace_of([*before, query(6_000, 1, 105, 1), at(8_000, 3, "resumed")]).window(5_000, 20_000)
    table = measures.faults(part)
    assert table[["kind", "start_us", "end_us"]].to_numpy().tolist() == [["paused", 6_000, 8_000]]


def test_branches_are_named_as_ranges() -> None:
    rows = [at(10, branch, "paused") for branch in (1, 2, 3, 5, 7, 8)]
    assert faults(rows, branches=9)[0][1] == "1-3, 5, 7, 8"


# Parts of a run, and whole ones.


def test_a_part_of_a_trace_knows_what_was_before(two_writes: Any) -> None:
    part = two_writes.window(8_000, 20_000)
    whole = measures.versions_behind(two_writes)
    assert measures.versions_behind(part).loc[9_000:].equals(whole.loc[9_000:])
    assert measures.versions_behind(part).loc[9_000].tolist() == [1, 0, 1]
    assert measures.divergence(part).loc[10_000:].equals(measures.divergence(two_writes).loc[10_000:])


@pytest.mark.parametrize("seed", range(12))
def test_measures_agree_with_each_other_and_with_the_run(seed: int) -> None:
    run = replibank.simulate(seed=seed, branches=5, operations=120, trace=True)
    assert run.ok
    trace, frame = run.trace, run.trace.to_pandas()
    assert trace.lost == 0
    behind = measures.versions_behind(trace)
    assert behind.iloc[-1].fillna(0).eq(0).all(), "a run ends settled"
    assert measures.convergence_time(trace) is not None
    assert measures.divergence(trace).iloc[-1].tolist() == [0, 0]
    assert (measures.divergence(trace)["behind"].max()) == behind.max().max()
    read = measures.staleness(trace)
    assert len(read) == int((frame["event"] == "query").sum())
    assert ((read["versions"] == 0) == (read["ms"] == 0)).all()
    assert measures.consistency(trace, 0) >= 1 / 5
    seen = measures.visibility(trace)
    assert len(seen) == int(frame["event"].isin(["deposit", "withdraw"]).sum())
    # What the branch says of itself and what the trace plays back to.
    told = frame[frame["known"].notna()].groupby("branch")["known"].last()
    played = {branch: sum(version.to_dict().values()) for branch, version in trace.versions().items()}
    assert told.to_dict() == {branch: played[branch] for branch in told.index}
