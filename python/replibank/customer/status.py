"""What a branch says of itself: plain values, frozen, without a connection to anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .._core import Version


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A branch's balances at one moment.

    Attributes:
        branch: The branch's id.
        balances: Balance by account id, in the accounts' smallest unit.
        version: What the balances include.
    """

    branch: int
    balances: dict[int, int]
    version: Version


@dataclass(frozen=True, slots=True)
class Link:
    """What a branch knows of its link to one peer.

    Attributes:
        peer: The peer's branch id.
        connected: Whether the link is up.
        behind: How many operations the peer has not acknowledged.
    """

    peer: int
    connected: bool
    behind: int


@dataclass(frozen=True, slots=True)
class Status:
    """A branch's answer to `Customer.status`.

    Attributes:
        branch: The branch's id.
        incarnation: Which life of the branch this is: 0 for one that began with its bank, otherwise
            its start, in microseconds since 1970.
        balances: Balance by account id, in the accounts' smallest unit.
        version: What the balances include.
        links: The branch's links, in the order of the peers' ids.
        claims: Branches that two processes claim, the branch itself or peers of it, each with the
            incarnation of the other process. Somebody started a branch twice: end one of them.
    """

    branch: int
    incarnation: int
    balances: dict[int, int]
    version: Version
    links: tuple[Link, ...]
    claims: dict[int, int]


def status_of(core: Mapping[str, Any]) -> Status:
    """A status as the core gives it."""
    links = tuple(Link(*link) for link in core["links"])
    return Status(**{**core, "links": links})
