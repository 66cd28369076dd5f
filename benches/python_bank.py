#!/usr/bin/env python3
"""A bank of the Python package, with a process for each branch; ends with its standard input.

python benches/python_bank.py BRANCHES
"""

import json
import sys

import replibank


def main():
    branches = range(1, int(sys.argv[1]) + 1)
    with replibank.Bank(dict.fromkeys(branches, 400), processes=True) as bank:
        print(json.dumps({"addresses": bank.addresses}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
