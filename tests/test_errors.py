"""The exceptions: that the list is complete, that each is what it says, can be pickled, and is what
really comes when that happens.
"""

import copy
import errno
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import replibank
from replibank import errors

#: For each exception, what the core gives it after the message, by attribute.
VALUES = {
    "AddressInUse": {},
    "AlreadyRunning": {},
    "Closed": {"may_have_happened": True},
    "ConcernNotReached": {"definite": False, "reached": 1, "needed": 2},
    "ConfigError": {},
    "DeadlineExceeded": {"may_have_happened": True},
    "ForkedError": {},
    "InputError": {},
    "InsufficientFunds": {"definite": True, "available": 400, "requested": 500},
    "InvalidAmount": {"definite": True},
    "NotConverged": {},
    "NotRunning": {},
    "Overloaded": {"definite": True},
    "ProcessError": {},
    "ProtocolError": {},
    "Refused": {"definite": True},
    "ReplibankError": {},
    "RequestConflict": {"definite": True},
    "RequestExpired": {"definite": False},
    "StorageError": {},
    "TotalLimit": {"definite": True},
    "UnknownAccount": {"definite": True, "account": 9},
    "UnknownBranch": {},
    "Unreachable": {"may_have_happened": False, "waited": 0.5},
    "VersionLost": {"definite": True},
    "VersionNotReached": {"definite": True},
}

STANDARD = {
    "AddressInUse": OSError,
    "ConcernNotReached": TimeoutError,
    "ConfigError": ValueError,
    "DeadlineExceeded": TimeoutError,
    "ForkedError": RuntimeError,
    "InputError": ValueError,
    "NotConverged": TimeoutError,
    "StorageError": OSError,
    "UnknownBranch": KeyError,
    "Unreachable": ConnectionError,
    "VersionNotReached": TimeoutError,
}

REFUSALS = {
    "ConcernNotReached",
    "InsufficientFunds",
    "InvalidAmount",
    "Overloaded",
    "RequestConflict",
    "RequestExpired",
    "TotalLimit",
    "UnknownAccount",
    "VersionLost",
    "VersionNotReached",
}


def example(name: str) -> errors.ReplibankError:
    made = getattr(errors, name)("something went wrong: mend it", *VALUES[name].values())
    assert isinstance(made, errors.ReplibankError)
    return made


def test_the_list_is_complete() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert defined == set(errors.__all__) == set(VALUES)
    assert defined <= set(replibank.__all__)
    assert {name for name in defined if issubclass(getattr(errors, name), errors.Refused)} == REFUSALS | {
        "Refused"
    }


def test_the_core_raises_each_of_them_and_no_other() -> None:
    source = Path(__file__).parent.parent / "src" / "python" / "error.rs"
    raised = set(re.findall(r"import_exception!\(replibank\.errors, (\w+)\)", source.read_text()))
    assert raised | {"Closed"} == set(errors.__all__) - {"ReplibankError", "Refused"}


@pytest.mark.parametrize("name", VALUES)
def test_each_has_its_message_its_values_and_its_documentation(name: str) -> None:
    made = example(name)
    assert str(made) == made.message == "something went wrong: mend it"
    assert made.__doc__
    for field, value in VALUES[name].items():
        assert getattr(made, field) == value
    assert set(type(made).fields) == set(VALUES[name])
    for field in set(VALUES[name]) - {"definite"}:
        documented = "".join(kind.__doc__ or "" for kind in type(made).__mro__[:2])
        assert f"{field}:" in documented
    assert name not in STANDARD or isinstance(made, STANDARD[name])


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_each_can_be_pickled_and_copied(name: str, protocol: int) -> None:
    made = example(name)
    made.add_note("in the third record")
    for again in (pickle.loads(pickle.dumps(made, protocol)), copy.copy(made), copy.deepcopy(made)):
        assert type(again) is type(made)
        assert str(again) == str(made)
        assert vars(again) == vars(made)


def test_they_pass_between_processes() -> None:
    made = [example(name) for name in VALUES]
    code = "import pickle, sys; print([(type(e).__name__, str(e)) for e in pickle.load(sys.stdin.buffer)])"
    answer = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(made), capture_output=True, timeout=30, check=True
    )
    assert answer.stdout.decode().strip() == str([(name, "something went wrong: mend it") for name in VALUES])


def test_refusals_as_they_come() -> None:
    with replibank.Bank({1: 400, 2: 400}) as bank:
        customer = bank.customer(1)
        with pytest.raises(replibank.InsufficientFunds, match="insufficient funds: 500 requested") as funds:
            customer.withdraw(500)
        assert (funds.value.available, funds.value.requested, funds.value.definite) == (400, 500, True)
        with pytest.raises(replibank.UnknownAccount) as unknown:
            customer.query(account=9)
        assert (unknown.value.account, unknown.value.definite) == (9, True)
        with pytest.raises(replibank.UnknownAccount):
            bank.balances(account=9)
        customer.deposit(2**48 - 1)
        with pytest.raises(replibank.TotalLimit) as total:
            customer.deposit(2**48 - 1)
        assert total.value.definite
        with pytest.raises(replibank.VersionNotReached) as version:
            customer.query(at_least=replibank.Version({2: 1}), timeout=0.05)
        assert version.value.definite


def test_what_does_not_arrive_in_time() -> None:
    with replibank.Bank({1: 400, 2: 400, 3: 400}, propagation_delay=3600) as bank:
        with pytest.raises(replibank.ConcernNotReached) as concern:
            bank.customer(1).deposit(1, concern="majority", timeout=0.2)
        assert (concern.value.reached, concern.value.needed, concern.value.definite) == (1, 2, False)
        with pytest.raises(replibank.NotConverged, match=r"branch 2 lacks 1, branch 3 lacks 1"):
            bank.wait_until_converged(timeout=0.05)
        assert bank.balances() == {1: 401, 2: 400, 3: 400}


def test_a_branch_that_is_not_there() -> None:
    with replibank.Bank({1: 400, 3: 400}) as bank:
        with pytest.raises(replibank.UnknownBranch) as unknown:
            bank.customer(2)
        assert str(unknown.value) == "no branch 2: this bank has branches 1 and 3"


def test_nobody_at_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        # Bound, but not listening: nobody else can get the port, and nobody answers.
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(replibank.Unreachable, match=re.escape(address)) as unreachable:
            replibank.Customer(address, timeout=0.1)
    assert not unreachable.value.may_have_happened
    assert unreachable.value.waited == 0.1


def test_a_branch_that_does_not_answer_in_time() -> None:
    with replibank.Bank({1: 400}, processes=True) as bank:
        customer = bank.customer(1)
        customer.query()
        (child,) = psutil.Process().children()
        child.suspend()
        # The signal is sent, not yet obeyed: each of its threads stops when it is looked at.
        while any(
            not Path(f"/proc/{child.pid}/task/{thread.id}/stat")
            .read_text()
            .rpartition(")")[2]
            .startswith(" T")
            for thread in child.threads()
        ):
            pass
        try:
            with pytest.raises(replibank.DeadlineExceeded) as write:
                customer.deposit(1, timeout=0.2)
            with pytest.raises(replibank.DeadlineExceeded):
                customer.query(timeout=0.2)
        finally:
            child.resume()
    assert write.value.may_have_happened


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for processes in (False, True):
            with pytest.raises(
                replibank.AddressInUse, match=rf"branch 2 cannot listen at 127.0.0.1:{port}"
            ) as taken:
                replibank.Bank({1: 400, 2: 400}, ports={2: port}, processes=processes)
            assert taken.value.errno == errno.EADDRINUSE


def test_a_child_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.exit('no bank today')"
    monkeypatch.setattr("replibank.bank.launch.child_program", lambda: [sys.executable, "-c", code])
    with pytest.raises(replibank.ProcessError, match=r"branch 1: .*no bank today"):
        replibank.Bank({1: 400}, processes=True)


def test_what_is_closed_says_so() -> None:
    bank = replibank.Bank({1: 400})
    customer = bank.customer(1)
    bank.close()
    with pytest.raises(replibank.Closed, match="bank is closed"):
        bank.balances()
    with pytest.raises(replibank.Closed, match=r"bank of the branch at .* is closed; nothing happened"):
        customer.query()
    customer.close()
    with pytest.raises(replibank.Closed, match=r"customer of 127.0.0.1:[0-9]+ is closed"):
        customer.query()
