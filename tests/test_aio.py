"""AsyncBank and AsyncCustomer: the same as the blocking ones, as real coroutines on any loop."""

import asyncio
import inspect
import socket
from collections.abc import Coroutine
from typing import Any

import psutil
import pytest
import replibank
from replibank import AsyncBank, AsyncCustomer, Bank, Customer, Deposit, Query, Version

#: Methods by which the asynchronous classes begin: the others connect in their constructors.
BEGINNINGS = {"connect", "start"}


async def the_first_example() -> dict[int, int]:
    async with AsyncBank({1: 400, 2: 400, 3: 400}) as bank:
        customer = await bank.customer(2)
        await customer.deposit(170)
        await bank.wait_until_converged(timeout=5)
        return await bank.balances()


def test_the_first_example() -> None:
    assert asyncio.run(the_first_example()) == {1: 570, 2: 570, 3: 570}


def test_one_loop_after_another() -> None:
    for _ in range(5):
        assert asyncio.run(the_first_example())[1] == 570


def test_blocking_calls_work_within_a_running_loop() -> None:
    """As in a notebook's cell, which has a loop running around it."""

    async def cell() -> int:
        with Bank({1: 400}) as bank:
            return bank.customer(1).deposit(1).balance

    assert asyncio.run(cell()) == 401


@pytest.mark.parametrize(("blocking", "asynchronous"), [(Bank, AsyncBank), (Customer, AsyncCustomer)])
def test_both_kinds_offer_the_same(blocking: type, asynchronous: type) -> None:
    def public(kind: type) -> dict[str, Any]:
        members = {name: value for part in reversed(kind.__mro__) for name, value in vars(part).items()}
        return {name: value for name, value in members.items() if not name.startswith("_")}

    assert set(public(blocking)) == set(public(asynchronous)) - BEGINNINGS
    assert inspect.signature(blocking) == inspect.signature(asynchronous)
    for name, method in public(asynchronous).items():
        assert method.__doc__, name
        if isinstance(method, property):
            continue
        ours = inspect.signature(method)
        assert (
            inspect.iscoroutinefunction(method)
            or (name == "watch" and inspect.isasyncgenfunction(method))
            # Faults and watches are awaited, or entered, by themselves.
            or ours.return_annotation in {"AsyncFault", "Watch"}
        ), name
        if name not in BEGINNINGS:
            theirs = inspect.signature(public(blocking)[name])
            assert ours.parameters == theirs.parameters, name


def test_every_operation() -> None:
    async def main() -> None:
        async with AsyncBank({1: 400, 2: 400}, accounts={7: 10}) as bank:
            assert bank.branches == [1, 2]
            async with AsyncCustomer(bank.addresses[1], timeout=5) as customer:
                receipt = await customer.deposit(100, concern="all")
                assert await bank.balances() == {1: 500, 2: 500}
                assert (await customer.withdraw(50)).balance == 450
                assert await customer.query(account=7) == 10
                assert await customer.read() == (450, Version({1: 2}))
                answers = await customer.execute([Deposit(1), Query()], at_least=receipt)
                assert answers[1] == 451
                balances = [answer.balance for answer in await customer.deposit_many([1, 1], account=7)]
                assert balances == [11, 12]
                assert (await customer.status()).links == (replibank.Link(2, True, 0),)
                with pytest.raises(replibank.InsufficientFunds):
                    await customer.withdraw(1000)
            with pytest.raises(replibank.Closed):
                await customer.query()
            await bank.wait_until_converged()
            assert await bank.versions() == {1: Version({1: 5}), 2: Version({1: 5})}

    asyncio.run(main())


def test_tasks_and_groups_run_at_the_same_time() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0, 2: 0}) as bank:
            one, two = await bank.customer(1), await bank.customer(2)
            # The reader waits for the writer: one after the other, they would never end.
            reader = asyncio.create_task(two.query(at_least=Version({1: 100}), timeout=60))
            async with asyncio.TaskGroup() as group:
                for _ in range(100):
                    group.create_task(one.deposit(1))
            assert await reader == 100
            assert (
                sum(receipt.balance > 0 for receipt in await asyncio.gather(one.deposit(1), two.deposit(1)))
                == 2
            )

    asyncio.run(main())


def test_thousands_of_deposits_at_once() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0}) as bank:
            customer = await bank.customer(1, timeout=60)
            receipts = await asyncio.gather(*(customer.deposit(1) for _ in range(10_000)))
            assert sorted(receipt.balance for receipt in receipts) == list(range(1, 10_001))

    asyncio.run(main())


def test_a_cancelled_wait_ends_at_once_and_the_customer_goes_on() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0}) as bank:
            customer = await bank.customer(1)
            never = customer.query(at_least=Version({1: 10**6}), timeout=3600)
            waiting = asyncio.create_task(never)
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await customer.query(at_least=Version({1: 10**6}), timeout=3600)
            assert (await customer.deposit(1)).balance == 1

    asyncio.run(asyncio.wait_for(main(), 30))


def test_cancelled_deposits_count_once_or_never() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0, 2: 0}) as bank:
            customer = await bank.customer(1)
            tasks = [asyncio.create_task(customer.deposit(1)) for _ in range(200)]
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            answered = sum(isinstance(answer, replibank.Receipt) for answer in done)
            # What the branch decided it also tells the others, whoever asked for it. A call that was
            # given up may still be on its way: one convergence need not be the last.
            async with asyncio.timeout(30):
                balances = await bank.balances()
                while balances[1] != balances[2]:
                    await bank.wait_until_converged()
                    balances = await bank.balances()
            assert answered <= balances[1] <= 200

    asyncio.run(main())


def test_thousands_that_are_given_up_leave_the_others_alone() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0, 2: 0}) as bank:
            customer = await bank.customer(1, timeout=60)
            for _ in range(8):
                given_up = [asyncio.create_task(customer.deposit(1, concern="all")) for _ in range(3000)]
                others = [asyncio.create_task(customer.deposit(1)) for _ in range(300)]
                await others[0]
                for task in given_up:
                    task.cancel()
                await asyncio.gather(*others)

    asyncio.run(main())


def test_thousands_that_wait_do_not_hold_up_the_others() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0, 2: 0}) as bank:
            one, two = await bank.customer(1), await bank.customer(2)
            async with bank.partition([1], [2]):
                receipt = await one.deposit(1)
                waiting = [
                    asyncio.create_task(two.query(at_least=receipt, timeout=60)) for _ in range(10_000)
                ]
                await asyncio.sleep(0)
                assert (await two.deposit(5)).balance == 5
                assert await two.query() == 5
                assert not any(task.done() for task in waiting)
            assert set(await asyncio.gather(*waiting)) == {6}

    asyncio.run(main())


def test_an_exception_in_a_group_cancels_the_rest() -> None:
    async def main() -> None:
        async with AsyncBank({1: 0}) as bank:
            customer = await bank.customer(1)

            async def both() -> None:
                async with asyncio.TaskGroup() as group:
                    group.create_task(customer.query(at_least=Version({1: 1}), timeout=3600))
                    group.create_task(customer.withdraw(5))

            with pytest.raises(ExceptionGroup) as raised:
                await both()
            assert [type(error) for error in raised.value.exceptions] == [replibank.InsufficientFunds]

    asyncio.run(asyncio.wait_for(main(), 30))


def test_watching_is_an_async_iterator() -> None:
    async def main() -> list[int]:
        seen = []
        async with AsyncBank({1: 0}) as bank:
            customer = await bank.customer(1)
            async for snapshot in customer.watch():
                seen.append(snapshot.balances[0])
                if len(seen) == 5:
                    await bank.close()
                else:
                    await customer.deposit(1)
        return seen

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_start_and_connect_serve_where_with_does_not() -> None:
    async def main() -> None:
        bank = AsyncBank({1: 400}, processes=True)
        assert repr(bank) == "<AsyncBank of 1 branch: not running>"
        with pytest.raises(replibank.Closed, match="not running"):
            await bank.balances()
        assert await bank.start() is bank
        assert await bank.start() is bank
        assert len(psutil.Process().children()) == 1
        customer = AsyncCustomer(bank.addresses[1])
        with pytest.raises(replibank.Closed, match="not connected"):
            await customer.query()
        assert await customer.connect() is customer
        assert await customer.query() == 400
        assert bank.addresses[1] in repr(bank)
        assert bank.addresses[1] in bank._repr_html_()
        await customer.close()
        assert repr(customer) == f"<AsyncCustomer of {customer.address}, closed>"
        with pytest.raises(replibank.Closed, match="is closed: make a new one"):
            await customer.query()
        await bank.close()
        await bank.close()

    asyncio.run(main())


def test_a_bank_that_cannot_start_leaves_nothing() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            bank = AsyncBank({1: 400, 2: 400}, ports={2: port}, processes=True)
            with pytest.raises(replibank.AddressInUse, match=str(port)):
                await bank.start()
        # The same object can start once the port is free.
        async with bank:
            assert bank.addresses[2] == f"127.0.0.1:{port}"

    asyncio.run(main())


def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    async def main() -> None:
        starting = asyncio.create_task(AsyncBank(dict.fromkeys(range(1, 9), 0), processes=True).start())
        deadline = asyncio.get_running_loop().time() + 30
        while not psutil.Process().children():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.001)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    # That nothing is left is what the fixture of all tests asserts.
    asyncio.run(main())


def test_a_forgotten_bank_warns() -> None:
    async def main() -> None:
        forgotten = [await AsyncBank({1: 400}).start()]
        with pytest.warns(ResourceWarning, match="AsyncBank of 1 branch"):
            forgotten.clear()

    asyncio.run(main())


def test_its_coroutines_are_coroutines() -> None:
    async def main() -> None:
        async with AsyncBank({1: 400}) as bank:
            coroutine = bank.balances()
            assert isinstance(coroutine, Coroutine)
            assert await coroutine == {1: 400}

    asyncio.run(main())
