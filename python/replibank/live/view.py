"""What a watch shows, handed to those who show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .feed import Feed


@dataclass(frozen=True)
class View:
    """One account of the branches that are followed, over the last seconds.

    Attributes:
        feed: What the branches say.
        account: The account.
        window: How many seconds a picture shows.
    """

    feed: Feed
    account: int
    window: float

    def line(self) -> str:
        """How things stand, in one line."""
        return self.feed.said(self.account)

    def text(self) -> str:
        """The same of a watch as an object, with its state."""
        return f"<Watch of {self.line()}, {self.feed.state}>"
