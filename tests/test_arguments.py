"""Arguments that cannot be right are refused at once, by name, with what would be right."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import replibank
from replibank import AsyncBank, AsyncCustomer, Bank, Customer, Deposit, Query, Withdraw
from replibank.cli import options

NAN = float("nan")


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    with Bank({1: 400, 2: 400}) as bank:
        yield bank


@pytest.mark.parametrize(
    ("value", "kind"),
    [(-1, ValueError), (2**64, ValueError), ("x", TypeError), (True, TypeError), (1.0, TypeError)],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda bank, value: bank.customer(1).query(account=value),
        lambda bank, value: bank.customer(1).read(account=value),
        lambda bank, value: bank.customer(1).deposit(1, account=value),
        lambda bank, value: bank.customer(1).withdraw(1, account=value),
        lambda bank, value: bank.balances(value),
        lambda bank, value: Deposit(1, account=value),
        lambda bank, value: Withdraw(1, account=value),
        lambda bank, value: Query(account=value),
    ],
    ids=["query", "read", "deposit", "withdraw", "balances", "Deposit", "Withdraw", "Query"],
)
def test_accounts(bank: Bank, ask: Callable[[Bank, Any], Any], value: Any, kind: type[Exception]) -> None:
    with pytest.raises(
        kind, match=r"^account .* is not right: give a whole number from 0 to 18446744073709551615"
    ):
        ask(bank, value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0, ValueError), (-1, ValueError), (2**40, ValueError), ("1", TypeError), (True, TypeError)],
)
def test_branches(bank: Bank, value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^branch .* is not right: give a whole number from 1 to 4294967295$"):
        bank.customer(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0, ValueError), (NAN, ValueError), (float("inf"), ValueError), ("x", TypeError), (True, TypeError)],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda bank, value: bank.customer(1).query(timeout=value),
        lambda bank, value: bank.customer(1).execute([], timeout=value),
        lambda bank, value: bank.customer(1, timeout=value),
        lambda bank, value: bank.wait_until_converged(value),
        lambda bank, value: Customer(bank.addresses[1], timeout=value),
    ],
    ids=["query", "execute", "customer", "wait_until_converged", "Customer"],
)
def test_timeouts(bank: Bank, ask: Callable[[Bank, Any], Any], value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^timeout .* is not right: give seconds above 0 and up to 86400$"):
        ask(bank, value)


@pytest.mark.parametrize("value", [NAN, -1.0, "x", None])
def test_delays(bank: Bank, value: Any) -> None:
    with pytest.raises(
        (ValueError, TypeError), match=r"^propagation_delay .* is not right: give seconds from 0 to "
    ):
        Bank({1: 400}, propagation_delay=value)
    with pytest.raises((ValueError, TypeError), match=r"^interval .* is not right: give seconds from 0 to "):
        bank.customer(1).watch(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"branches": [(1, 4)]},
            r"branches \[\(1, 4\)\] is not right: give a dict of opening balances by branch id",
        ),
        ({"branches": None}, "branches None is not right: give a dict of opening balances by branch id"),
        ({"ports": [1]}, r"ports \[1\] is not right: give a dict of ports by branch id"),
        ({"accounts": [1]}, r"accounts \[1\] is not right: give a dict of opening balances by account id"),
        ({"propagation": 5}, "propagation 5 is unknown: give stream or unary"),
        ({"topology": None}, "topology None is unknown: give auto, mesh, overlay or ring"),
    ],
    ids=["branches", "no branches", "ports", "accounts", "propagation", "topology"],
)
def test_banks(options: dict[str, Any], message: str) -> None:
    described: dict[str, Any] = {"branches": {1: 4}, **options}
    with pytest.raises(TypeError, match=message):
        Bank(**described)
    with pytest.raises(TypeError, match=message):
        asyncio.run(AsyncBank(**described).start())


def test_what_execute_and_deposit_take(bank: Bank) -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="actions 5 is not right: give a list of Deposit, Withdraw and Query"):
        bank.customer(1).execute(wrong)
    with pytest.raises(TypeError, match="amounts 5 is not right: give a list of whole numbers"):
        bank.customer(1).deposit_many(wrong)
    with pytest.raises(TypeError, match="amount 'x' is not right: give a whole number from 1 to"):
        bank.customer(1).deposit_many(["x"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="concern 5 is unknown: give local, majority or all"):
        bank.customer(1).deposit(1, concern=wrong)


@pytest.mark.parametrize(
    "address",
    [
        *["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:5x", "127.0.0.1:0", "127.0.0.1:+5", ":99999", ":5001"],
        *["127.0.0.1:99999", "http://127.0.0.1:5001", "127.0.0.1:5001/x", "user@host:5001", "a b:5001"],
        *["::1:5001", "[::1:5001"],
    ],
)
def test_addresses(address: str) -> None:
    # With a day to connect in, only a refusal at once is one.
    message = "address .* is not right: give HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:5001"
    with pytest.raises(ValueError, match=message):
        Customer(address, timeout=86_400)
    with pytest.raises(ValueError, match=message):
        asyncio.run(AsyncCustomer(address, timeout=86_400).connect())


def test_an_address_that_is_none(bank: Bank) -> None:
    wrong: Any = None
    with pytest.raises(TypeError, match="address None is not right: give HOST:PORT"):
        Customer(wrong)
    port = bank.addresses[1].partition(":")[2]
    with Customer(f"localhost:{port}") as customer:
        assert customer.query() == 400


def test_one_port_for_two_branches() -> None:
    with pytest.raises(
        replibank.AddressInUse, match=r"branch 2 cannot listen .* branch 1 was given the same"
    ):
        Bank({1: 400, 2: 400}, ports={1: 50001, 2: 50001})


def test_what_is_closed_is_not_entered_again() -> None:
    bank = Bank({1: 400})
    customer = bank.customer(1)
    customer.close()
    bank.close()
    for closed in (customer, bank):
        with pytest.raises(replibank.Closed), closed:
            pass


@pytest.mark.parametrize(
    ("name", "right", "outside"),
    [
        ("seed", "give a whole number from 0 to 18446744073709551615", [-1, 2**64]),
        ("branches", "give a whole number from 1 to 8000", [0, 8001]),
        ("operations", "give a whole number from 1 to 100000000", [0, 100_000_001]),
        ("accounts", "give a whole number from 1 to 1048576", [0, 2**20 + 1]),
        ("opening", "give a whole number from 0 to 9007199254740991", [-1, 2**53]),
        ("duration", "give seconds from 0.000001 to 31622400", [0, -1.0, 1e-7, 31_622_401, NAN, 10**400]),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_numbers_of_simulate(name: str, right: str, outside: list[Any]) -> None:
    wrong: list[Any] = ["x", True, [1], 1j]
    if name != "duration":
        wrong.append(1.0)
    for kind, values in ((ValueError, outside), (TypeError, wrong)):
        for value in values:
            with pytest.raises(kind) as refused:
                replibank.simulate(**{name: value})
            assert str(refused.value).startswith(f"{name} ")
            assert str(refused.value).endswith(f" is not right: {right}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"latency": 2000},
            r'^latency 2000 is not right: give microseconds as a text, such as "2000", or another',
        ),
        ({"topology": 5}, "^topology 5 is unknown: give auto, mesh, overlay or ring$"),
        ({"propagation": 5}, "^propagation 5 is unknown: give stream, unary or calls$"),
        ({"concern": 5}, "^concern 5 is unknown: give local, majority or all$"),
        ({"bug": 5}, "^bug 5 is unknown: give absolute-balance, .* or concern-ignored$"),
        ({"sessions": 1}, "^sessions 1 is not right: give True or False$"),
        ({"durable": "no"}, "^durable 'no' is not right: give True or False$"),
        ({"faults": "crash"}, r"^faults is a text: give a list, as \['crash'\]$"),
        ({"faults": 5}, "^faults 5 is not right: give a list of kinds of faults$"),
        ({"faults": ["crash", 5]}, "^fault 5 is unknown: give loss, duplication, .* or crowd$"),
        ({"plan": {}}, r"^plan \{\} is not right: give a plan's JSON, as text$"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_else_simulate_takes(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        replibank.simulate(**arguments)


def test_the_command_knows_the_same_longest_timeout_as_the_core() -> None:
    assert replibank._core.BOUNDS["TIMEOUT_MAX"] == options.TIMEOUT_MAX
