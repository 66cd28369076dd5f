#!/usr/bin/env python3
"""Write an input of the course's project 1, in the two editions that its autograder has had.

    python make_input.py 50x50 > input.json      50 customers who come twice, 50 branches
    python make_input.py 100x100 > input.json    100 customers who come once, 100 branches

Every branch starts with 400. The first fifty visits deposit 10 each, the second fifty withdraw 10
each, and every visit ends with a query: so the balances read 410, 420 ... 900, then 890 ... 400.
"""

import argparse
import itertools
import json

OPENING = 400
AMOUNT = 10
VISITS_A_ROUND = 50


def visits(edition):
    """The customer records: who comes, and what each asks for."""
    event_ids = itertools.count(1)
    for round_number, interface in enumerate(["deposit", "withdraw"]):
        for visit in range(1, VISITS_A_ROUND + 1):
            newcomer = edition == "100x100" and round_number == 1
            yield {
                "id": visit + VISITS_A_ROUND if newcomer else visit,
                "type": "customer",
                "events": [
                    {"id": next(event_ids), "interface": interface, "money": AMOUNT},
                    {"id": next(event_ids), "interface": "query"},
                ],
            }


def make_input(edition):
    """The whole input: every visit, then one branch for each customer."""
    customers = list(visits(edition))
    ids = sorted({customer["id"] for customer in customers})
    return customers + [{"id": id_, "type": "branch", "balance": OPENING} for id_ in ids]


def main():
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("edition", choices=["50x50", "100x100"])
    edition = parser.parse_args().edition
    # One record a line: a file that people can read, and compare.
    print("[\n " + ",\n ".join(map(json.dumps, make_input(edition))) + "\n]")


if __name__ == "__main__":
    main()
