"""What the package needs of others only for pictures and numbers, and how it says that it is missing."""

from __future__ import annotations


def missing(what: str, error: ImportError, extra: str = "plot") -> ImportError:
    """The error to raise when an optional package is not installed.

    Args:
        what: What of replibank needs it, as a user writes it.
        error: What importing it raised.
        extra: The extra of replibank that brings it.

    Returns:
        An `ImportError` that says what to install.
    """
    package = (error.name or str(error)).partition(".")[0]
    return ImportError(
        f"{what} needs {package}, which is not installed: pip install 'replibank[{extra}]'", name=error.name
    )
