#!/usr/bin/env python3
"""The bank as the course teaches it, on grpcio: a process for each branch, a thread for each call, and a
call to each peer for each operation, before the answer. Without the course's sleeps, which waiting for the
peers makes needless, and without its usual bugs: balances are locked, and no port is guessed.

    python benches/course_bank.py serve -n 3     # says where it listens, ends with its standard input
    python benches/course_bank.py run INPUT      # the customers of a file; says how long it took

It speaks proto/replibank/v1, so that one load generator drives both banks.
"""

import argparse
import importlib
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).parents[1] / "proto"
WORKERS = 10


def load_messages(directory):
    """Compiles the .proto files; returns the modules of messages and of services."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("replibank/v1/*.proto"))
    options = [f"-I{PROTO}", f"--python_out={directory}", f"--grpc_python_out={directory}"]
    if protoc.main(["protoc", *options, *files]) != 0:
        raise SystemExit("protoc refused proto/replibank/v1")
    # A package like the installed one of the same name, or that would go before it.
    for package in ("replibank", "replibank/v1"):
        Path(directory, package, "__init__.py").touch()
    sys.path.insert(0, directory)
    names = ("bank_pb2", "bank_pb2_grpc", "replication_pb2", "replication_pb2_grpc", "types_pb2")
    modules = {name: importlib.import_module(f"replibank.v1.{name}") for name in names}
    sys.path.remove(directory)
    return modules


class Branch:
    """One branch, as the course's template has it: a balance, and a stub for each peer."""

    def __init__(self, branch, balance, messages):
        self.branch = branch
        self.balance = balance
        self.stubs = []
        self.sequence = 0
        self.lock = threading.Lock()
        self.bank = messages["bank_pb2"]
        self.replication = messages["replication_pb2"]
        self.types = messages["types_pb2"]
        self.stub = messages["replication_pb2_grpc"].ReplicationServiceStub

    def connect(self, addresses):
        self.stubs = [
            self.stub(grpc.insecure_channel(address))
            for branch, address in addresses.items()
            if branch != self.branch
        ]

    def Query(self, request, context):  # noqa: N802, the RPC's name
        with self.lock:
            return self.bank.QueryResponse(queried=self.bank.Queried(balance=self.balance))

    def Deposit(self, request, context):  # noqa: N802
        with self.lock:
            committed = self.commit(request.amount)
        told = self.replication.PropagateDepositRequest(operation=self.operation(request, committed))
        for stub in self.stubs:
            stub.Propagate_Deposit(told)
        return self.bank.DepositResponse(committed=committed)

    def Withdraw(self, request, context):  # noqa: N802
        with self.lock:
            if self.balance < request.amount:
                code = self.types.REFUSAL_CODE_INSUFFICIENT_FUNDS
                refusal = self.types.Refusal(code=code, definite=True, available=self.balance)
                return self.bank.WithdrawResponse(refusal=refusal)
            committed = self.commit(-request.amount)
        told = self.replication.PropagateWithdrawRequest(operation=self.operation(request, committed))
        for stub in self.stubs:
            stub.Propagate_Withdraw(told)
        return self.bank.WithdrawResponse(committed=committed)

    def Propagate_Deposit(self, request, context):  # noqa: N802
        with self.lock:
            self.balance += request.operation.amount
        return self.replication.PropagateDepositResponse(sequence=request.operation.sequence)

    def Propagate_Withdraw(self, request, context):  # noqa: N802
        with self.lock:
            self.balance -= request.operation.amount
        return self.replication.PropagateWithdrawResponse(sequence=request.operation.sequence)

    def commit(self, amount):
        self.balance += amount
        self.sequence += 1
        write = self.types.VersionEntry(branch=self.branch, sequence=self.sequence)
        return self.types.Committed(write=write, balance=self.balance)

    def operation(self, request, committed):
        return self.replication.PropagatedOperation(
            origin=self.branch, sequence=committed.write.sequence, amount=request.amount
        )


def serve_branch(branch, balance, directory, pipe):
    """A branch's process: says its address, hears its peers', and serves until the pipe ends."""
    messages = load_messages(directory)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS))
    # What else is in the services, a branch of the course does not have.
    bank, replication = messages["bank_pb2_grpc"], messages["replication_pb2_grpc"]
    bases = (Branch, bank.BankServiceServicer, replication.ReplicationServiceServicer)
    servicer = type("Servicer", bases, {})(branch, balance, messages)
    bank.add_BankServiceServicer_to_server(servicer, server)
    replication.add_ReplicationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pipe.send(f"127.0.0.1:{port}")
    servicer.connect(pipe.recv())
    pipe.send("connected")
    try:
        pipe.recv()
    except EOFError:
        server.stop(None)


class CourseBank:
    """The branches' processes; they end with the block."""

    def __init__(self, balances):
        self.balances = balances
        self.addresses = {}
        self.processes = []
        self.pipes = []

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.messages = load_messages(self.directory.name)
        # Before this process has threads of grpcio's, as the course's main programs do.
        context = multiprocessing.get_context("fork")
        for branch, balance in self.balances.items():
            ours, theirs = context.Pipe()
            arguments = (branch, balance, self.directory.name, theirs)
            process = context.Process(target=serve_branch, args=arguments, daemon=True)
            process.start()
            self.processes.append(process)
            self.pipes.append(ours)
        for branch, pipe in zip(self.balances, self.pipes, strict=True):
            self.addresses[branch] = pipe.recv()
        for pipe in self.pipes:
            pipe.send(self.addresses)
        for pipe in self.pipes:
            pipe.recv()
        return self

    def __exit__(self, *_):
        # A child holds copies of its elders' pipes, so that closing them would not be heard.
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        self.directory.cleanup()


def run(path):
    """The customers of a file, one after another, each at its own branch; returns the seconds."""
    records = json.loads(Path(path).read_text())
    balances = {record["id"]: record["balance"] for record in records if record["type"] == "branch"}
    began = time.perf_counter()
    with CourseBank(balances) as bank:
        messages = bank.messages["bank_pb2"]
        for record in (record for record in records if record["type"] == "customer"):
            with grpc.insecure_channel(bank.addresses[record["id"]]) as channel:
                stub = bank.messages["bank_pb2_grpc"].BankServiceStub(channel)
                for event in record["events"]:
                    perform(stub, messages, event)
    return time.perf_counter() - began


def perform(stub, messages, event):
    if event["interface"] == "query":
        stub.Query(messages.QueryRequest())
    elif event["interface"] == "deposit":
        stub.Deposit(messages.DepositRequest(amount=event["money"]))
    else:
        stub.Withdraw(messages.WithdrawRequest(amount=event["money"]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    served = commands.add_parser("serve")
    served.add_argument("-n", type=int, default=3, help="branches")
    commands.add_parser("run").add_argument("input")
    arguments = parser.parse_args()
    if arguments.command == "run":
        print(json.dumps({"seconds": run(arguments.input)}))
        return
    with CourseBank(dict.fromkeys(range(1, arguments.n + 1), 400)) as bank:
        print(json.dumps({"addresses": bank.addresses}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
