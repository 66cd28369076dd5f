"""`Branch` and `Customer` with the template's attributes and methods, and the `Stub` between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._base.arguments import BRANCH_MAX, OPENING_MAX, whole
from ..errors import InsufficientFunds, TotalLimit
from .bank import BANK, TIMEOUT


class Stub:
    """The calls that a branch answers, as a gRPC stub has them. It connects when first used.

    A request is anything with `interface` and `money`, as attributes or as keys; an answer is a dict
    as the output file has it.

    Args:
        branch: The branch's id.
    """

    def __init__(self, branch: int) -> None:
        self.branch = branch

    def Query(self, request: Any = None) -> dict[str, Any]:
        """The balance, with every write that this program has made so far.

        Returns:
            {"interface": "query", "balance": ...}
        """
        balance = BANK.customer(self.branch).query(0, BANK.written, TIMEOUT).wait()
        return {"interface": "query", "balance": balance}

    def Deposit(self, request: Any) -> dict[str, Any]:
        """Deposits `request.money`.

        Returns:
            {"interface": "deposit", "result": "success"}

        Raises:
            TypeError, ValueError: The money is no whole number from 1 to 2**48 - 1.
        """
        return self._write("deposit", _field(request, "money"))

    def Withdraw(self, request: Any) -> dict[str, Any]:
        """Withdraws `request.money`; "fail", and nothing moves, if there is less.

        Returns:
            {"interface": "withdraw", "result": "success" or "fail"}

        Raises:
            TypeError, ValueError: The money is no whole number from 1 to 2**48 - 1.
        """
        return self._write("withdraw", _field(request, "money"))

    def Propagate_Deposit(self, request: Any) -> dict[str, Any]:
        """Waits until the branch has every write that this program has made so far.

        Branches tell each other by themselves: this moves no money, however often it is called.

        Returns:
            {"interface": "propagate_deposit", "result": "success"}
        """
        return self._propagated("propagate_deposit")

    def Propagate_Withdraw(self, request: Any) -> dict[str, Any]:
        """As `Propagate_Deposit`.

        Returns:
            {"interface": "propagate_withdraw", "result": "success"}
        """
        return self._propagated("propagate_withdraw")

    Propogate_Deposit = Propagate_Deposit
    Propogate_Withdraw = Propagate_Withdraw

    def MsgDelivery(self, request: Any, context: Any = None) -> dict[str, Any]:
        """Does what `request.interface` names.

        Raises:
            ValueError: There is no such interface.
        """
        interface = str(_field(request, "interface")).lower()
        method = _METHODS.get(interface)
        if method is None:
            raise ValueError(f"interface {interface!r} is not right: give one of {', '.join(_INTERFACES)}")
        answer: dict[str, Any] = getattr(self, method)(request)
        return answer

    def _write(self, interface: str, money: Any) -> dict[str, Any]:
        customer = BANK.customer(self.branch)
        write = customer.deposit if interface == "deposit" else customer.withdraw
        try:
            receipt = write(money, 0, "local", BANK.written, TIMEOUT).wait()
        except (InsufficientFunds, TotalLimit):
            return {"interface": interface, "result": "fail"}
        BANK.written |= receipt.version
        return {"interface": interface, "result": "success"}

    def _propagated(self, interface: str) -> dict[str, Any]:
        self.Query()
        return {"interface": interface, "result": "success"}


class Branch:
    """A branch of the bank, as the template has it.

    Args:
        id: Its id, from 1.
        balance: The opening balance: the same at every branch.
        branches: The ids of all branches; whether its own is among them does not matter.

    Attributes:
        id: Its id.
        branches: The ids, as given.
        stubList: A `Stub` for each other branch.
        recvMsg: The requests that came through this object's methods. What customers and other
            branches send goes to the Rust branch itself, and is not written down.

    Raises:
        ConfigError: The bank cannot have this branch: another balance, or an id it has already. Or the
            id or the balance is out of its range.
        TypeError: An argument is of the wrong type.
    """

    def __init__(self, id: int, balance: int, branches: Iterable[int]) -> None:
        whole("id", id, 1, BRANCH_MAX)
        whole("balance", balance, 0, OPENING_MAX)
        _check_list("branches", branches, "a list of branch ids")
        if not isinstance(branches, Iterator):  # which could not be read again
            for branch in branches:
                whole("branches", branch, 1, BRANCH_MAX)
        self.id = id
        self.branches = branches
        self.recvMsg: list[Any] = []
        self._stub = Stub(id)
        # `branches` may be a list that the program still fills: it is read when the bank starts.
        BANK.add(id, balance, lambda: self.branches)

    @property
    def stubList(self) -> list[Stub]:
        return [Stub(branch) for branch in self.branches if branch != self.id]

    @property
    def balance(self) -> int:
        """The opening balance, and once the bank runs, the balance at this branch with every write
        that this program has made so far."""
        if BANK.is_fresh:
            return BANK.opening(self.id)
        balance: int = self._stub.Query()["balance"]
        return balance

    @property
    def address(self) -> str:
        """Where the Rust branch answers gRPC, "HOST:PORT". It starts the bank if need be."""
        return BANK.addresses()[self.id]

    def start(self) -> None:
        """Starts the bank, with all of its branches. Harmless when called again, and in a child
        process: the branches live in the main one."""
        BANK.start()

    def stop(self) -> None:
        """Ends the bank, with all of its branches. Harmless when called again."""
        BANK.close()

    def MsgDelivery(self, request: Any, context: Any = None) -> dict[str, Any]:
        """Does what `request.interface` names. See `Stub.MsgDelivery`."""
        self.recvMsg.append(request)
        return self._stub.MsgDelivery(request)

    def Query(self, request: Any = None, context: Any = None) -> dict[str, Any]:
        """See `Stub.Query`."""
        self.recvMsg.append(request)
        return self._stub.Query(request)

    def Deposit(self, request: Any, context: Any = None) -> dict[str, Any]:
        """See `Stub.Deposit`."""
        self.recvMsg.append(request)
        return self._stub.Deposit(request)

    def Withdraw(self, request: Any, context: Any = None) -> dict[str, Any]:
        """See `Stub.Withdraw`."""
        self.recvMsg.append(request)
        return self._stub.Withdraw(request)

    def Propagate_Deposit(self, request: Any, context: Any = None) -> dict[str, Any]:
        """See `Stub.Propagate_Deposit`."""
        self.recvMsg.append(request)
        return self._stub.Propagate_Deposit(request)

    def Propagate_Withdraw(self, request: Any, context: Any = None) -> dict[str, Any]:
        """See `Stub.Propagate_Withdraw`."""
        self.recvMsg.append(request)
        return self._stub.Propagate_Withdraw(request)

    Propogate_Deposit = Propagate_Deposit
    Propogate_Withdraw = Propagate_Withdraw


class Customer:
    """A customer of one branch, as the template has it.

    Args:
        id: Its id, which is its branch's too.
        events: What it asks for, as the input file has it: dicts with `interface` and `money`.

    Attributes:
        id: Its id.
        events: Its events.
        recvMsg: The answers so far, as the output file has them.
        stub: The `Stub` of its branch, after `createStub`.

    Raises:
        ConfigError: The id is out of its range.
        TypeError: An argument is of the wrong type.
    """

    def __init__(self, id: int, events: Sequence[Mapping[str, Any]]) -> None:
        whole("id", id, 1, BRANCH_MAX)
        _check_list("events", events, "a list of events")
        self.id = id
        self.events = events
        self.recvMsg: list[dict[str, Any]] = []
        self.stub: Stub | None = None

    def createStub(self) -> None:
        """Connects to the customer's branch, and starts the bank if need be.

        Raises:
            UnknownBranch: There is no such branch.
        """
        BANK.customer(self.id)
        self.stub = Stub(self.id)

    def executeEvents(self) -> dict[str, Any]:
        """Asks for one event after another, and keeps the answers in `recvMsg`.

        Returns:
            The customer's entry of the output file, {"id": ..., "recv": [...]}.
        """
        if self.stub is None:
            self.createStub()
        assert self.stub is not None
        for event in self.events:
            self.recvMsg.append(self.stub.MsgDelivery(event))
        return {"id": self.id, "recv": self.recvMsg}


_METHODS = {
    "query": "Query",
    "deposit": "Deposit",
    "withdraw": "Withdraw",
    "propagate_deposit": "Propagate_Deposit",
    "propagate_withdraw": "Propagate_Withdraw",
    "propogate_deposit": "Propagate_Deposit",
    "propogate_withdraw": "Propagate_Withdraw",
}

# The course's other spelling is understood, and not recommended.
_INTERFACES = [interface for interface in _METHODS if not interface.startswith("propogate")]


def _check_list(name: str, value: Any, right: str) -> None:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"{name} {value!r} is not right: give {right}")


def _field(request: Any, name: str) -> Any:
    if isinstance(request, Mapping):
        if name not in request:
            raise ValueError(f"request {dict(request)!r} has no {name!r}")
        return request[name]
    return getattr(request, name)
