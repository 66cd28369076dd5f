"""Faults on running banks, in one process and with a process for each branch: what is cut, late, lost,
held or killed, and that everything heals."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import psutil
import pytest
import replibank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BRANCHES = {1: 400, 2: 400, 3: 400}

#: Seconds after which something is taken not to come.
NEVER = 0.2

KINDS = [
    pytest.param((processes, propagation), id=f"{'processes' if processes else 'one process'}, {propagation}")
    for processes in (False, True)
    for propagation in ("stream", "unary")
]


@pytest.fixture(params=KINDS)
def bank(request: pytest.FixtureRequest) -> Iterator[replibank.Bank]:
    processes, propagation = request.param
    with replibank.Bank(BRANCHES, processes=processes, propagation=propagation) as started:
        yield started


def agree(bank: replibank.Bank, balance: int) -> None:
    bank.wait_until_converged(timeout=30)
    assert bank.balances() == dict.fromkeys(bank.branches, balance)


def misses(bank: replibank.Bank, branch: int, receipt: replibank.Receipt) -> bool:
    """Whether a branch does not get a write."""
    try:
        bank.customer(branch).query(at_least=receipt, timeout=NEVER)
    except replibank.VersionNotReached:
        return True
    return False


def test_a_partition_keeps_sides_apart_until_it_heals(bank: replibank.Bank) -> None:
    bank.customer(3).deposit(10, concern="all")
    with bank.partition([1, 2], [3]):
        here = bank.customer(1).deposit(100, concern="majority")
        there = bank.customer(3).deposit(1)
        assert misses(bank, 3, here)
        assert misses(bank, 2, there)
        assert bank.balances() == {1: 510, 2: 510, 3: 411}
        with pytest.raises(replibank.ConcernNotReached):
            bank.customer(1).deposit(1000, concern="all", timeout=NEVER)
        with pytest.raises(replibank.NotConverged, match="branch 3 lacks 2"):
            bank.wait_until_converged(timeout=NEVER)
    agree(bank, 1511)


def test_links_that_are_cut_are_seen_to_be_down(
    bank: replibank.Bank, wait_until: Callable[..., None]
) -> None:
    def linked(branch: int) -> dict[int, bool]:
        return {link.peer: link.connected for link in bank.customer(branch).status().links}

    wait_until(lambda: linked(1) == {2: True, 3: True}, "all links are up")
    bank.partition([1], [3])
    assert linked(1) == {2: True, 3: False}, "at once, and no other"
    assert linked(3) == {1: False, 2: True}
    # Branch 2 is in no group, and keeps its links.
    bank.customer(1).deposit(5, concern="majority")
    bank.heal()
    wait_until(lambda: linked(1) == {2: True, 3: True}, "the link is up again")
    agree(bank, 405)


def test_a_cut_one_way_loses_what_goes_that_way(bank: replibank.Bank) -> None:
    with bank.partition([1], [2, 3], one_way=True):
        receipt = bank.customer(1).deposit(5)
        assert misses(bank, 2, receipt)
        assert misses(bank, 3, receipt)
    agree(bank, 405)


def test_faults_overlap_and_each_lifts_its_own(bank: replibank.Bank) -> None:
    with bank.partition([1], [2, 3]):
        with bank.partition([1, 2], [3]):
            receipt = bank.customer(2).deposit(5)
            assert misses(bank, 3, receipt)
        bank.customer(3).query(at_least=receipt)
        assert misses(bank, 1, receipt)
        again = bank.partition([2], [3])
        again.lift()
        again.lift()
    agree(bank, 405)


def test_what_is_delayed_comes_when_it_is_so_no_more(bank: replibank.Bank) -> None:
    with bank.delay(3600, links=[(1, 2)]), bank.delay(3600, branches=[3]):
        receipt = bank.customer(1).deposit(5)
        assert misses(bank, 2, receipt)
        assert misses(bank, 3, receipt)
    agree(bank, 405)


def test_a_delay_one_way_is_one_way() -> None:
    with replibank.Bank({1: 400, 2: 400}) as bank:
        bank.customer(1).deposit(1, concern="all")
        with bank.delay(3600, links=[(2, 1)], one_way=True):
            receipt = bank.customer(1).deposit(5)
            assert bank.customer(2).query(at_least=receipt) == 406
            assert misses(bank, 1, bank.customer(2).deposit(1))


def test_lost_messages_delay_and_lose_nothing(bank: replibank.Bank) -> None:
    with bank.drop(0.3):
        for branch in bank.branches * 10:
            bank.customer(branch).deposit(1)
    agree(bank, 430)
    with bank.drop(1.0, branches=[3]):
        receipt = bank.customer(3).deposit(1)
        assert misses(bank, 1, receipt)
        bank.customer(1).deposit(1, concern="majority")
    agree(bank, 432)


def test_lost_requests_and_answers_count_once(bank: replibank.Bank) -> None:
    with bank.drop_requests(0.4):
        customer = bank.customer(2)
        assert [customer.deposit(1, timeout=60).balance for _ in range(15)] == list(range(401, 416))
        answers = customer.execute([replibank.Deposit(1)] * 100, timeout=60)
        assert answers[-1].balance == 515  # type: ignore[union-attr]
    agree(bank, 515)


def test_a_paused_branch_answers_nobody_and_goes_on(bank: replibank.Bank) -> None:
    customer, other = bank.customer(2), bank.customer(1)
    bank.pause(2)
    bank.pause(2)
    with pytest.raises(replibank.DeadlineExceeded) as unanswered:
        customer.deposit(5, timeout=NEVER)
    assert unanswered.value.may_have_happened
    with pytest.raises(replibank.DeadlineExceeded):
        customer.query(timeout=NEVER)
    receipt = other.deposit(100, concern="majority")
    with pytest.raises(replibank.DeadlineExceeded, match="branch 2 is paused and answers nobody"):
        bank.balances(timeout=NEVER)
    with pytest.raises(replibank.DeadlineExceeded, match="branch 2 is paused and answers nobody"):
        bank.wait_until_converged(timeout=NEVER)
    with bank.partition([1], [2]):
        # It hears of the partition when it goes on.
        bank.resume(2)
        bank.resume(2)
        bank.customer(2).query(timeout=10)
        assert bank.customer(3).query(at_least=receipt) in (500, 505)
    bank.wait_until_converged()
    assert len(set(bank.balances().values())) == 1
    with bank.pause(1), bank.pause(3):
        assert bank.customer(2).query() in (500, 505)
    bank.heal()
    bank.wait_until_converged()


def test_a_paused_branch_can_be_killed(bank: replibank.Bank) -> None:
    bank.pause(2)
    with bank.kill(2):
        assert bank.balances() == {1: 400, 3: 400}
        with pytest.raises(replibank.NotRunning):
            bank.pause(2)
        with pytest.raises(replibank.NotRunning):
            bank.resume(2)
    agree(bank, 400)
    with bank.kill(3):
        bank.restart(3)
    agree(bank, 400)


def test_a_restarted_branch_is_still_cut_off(bank: replibank.Bank) -> None:
    bank.customer(3).deposit(7, concern="all")
    bank.partition([1, 2], [3])
    with bank.kill(3):
        bank.customer(1).deposit(100)
    assert bank.customer(3).query() == 400, "it has no data, and nobody to ask"
    with pytest.raises(replibank.NotConverged):
        bank.wait_until_converged(timeout=NEVER)
    bank.heal()
    agree(bank, 507)


def test_what_cannot_be_is_said(bank: replibank.Bank) -> None:
    wrong: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: bank.partition([1]), replibank.ConfigError, "name two groups or more"),
        (lambda: bank.partition([1], [1, 2]), replibank.ConfigError, "branch 1 is in two groups"),
        (lambda: bank.partition([1], []), replibank.ConfigError, "a group of a partition is empty"),
        (lambda: bank.partition([1], [4]), replibank.UnknownBranch, "no branch 4: this bank has"),
        (lambda: bank.partition(1, 2), TypeError, "group 1 is not right: give a list of branch ids"),  # type: ignore[arg-type]
        (lambda: bank.partition([1], ["2"]), TypeError, "branch '2' is not right"),  # type: ignore[list-item]
        (lambda: bank.delay(-1), ValueError, "seconds -1 is not right: give seconds from 0 to 86400"),
        (lambda: bank.drop(1.2), ValueError, "share 1.2 is not right: give a number from 0 to 1"),
        (lambda: bank.drop("most"), TypeError, "share 'most' is not right"),  # type: ignore[arg-type]
        (lambda: bank.drop(0.1, [9]), replibank.UnknownBranch, "no branch 9"),
        (lambda: bank.drop(0.1, [1], links=[(1, 2)]), replibank.ConfigError, "give one of them"),
        (lambda: bank.drop(0.1, one_way=True), replibank.ConfigError, "one_way says nothing without links"),
        (lambda: bank.delay(1, links=[1, 2]), TypeError, "give a list of pairs of branch ids"),  # type: ignore[list-item]
        (lambda: bank.delay(1, links=[(1, 1)]), replibank.ConfigError, "branches 1 and 1 have no link"),
        (lambda: bank.drop_requests(0.1, [9]), replibank.UnknownBranch, "no branch 9"),
        (lambda: bank.pause(9), replibank.UnknownBranch, "no branch 9"),
    ]
    for call, kind, says in wrong:
        with pytest.raises(kind, match=says):
            call()
    agree(bank, 400)
    bank.close()
    with pytest.raises(replibank.Closed):
        bank.partition([1], [2])


def test_faults_of_a_closed_bank_lift_quietly() -> None:
    bank = replibank.Bank(BRANCHES)
    with bank.partition([1], [2]), bank.pause(3), bank.kill(1):
        bank.close()


def test_async_banks_have_the_same_faults() -> None:
    async def main(processes: bool) -> dict[int, int]:
        async with replibank.AsyncBank(BRANCHES, processes=processes) as bank:
            customer = await bank.customer(1)
            async with bank.partition([1], [2, 3]):
                await customer.deposit(5)
                assert (await bank.balances())[2] == 400
            async with bank.drop(0.2), bank.delay(0.001, [2]), bank.drop_requests(0.2):
                await customer.deposit(6)
            await bank.partition([1, 2], [3])
            await asyncio.create_task(bank.pause(2))
            with pytest.raises(replibank.DeadlineExceeded, match="branch 2 is paused"):
                await bank.balances(timeout=NEVER)
            await bank.resume(2)
            async with bank.kill(2):
                assert set(await bank.balances()) == {1, 3}
            await bank.heal()
            await bank.wait_until_converged()
            return await bank.balances()

    for processes in (False, True):
        assert asyncio.run(main(processes)) == dict.fromkeys(BRANCHES, 411)


def test_a_fault_that_nobody_awaits_is_told() -> None:
    async def main() -> None:
        async with replibank.AsyncBank({1: 400, 2: 400}) as bank:
            with pytest.warns(RuntimeWarning, match="was never awaited"):
                bank.partition([1], [2])

    asyncio.run(main())


PAUSED = """
    import sys
    import replibank

    bank = replibank.Bank({1: 400, 2: 400}, processes=True)
    bank.pause(2)
    print("paused", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_a_paused_child_does_not_outlive_its_parent(
    number: signal.Signals | None,
    script: Callable,
    wait_until: Callable,
    has_ended: Callable,
) -> None:
    process = script(PAUSED)
    assert process.stdout.readline() == "paused\n"
    children = psutil.Process(process.pid).children(recursive=True)
    wait_until(
        lambda: psutil.STATUS_STOPPED in {child.status() for child in children}, "one of them is stopped"
    )
    if number is None:
        process.stdin.close()
    else:
        process.send_signal(number)
    process.wait(timeout=30)
    wait_until(lambda: all(map(has_ended, children)), "the children's end", 10)


def test_a_bank_with_paused_children_closes_at_once() -> None:
    with replibank.Bank(BRANCHES, processes=True) as bank:
        children = psutil.Process().children()
        bank.pause(1)
        bank.pause(3)
    assert not any(child.is_running() for child in children)


def test_a_child_that_ended_by_itself_is_told_by_faults() -> None:
    with replibank.Bank(BRANCHES, processes=True) as bank:
        victim = next(
            child
            for child in psutil.Process().children()
            if bank.addresses[3] in {f"{c.laddr.ip}:{c.laddr.port}" for c in child.net_connections("tcp")}
        )
        victim.kill()
        with pytest.raises(replibank.ProcessError, match=r"^branch 3: its process ended"):
            bank.partition([1], [2])
        with pytest.raises(replibank.ProcessError, match=r"^branch 3: its process ended"):
            bank.pause(3)
        bank.restart(3)
        bank.heal()
        agree(bank, 400)
