"""Customer: each operation, its conditions and its arguments, against real branches."""

import doctest
import gc
import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import replibank
from replibank import Deposit, Query, Receipt, Version, Withdraw, _core


def test_every_operation_answers_what_it_says() -> None:
    with replibank.Bank({1: 400}, accounts={7: 10}) as bank:
        customer = bank.customer(1)
        receipt = customer.deposit(170)
        assert (receipt.branch, receipt.sequence, receipt.balance) == (1, 1, 570)
        assert customer.withdraw(70).balance == 500
        assert customer.query() == 500
        assert customer.read() == (500, Version({1: 2}))
        assert customer.deposit(5, account=7).balance == 15
        assert customer.query(account=7) == 15
        status = customer.status()
        assert (status.branch, status.incarnation, status.balances) == (1, 0, {0: 500, 7: 15})
        assert (status.version, status.links) == (Version({1: 3}), ())


def test_a_batch_is_answered_in_its_order_and_refusals_are_values() -> None:
    with replibank.Bank({1: 400}) as bank:
        actions = [
            Deposit(1),
            Query(),
            Withdraw(1000),
            Withdraw(1),
            Query(account=9),
            Deposit(2**48 - 1, account=3),
        ]
        first, balance, poor, second, unknown, none = bank.customer(1).execute(iter(actions))
        assert isinstance(first, Receipt)
        assert (first.balance, balance) == (401, 401)
        assert isinstance(poor, replibank.InsufficientFunds)
        assert (poor.available, poor.requested) == (401, 1000)
        assert isinstance(second, Receipt)
        assert second.version == Version({1: 2})
        assert isinstance(unknown, replibank.UnknownAccount)
        assert isinstance(none, replibank.UnknownAccount)
        assert none.account == 3
        assert bank.customer(1).execute([]) == []


def test_many_deposits_are_answered_in_order() -> None:
    with replibank.Bank({1: 400}, accounts={7: 0}) as bank:
        first, refused = bank.customer(1).deposit_many(iter([5, 2**48 - 1]), account=7)
        assert isinstance(first, Receipt)
        assert (first.balance, first.version) == (5, Version({1: 1}))
        assert isinstance(refused, replibank.TotalLimit)
        receipts = bank.customer(1).deposit_many([1] * 3000)
        assert [receipt.balance for receipt in receipts if isinstance(receipt, Receipt)] == list(
            range(401, 3401)
        )
        with pytest.raises(ValueError, match="amount 0 is not right"):
            bank.customer(1).deposit_many([1, 0])
        assert bank.balances() == {1: 3400}
        assert bank.customer(1).deposit_many([]) == []


def test_long_lists_of_answers_leave_the_collector_as_it_was() -> None:
    with replibank.Bank({1: 0}) as bank, bank.customer(1) as customer:
        customer.deposit_many([1] * 3000)
        assert gc.isenabled()
        gc.disable()
        try:
            customer.deposit_many([1] * 3000)
            assert not gc.isenabled()
        finally:
            gc.enable()


def test_a_long_batch_counts_each_action_once() -> None:
    with replibank.Bank({1: 0, 2: 0}) as bank:
        answers = bank.customer(1).execute([Deposit(1)] * 20_000, concern="all", timeout=60)
        assert [answer.sequence for answer in answers if isinstance(answer, Receipt)] == list(
            range(1, 20_001)
        )
        assert bank.balances() == {1: 20_000, 2: 20_000}


def test_long_batches_of_several_threads_do_not_hinder_each_other() -> None:
    with replibank.Bank({1: 0}) as bank, bank.customer(1, timeout=60) as customer:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(customer.deposit_many, [[1] * 20_000] * 4))
        assert all(isinstance(answer, Receipt) for batch in answers for answer in batch)
        assert bank.balances() == {1: 80_000}


@pytest.mark.parametrize("as_version", [False, True], ids=["receipt", "version"])
def test_a_customer_reads_its_write_at_another_branch(as_version: bool) -> None:
    with replibank.Bank({1: 0, 2: 0}, propagation_delay=0.02) as bank:
        one, two = bank.customer(1), bank.customer(2)
        for count in range(1, 21):
            receipt = one.deposit(1)
            at_least = receipt.version if as_version else receipt
            assert two.query(at_least=at_least) == count
        balance, version = two.read(at_least=one.deposit(1))
        assert balance == 21
        assert version >= Version({1: 21})
        assert two.withdraw(22, at_least=one.deposit(1)).balance == 0


@pytest.mark.parametrize(("concern", "least"), [("majority", 3), ("all", 5)])
def test_a_concern_waits_for_the_others(concern: str, least: int) -> None:
    with replibank.Bank(dict.fromkeys(range(1, 6), 0), propagation_delay=0.02) as bank:
        for count in range(1, 11):
            bank.customer(1).deposit(1, concern=concern)  # type: ignore[arg-type]
            assert sum(balance == count for balance in bank.balances().values()) >= least


def test_the_timeout_of_a_call_goes_before_the_customers() -> None:
    never = Version({1: 1})
    with replibank.Bank({1: 0}) as bank:
        with pytest.raises(replibank.VersionNotReached):
            bank.customer(1, timeout=3600).query(at_least=never, timeout=0.05)
        with pytest.raises(replibank.VersionNotReached):
            bank.customer(1, timeout=0.05).query(at_least=never)


@pytest.mark.parametrize(
    ("amount", "kind"),
    [
        *[(amount, ValueError) for amount in (0, -5, 2**48, 2**80)],
        *[(amount, TypeError) for amount in (True, 1.0, "5", None)],
    ],
)
def test_an_amount_that_is_none_is_refused_before_it_is_sent(amount: object, kind: type[Exception]) -> None:
    with replibank.Bank({1: 400}) as bank:
        customer = bank.customer(1)
        for operation in (customer.deposit, customer.withdraw, Deposit, Withdraw):
            with pytest.raises(
                kind, match=r"amount .* is not right: give a whole number from 1 to 281474976710655"
            ):
                operation(amount)  # type: ignore[operator]
        assert customer.query() == 400
        assert bank.versions() == {1: Version()}


def test_conditions_that_cannot_be_are_refused() -> None:
    with replibank.Bank({1: 400}) as bank:
        customer = bank.customer(1)
        for timeout in (0, -1, 86_401, float("nan"), float("inf")):
            with pytest.raises(ValueError, match="timeout"):
                customer.query(timeout=timeout)
        with pytest.raises(ValueError, match='concern "most" is unknown: give local, majority or all'):
            customer.deposit(1, concern="most")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="at_least 5 is not right: give a Version or a Receipt"):
            customer.query(at_least=5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="action 5 is not right"):
            customer.execute([5])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="timeout"):
            replibank.Customer(bank.addresses[1], timeout=0)
        assert bank.versions() == {1: Version()}


def test_watching_shows_each_change_and_ends_with_the_branch() -> None:
    bank = replibank.Bank({1: 400, 2: 400})
    with bank:
        snapshots = bank.customer(2).watch()
        assert next(snapshots).balances == {0: 400}
        receipt = bank.customer(1).deposit(1)
        assert next(snapshots) == replibank.Snapshot(2, {0: 401}, receipt.version)
        bank.customer(1).execute([Deposit(1)] * 1000)
        last = next(snapshot for snapshot in snapshots if snapshot.balances[0] == 1401)
        assert last.version == Version({1: 1001})
        bank.close()
        assert list(snapshots) == []


def test_several_watches_are_apart() -> None:
    with replibank.Bank({1: 0}) as bank:
        customer = bank.customer(1)
        watches = [customer.watch() for _ in range(3)]
        assert [next(watch).balances[0] for watch in watches] == [0, 0, 0]
        customer.deposit(1)
        assert [next(watch).balances[0] for watch in watches] == [1, 1, 1]


def test_threads_share_a_customer() -> None:
    with replibank.Bank({1: 0}) as bank, ThreadPoolExecutor(8) as pool:
        customer = bank.customer(1)
        receipts = list(pool.map(customer.deposit, [1] * 400))
        assert sorted(receipt.sequence for receipt in receipts) == list(range(1, 401))
        assert customer.query() == 400


def test_another_thread_runs_while_one_waits() -> None:
    with replibank.Bank({1: 0}) as bank:
        customer = bank.customer(1)
        waiting = threading.Thread(target=lambda: customer.query(at_least=Version({1: 1})))
        waiting.start()
        # If the wait held the GIL, this line would not be reached before its timeout.
        assert waiting.is_alive()
        customer.deposit(1)
        waiting.join()


def test_closing_is_enough() -> None:
    with replibank.Bank({1: 0}) as bank, replibank.Customer(bank.addresses[1]) as customer:
        address = bank.addresses[1]
        assert repr(customer) == f"<Customer of {address}>"
        customer.close()
        assert repr(customer) == f"<Customer of {address}, closed>"
        assert customer.address == address


def test_values_can_be_pickled() -> None:
    with replibank.Bank({1: 0, 2: 0}) as bank:
        customer = bank.customer(1)
        values = [customer.deposit(1), customer.read(), customer.status(), next(customer.watch())]
    values += [Deposit(1, account=7), Withdraw(2), Query(account=3), Version({1: 2, (3, 5): 1})]
    assert pickle.loads(pickle.dumps(values)) == values


@pytest.mark.parametrize("kind", [Deposit, Withdraw, Query, Receipt, Version])
def test_the_cores_own_examples_run(kind: type) -> None:
    documented = [kind, *(value for _, value in inspect.getmembers(kind) if callable(value))]
    texts = [value.__doc__ for value in documented if ">>>" in (value.__doc__ or "")]
    assert texts
    for text in texts:
        test = doctest.DocTestParser().get_doctest(inspect.cleandoc(text), {}, kind.__name__, None, 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_a_call_runs_once() -> None:
    with replibank.Bank({1: 0}) as bank:
        call = _core.connect(bank.addresses[1], 5.0)
        call.wait()
        with pytest.raises(RuntimeError, match="once"):
            call.wait()
