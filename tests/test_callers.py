"""Customers of other processes, whose connections are driven by whoever calls."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import replibank


def test_a_connection_that_nobody_uses_answers() -> None:
    """A server that pings, as one does to find out who has gone, before the customer's next call."""
    settings, ping, answer = b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0", b"\0\0\x08\6\1\0\0\0\0"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        customer = replibank.Customer("127.0.0.1:{1}".format(*listening.getsockname()))
        peer, _ = listening.accept()
        with customer, peer:
            peer.settimeout(30)
            peer.sendall(settings)
            for question in (b"question", b"and more"):
                peer.sendall(ping + question)
                received = b""
                while answer + question not in received:
                    # Nothing more: the other end has gone.
                    received += peer.recv(4096) or pytest.fail("the customer has hung up")


def test_callers_take_turns_at_driving(repeat: int) -> None:
    """Alone, together and after a rest: whoever calls gets an answer."""
    with replibank.Bank({1: 0, 2: 0}) as bank:
        customers = [replibank.Customer(bank.addresses[branch]) for branch in (1, 2) * 4]

        def work(customer: replibank.Customer) -> None:
            for number in range(200):
                customer.deposit(1, concern="local" if number % 9 else "all")

        with ThreadPoolExecutor(len(customers)) as threads:
            for count in range(4 * repeat):
                work(customers[count % len(customers)])
                list(threads.map(work, customers[: 2 + count % 7]))
        bank.wait_until_converged()
        expected = sum(200 * (3 + count % 7) for count in range(4 * repeat))
        assert bank.balances() == {1: expected, 2: expected}
