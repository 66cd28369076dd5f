"""What can go wrong. Every exception of the package is a `ReplibankError`; many are also the
standard exception that comes closest, so that `except TimeoutError` and the like do what they say.

`str()` of each is one clause for people; what a program wants to know is in attributes. All can be
pickled, between processes too.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

__all__ = [
    "AddressInUse",
    "AlreadyRunning",
    "Closed",
    "ConcernNotReached",
    "ConfigError",
    "DeadlineExceeded",
    "ForkedError",
    "InputError",
    "InsufficientFunds",
    "InvalidAmount",
    "NotConverged",
    "NotRunning",
    "Overloaded",
    "ProcessError",
    "ProtocolError",
    "Refused",
    "ReplibankError",
    "RequestConflict",
    "RequestExpired",
    "StorageError",
    "TotalLimit",
    "UnknownAccount",
    "UnknownBranch",
    "Unreachable",
    "VersionLost",
    "VersionNotReached",
]


class ReplibankError(Exception):
    """The base of all exceptions of the package.

    Attributes:
        message: What happened, and where it can be said, what would be right.
    """

    #: The attributes that follow the message in the constructor, in order.
    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str) -> None:
        # Only the message: an OSError would take further arguments for its errno and file name.
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        # KeyError would quote it, and OSError put its errno in front.
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        values = (getattr(self, name) for name in self.fields)
        return type(self), (self.message, *values), self.__dict__


class InputError(ReplibankError, ValueError):
    """A course input that cannot be read or cannot be run."""


class ConfigError(ReplibankError, ValueError):
    """A bank or a branch that cannot be as it is described."""


class Refused(ReplibankError):
    """A branch answered that it did not do what was asked, or cannot promise it.

    Attributes:
        definite: True: the request did not happen and will not. False: it may have happened.
    """

    fields: ClassVar[tuple[str, ...]] = ("definite",)

    def __init__(self, message: str, definite: bool) -> None:
        super().__init__(message)
        self.definite = definite


class InsufficientFunds(Refused):
    """The branch sees less money than was to be withdrawn.

    Attributes:
        available: The balance that the branch sees, in the account's smallest unit.
        requested: The amount that was to be withdrawn, in the same unit.
    """

    fields: ClassVar[tuple[str, ...]] = ("definite", "available", "requested")

    def __init__(self, message: str, definite: bool, available: int, requested: int) -> None:
        super().__init__(message, definite)
        self.available = available
        self.requested = requested


class UnknownAccount(Refused):
    """The bank has no such account.

    Attributes:
        account: The account asked for.
    """

    fields: ClassVar[tuple[str, ...]] = ("definite", "account")

    def __init__(self, message: str, definite: bool, account: int) -> None:
        super().__init__(message, definite)
        self.account = account


class InvalidAmount(Refused):
    """The branch was sent an amount of zero, or above 2**48 - 1."""


class TotalLimit(Refused):
    """All that was ever deposited at one branch to one account, or withdrawn, ends at 2**48 - 1."""


class RequestConflict(Refused):
    """The request's id was used before, for something else."""


class RequestExpired(Refused):
    """The request is too old: the branch cannot tell whether it was executed."""


class Overloaded(Refused):
    """Too many requests wait at the branch."""


class VersionLost(Refused):
    """The version asked for names a write that no branch has any more: nothing was done."""


class VersionNotReached(Refused, TimeoutError):
    """The branch did not reach the version asked for in time, and did nothing."""


class ConcernNotReached(Refused, TimeoutError):
    """The write is committed at its branch, but too few others were known to have it in time.

    Attributes:
        reached: How many branches are known to have it, its own included.
        needed: How many the concern needs.
    """

    fields: ClassVar[tuple[str, ...]] = ("definite", "reached", "needed")

    def __init__(self, message: str, definite: bool, reached: int, needed: int) -> None:
        super().__init__(message, definite)
        self.reached = reached
        self.needed = needed


class _Unanswered(ReplibankError):
    """No answer came. (It gives the two exceptions that say so their attribute.)"""

    fields: ClassVar[tuple[str, ...]] = ("may_have_happened",)

    def __init__(self, message: str, may_have_happened: bool) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened


class Unreachable(_Unanswered, ConnectionError):
    """Nobody answers at the branch's address.

    Attributes:
        may_have_happened: Whether the write may have been committed before the connection was lost.
        waited: For how many seconds a connection was tried, if the end of that time is why there is none.
    """

    fields: ClassVar[tuple[str, ...]] = ("may_have_happened", "waited")

    def __init__(self, message: str, may_have_happened: bool, waited: float | None = None) -> None:
        super().__init__(message, may_have_happened)
        self.waited = waited


class DeadlineExceeded(_Unanswered, TimeoutError):
    """The timeout was over before the answer came.

    Attributes:
        may_have_happened: Whether the write may have been committed all the same.
    """


class ProtocolError(ReplibankError):
    """The other end does not speak `replibank.v1`, or contradicts itself."""


class NotConverged(ReplibankError, TimeoutError):
    """Not every branch had every write in time; the message names those that lack some."""


class AddressInUse(ReplibankError, OSError):
    """Another program has the port that a branch was to listen at.

    Attributes:
        errno: Always `errno.EADDRINUSE`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.errno = errno.EADDRINUSE


class ProcessError(ReplibankError):
    """A branch's child process did not start, or ended before it was told to."""


class StorageError(ReplibankError, OSError):
    """A data directory that cannot be used, and in which nothing was changed: it is damaged, that of
    another branch or bank, in use by another process, or written by a later version. Or a disk that
    has failed under a running branch, which then serves no more."""


class NotRunning(ReplibankError):
    """The branch was killed, and not restarted."""


class AlreadyRunning(ReplibankError):
    """The branch runs, so it cannot be restarted: it was not killed."""


class UnknownBranch(ReplibankError, KeyError):
    """The bank has no such branch."""


class Closed(ReplibankError):
    """The bank or the customer was closed: before, or while a call waited for its answer.

    Attributes:
        may_have_happened: Whether the write may have been committed before.
    """

    fields: ClassVar[tuple[str, ...]] = ("may_have_happened",)

    def __init__(self, message: str, may_have_happened: bool = False) -> None:
        super().__init__(message)
        self.may_have_happened = may_have_happened


class ForkedError(ReplibankError, RuntimeError):
    """The object belongs to the parent of this forked process: connections do not survive fork()."""


def with_option(error: Unreachable, option: str) -> Unreachable:
    """The same, with the name of what says how long was tried, if the time was what ended it."""
    if error.waited is None:
        return error
    longer = f"{error.message}: give a longer {option} if the branch starts later"
    return Unreachable(longer, error.may_have_happened, error.waited)
