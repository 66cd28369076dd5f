"""What branches in processes of their own log reaches their parent's log, and never stops them."""

import logging
import socket
import struct
from collections.abc import Callable

import psutil
import pytest
import replibank

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA = 0
HEADERS = 1
END_STREAM = 1
PIPE_BYTES = 1 << 16
"""What a pipe holds that nobody reads."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = struct.pack(">I", len(payload))[1:]
    return length + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value: bytes) -> bytes:
    """A literal of HPACK."""
    if len(value) < 127:
        return bytes([len(value)]) + value
    coded, rest = bytes([127]), len(value) - 127
    while rest >= 128:
        coded, rest = coded + bytes([rest % 128 + 128]), rest // 128
    return coded + bytes([rest]) + value


def call(address: str, encoding: bytes, message: bytes = b"\0" * 5) -> None:
    """Calls a branch as a peer does, and waits for what it says. Without a message the call just ends."""
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": b"/replibank.v1.ReplicationService/Propagate_Deposit",
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"grpc-encoding": encoding,
    }
    headers = b"".join(b"\0" + text(name) + text(value) for name, value in fields.items())
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        end = frame(DATA, END_STREAM, 1, message)
        connection.sendall(PREFACE + frame(4, 0, 0, b"") + frame(HEADERS, 4, 1, headers) + end)
        with connection.makefile("rb") as frames:
            kind = None
            while kind != HEADERS:
                length, kind = struct.unpack(">IB", b"\0" + frames.read(4))
                frames.read(5 + length)


def test_a_child_logs_more_than_a_pipe_holds_and_goes_on(
    caplog: pytest.LogCaptureFixture, wait_until: Callable
) -> None:
    with replibank.Bank({1: 400, 2: 400}, processes=True) as bank:
        sent = 0
        for number in range(16):
            encoding = b"%03d" % number + b"x" * 8000
            call(bank.addresses[1], encoding)
            sent += len(encoding)
        assert sent > PIPE_BYTES
        assert bank.customer(1).deposit(1).balance == 401

        def heard() -> list[logging.LogRecord]:
            return [record for record in caplog.records if "xxx" in record.message]

        wait_until(lambda: len(heard()) == 16, "a line of each call")
        for number, record in enumerate(heard()):
            assert record.levelno == logging.WARNING
            assert record.message.startswith("branch 1: call from 127.0.0.1 refused: ")
            assert f"{number:03d}xxx" in record.message
            assert record.message.endswith("bytes more)")


def test_who_gives_up_a_call_before_its_message_was_refused_nothing(
    caplog: pytest.LogCaptureFixture, wait_until: Callable
) -> None:
    with replibank.Bank({1: 400, 2: 400}, processes=True) as bank:
        call(bank.addresses[1], b"identity", message=b"")
        call(bank.addresses[1], b"unheard-of")
        wait_until(lambda: caplog.records, "a line of the second call")
    assert len(caplog.records) == 1
    assert "unheard-of" in caplog.text


def test_what_a_child_says_as_it_dies_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with replibank.Bank({1: 400, 2: 400}, processes=True) as bank:
        port = int(bank.addresses[2].rsplit(":", 1)[1])
        victim = next(
            child
            for child in psutil.Process().children()
            if port in {each.laddr.port for each in child.net_connections("tcp")}
        )
        # Python says so, with a traceback, and ends.
        victim.send_signal(2)
        victim.wait(timeout=30)
        with pytest.raises(
            replibank.ProcessError, match=r"(?s)^branch 2: its process ended \(.*KeyboardInterrupt"
        ):
            bank.balances()
    assert any("KeyboardInterrupt" in record.message for record in caplog.records)
