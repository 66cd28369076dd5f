"""`python -m replibank`, and the command `replibank`. A Ctrl-C that comes while the command is still
being imported ends it like a later one."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    try:
        from .cli import main as begin  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)
    begin()


if __name__ == "__main__":
    main()
