"""Addresses of branches, as people write them: `ID=HOST:PORT` on a command line, and the lines
`branch ID HOST:PORT` that a server prints. Names are looked up here; the core wants numbers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .arguments import BRANCH_MAX, PORT_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_pairs(option: str, pairs: Iterable[str]) -> dict[int, str]:
    """Several `ID=HOST:PORT`, each of another branch, into addresses to dial by branch id. `option` is
    where they come from, for messages."""
    addresses: dict[int, str] = {}
    for text in pairs:
        branch, address = parse_pair(text)
        if branch in addresses:
            raise ConfigError(f"{option} names branch {branch} twice: give one address for each branch")
        addresses[branch] = address
    return addresses


def parse_pair(text: str) -> tuple[int, str]:
    """`ID=HOST:PORT` into the branch and the address to dial."""
    branch, found, address = text.partition("=")
    if not found:
        raise ConfigError(f"{text!r} is not an address of a branch: write 2=127.0.0.1:5002")
    return _branch(branch, text), resolve(address)


def parse_lines(text: bytes, name: str) -> dict[int, str]:
    """A server's lines into addresses by branch id. `name` is that of the file, for messages."""
    addresses: dict[int, str] = {}
    for number, line in enumerate(text.decode(errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        match line.split():
            case ["branch", branch, address]:
                id_ = _branch(branch, f"{name}, line {number}")
                if id_ in addresses:
                    raise ConfigError(
                        f"{name}, line {number}: branch {id_} is named a second time: name it once"
                    )
                addresses[id_] = resolve(address)
            case _:
                raise ConfigError(
                    f"{name}, line {number}: {line[:60]!r} is not an address of a branch: "
                    "write branch 2 127.0.0.1:5002"
                )
    return addresses


def resolve(address: str, least: int = 1) -> str:
    """`HOST:PORT`, with a host by name or number, into `NUMBER:PORT`. `least` is the lowest port: 0 is
    for those who listen, and asks the system for one."""
    host, found, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (found and host and port.isascii() and port.isdigit()):
        raise ConfigError(f"{address!r} is not an address: write 127.0.0.1:5002 or branch2.example:5002")
    if not least <= int(port) <= PORT_MAX:
        raise ConfigError(f"{address!r} is not an address: ports are from {least} to {PORT_MAX}")
    try:
        known = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as failure:
        raise ConfigError(f"{host!r} is not a known host: {failure.strerror or failure}") from None
    family, _, _, _, (number, *_) = known[0]
    return f"[{number}]:{port}" if family == socket.AF_INET6 else f"{number}:{port}"


def _branch(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= BRANCH_MAX):
        raise ConfigError(f"{where}: {text!r} is not the id of a branch: write a whole number from 1")
    return int(text)
