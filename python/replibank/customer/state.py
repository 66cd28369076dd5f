"""What `Customer` and `AsyncCustomer` have in common: the connection, where it leads, and its timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..errors import Closed

if TYPE_CHECKING:
    from .._core import Customer as CoreCustomer

#: What to do with a customer that has no connection, by what it is called.
_RIGHT = {"closed": "make a new one", "not connected": "use `async with`, or await connect()"}


class CustomerState:
    """A customer that is connected, or is not."""

    _core: CoreCustomer | None = None
    _state = "not connected"

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        self._address = address
        self._timeout = timeout

    @property
    def address(self) -> str:
        """The branch's "HOST:PORT"."""
        return self._address

    def _forget(self) -> None:
        if self._core is not None:
            self._core, self._state = None, "closed"

    def _live(self) -> CoreCustomer:
        if self._core is None:
            raise Closed(f"this customer of {self._address} is {self._state}: {_RIGHT[self._state]}")
        return self._core

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout

    def __repr__(self) -> str:
        state = "" if self._core is not None else f", {self._state}"
        return f"<{type(self).__name__} of {self._address}{state}>"


_Customer = TypeVar("_Customer", bound=CustomerState)


def connected(kind: type[_Customer], core: CoreCustomer, timeout: float) -> _Customer:
    """A customer of this kind whose connection is made already."""
    customer = kind.__new__(kind)
    CustomerState.__init__(customer, core.address, timeout)
    customer._core = core
    return customer
