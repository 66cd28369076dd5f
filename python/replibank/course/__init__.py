"""The course's own shape, over the Rust core: `Branch` and `Customer` with the template's attributes
and methods. A main program that loops over its branches and customers, as the course has it, drives
real branches over real gRPC, and needs no sleep: what one customer wrote, the next one sees.

    >>> from replibank.course import Branch, Customer
    >>> branches = [Branch(id, 400, [1, 2, 3]) for id in [1, 2, 3]]
    >>> customers = [
    ...     Customer(2, [{"id": 1, "interface": "deposit", "money": 170}]),
    ...     Customer(3, [{"id": 2, "interface": "query"}]),
    ... ]
    >>> output = []
    >>> for customer in customers:
    ...     customer.createStub()
    ...     output.append(customer.executeEvents())
    >>> output[1]
    {'id': 3, 'recv': [{'interface': 'query', 'balance': 570}]}
    >>> [branch.balance for branch in branches]
    [570, 570, 570]
    >>> branches[0].stop()

The branches of a program are one bank. It starts with the first `Branch.start()` or
`Customer.createStub()`, and ends with the program, or with `stop`. A program that builds its branches
once more begins a new bank, as when a notebook's cell runs again.
"""

from __future__ import annotations

from .template import Branch, Customer, Stub

__all__ = ["Branch", "Customer", "Stub"]
