"""Runs the customers, one after another, at the branches of server.py; writes output.json.

python client.py input.json
"""

from replibank import coursework

from customer import Customer


def main(path):
    coursework.join(path)
    output = []
    for record in coursework.customers(path):
        customer = Customer(record["id"], record["events"])
        customer.createStub()
        output.append(customer.executeEvents())
    coursework.write(output, "output.json")


if __name__ == "__main__":
    coursework.program(main)
