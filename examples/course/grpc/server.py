"""Starts every branch server and keeps them running until Ctrl-C, SIGTERM, or --stop.

python server.py input.json
python server.py --stop input.json
"""

from replibank import coursework

from branch import Branch


def main(path):
    records = coursework.branches(path)
    ids = [record["id"] for record in records]
    for record in records:
        Branch(record["id"], record["balance"], ids)
    return coursework.serve_until_told(path)


if __name__ == "__main__":
    coursework.program(main, is_server=True)
