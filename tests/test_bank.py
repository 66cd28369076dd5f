"""Bank: what it starts, what it refuses to start, and that it ends."""

import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
import replibank


def test_the_first_example() -> None:
    with replibank.Bank({1: 400, 2: 400, 3: 400}) as bank:
        bank.customer(2).deposit(170)
        bank.wait_until_converged(timeout=5)
        assert bank.balances() == {1: 570, 2: 570, 3: 570}


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
@pytest.mark.parametrize(
    ("propagation", "topology"),
    [("stream", "auto"), ("stream", "mesh"), ("stream", "overlay"), ("stream", "ring"), ("unary", "auto")],
)
def test_every_kind_of_bank_converges(propagation: str, topology: str, processes: bool) -> None:
    openings = dict.fromkeys(range(1, 11), 400)
    with replibank.Bank(openings, propagation=propagation, topology=topology, processes=processes) as bank:
        for branch in bank.branches:
            bank.customer(branch).deposit(branch)
        bank.wait_until_converged(timeout=30)
        assert bank.balances() == dict.fromkeys(openings, 455)
        assert set(bank.versions().values()) == {replibank.Version(dict.fromkeys(openings, 1))}


def test_it_runs_without_with_and_closes_twice() -> None:
    bank = replibank.Bank({345: 10})
    assert bank.customer(345).withdraw(4).balance == 6
    assert bank.branches == [345]
    bank.close()
    bank.close()


def test_further_accounts_are_apart() -> None:
    with replibank.Bank({1: 400, 2: 400}, accounts={7: 100, 2**64 - 1: 0}) as bank:
        bank.customer(1).deposit(5, account=7)
        bank.wait_until_converged()
        assert bank.balances() == {1: 400, 2: 400}
        assert bank.balances(account=7) == {1: 105, 2: 105}
        assert bank.balances(2**64 - 1) == {1: 0, 2: 0}


@pytest.mark.parametrize("processes", [False, True], ids=["tasks", "processes"])
def test_ports_that_are_given_are_used(processes: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with replibank.Bank({1: 400, 2: 400}, ports={2: port}, processes=processes) as bank:
        assert bank.addresses[2] == f"127.0.0.1:{port}"
        assert replibank.Customer(f"127.0.0.1:{port}").query() == 400
    # The same port is free again at once.
    with replibank.Bank({2: 1}, ports={2: port}) as bank:
        assert bank.customer(2).query() == 1


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (({1: 400, 2: 400, 5: 500},), ValueError, "branch 1 opens with 400 and branch 5 with 500"),
        (({},), ValueError, "a bank needs a branch"),
        (({0: 400},), ValueError, "branch 0 is not right"),
        (({-1: 400},), ValueError, "branch -1 is not right"),
        (({2**32: 400},), ValueError, "branch 4294967296 is not right"),
        (({"1": 400},), TypeError, "branch '1' is not right"),
        (({True: 400},), TypeError, "branch True is not right"),
        (({1: 400.0},), TypeError, "opening balance of branch 1 400.0 is not right"),
        (({1: True},), TypeError, "opening balance of branch 1 True is not right"),
        (({1: -1},), ValueError, "opening balance of branch 1 -1 is not right"),
        (({1: 2**53},), ValueError, "opening balance of branch 1 9007199254740992 is not right"),
    ],
)
def test_what_is_no_bank_is_refused(arguments: tuple[object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        replibank.Bank(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accounts": {0: 5}}, "account 0 is not right"),
        ({"accounts": {7: -5}}, "opening balance of account 7 -5 is not right"),
        ({"ports": {3: 5001}}, "port 5001 is for branch 3, and there is none"),
        ({"ports": {1: 70000}}, "port of branch 1 70000 is not right"),
        ({"propagation": "pigeon"}, "pigeon"),
        ({"topology": "star"}, "star"),
        ({"propagation_delay": -1.0}, "propagation_delay -1 is not right"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replibank.Bank({1: 400, 2: 400}, **options)  # type: ignore[arg-type]


def test_a_bank_that_is_forgotten_warns_and_ends() -> None:
    forgotten = [replibank.Bank({1: 400}, processes=True)]
    (child,) = psutil.Process().children()
    with pytest.warns(ResourceWarning, match=r"<Bank of 1 branch: 1 at 127.0.0.1:[0-9]+> was not closed"):
        forgotten.clear()
    assert not psutil.wait_procs([child], timeout=10)[1]


def test_it_describes_itself_briefly() -> None:
    with replibank.Bank(dict.fromkeys(range(1, 51), 400)) as bank:
        first = bank.addresses[1]
        assert repr(bank).startswith(f"<Bank of 50 branches: 1 at {first}, 2 at ")
        assert repr(bank).endswith(", …>")
        assert len(repr(bank)) < 150
        assert first in bank._repr_html_()
        assert len(bank._repr_html_()) < 1_000
    assert repr(bank) == "<Bank of 50 branches: not running>"
    assert "not running" in bank._repr_html_()


def test_importing_the_package_is_cheap(run_script: object) -> None:
    loaded = run_script(  # type: ignore[operator]
        "import sys, replibank; print({'asyncio', 'replibank._core', 'json', 'pathlib'} & set(sys.modules))",
    )
    assert loaded.strip() == "set()"


def test_a_run_imports_only_what_it_needs(run_script: object) -> None:
    loaded = run_script(  # type: ignore[operator]
        "import sys, replibank.cli.run; print({'asyncio', 'json', 'replibank.bank.bank'} & set(sys.modules))",
    )
    assert loaded.strip() == "set()"


def test_every_name_can_be_had() -> None:
    for name in replibank.__all__:
        assert getattr(replibank, name) is not None
    assert set(replibank.__all__) <= set(dir(replibank))
    assert replibank.__all__ == sorted(replibank.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Node'"):
        _ = replibank.Node  # type: ignore[attr-defined]


def test_the_protocol_is_shipped_as_it_is() -> None:
    source = Path(__file__).parent.parent / "proto"
    files = sorted(path.relative_to(source) for path in source.rglob("*.proto"))
    assert files
    assert (
        sorted(path.relative_to(replibank.proto_path()) for path in replibank.proto_path().rglob("*.proto"))
        == files
    )
    for file in files:
        assert (replibank.proto_path() / file).read_bytes() == (source / file).read_bytes()


@pytest.mark.parametrize("propagation", ["stream", "unary"])
def test_branches_and_customers_of_one_process_need_no_sockets_again(
    propagation: Any, tmp_path: Path
) -> None:
    branches = dict.fromkeys(range(1, 7), 400)
    with (
        replibank.Bank(branches, propagation=propagation, data_dir=tmp_path) as bank,
        bank.customer(1) as customer,
    ):
        for _ in range(3):
            bank.kill(4)
            customer.deposit(1)
            bank.restart(4)
            bank.kill(1)
            bank.restart(1)
            bank.wait_until_converged()
        assert customer.query() == 403
        ports = {int(address.rpartition(":")[2]) for address in bank.addresses.values()}

        def ends() -> int:
            connections = psutil.Process().net_connections("tcp")
            pairs = [{it.laddr.port, it.raddr.port} for it in connections if it.raddr]
            return sum(not ports.isdisjoint(pair) for pair in pairs)

        assert ends() == 0
        # They listen all the same.
        with replibank.Customer(bank.addresses[1]) as other:
            assert other.query() == 403
            assert ends() == 2
