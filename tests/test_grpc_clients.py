"""Programs in plain grpcio, from the shipped .proto alone: a customer of Rust branches, a branch that
is a peer of Rust branches, and the tools that ask for health and reflection.
"""

import importlib
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import replibank
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from replibank import _core

SERVICES = {"replibank.v1.BankService", "replibank.v1.ReplicationService"}


@pytest.fixture(scope="module")
def proto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The modules that grpcio-tools makes of the shipped protocol."""
    out = tmp_path_factory.mktemp("generated")
    source = replibank.proto_path()
    names = [str(path.relative_to(source)) for path in source.rglob("*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}", f"--python_out={out}"]
    subprocess.run([*command, f"--grpc_python_out={out}", *names], check=True, timeout=60)
    # They are named replibank.v1, as our own package begins.
    path = str(out / "replibank")
    replibank.__path__.append(path)
    loaded = {
        name: importlib.import_module(f"replibank.v1.{name}")
        for name in ("bank_pb2", "bank_pb2_grpc", "replication_pb2", "replication_pb2_grpc", "types_pb2")
    }
    yield SimpleNamespace(**loaded)
    replibank.__path__.remove(path)


@pytest.fixture
def bank() -> Iterator[replibank.Bank]:
    with replibank.Bank({1: 400, 2: 400}) as bank:
        yield bank


def test_a_customer_in_plain_grpcio(bank: replibank.Bank, proto: SimpleNamespace) -> None:
    messages = proto.bank_pb2
    with grpc.insecure_channel(bank.addresses[1]) as one, grpc.insecure_channel(bank.addresses[2]) as two:
        here, there = proto.bank_pb2_grpc.BankServiceStub(one), proto.bank_pb2_grpc.BankServiceStub(two)
        assert here.Query(messages.QueryRequest(), timeout=10).queried.balance == 400
        deposit = messages.DepositRequest(amount=170, request=proto.types_pb2.RequestId(client=77, number=1))
        committed = here.Deposit(deposit, timeout=10).committed
        assert committed.balance == 570
        # The same request again is answered again and counted once.
        assert here.Deposit(deposit, timeout=10).committed == committed
        at_least = proto.types_pb2.Version(entries=[committed.write])
        answer = there.Query(
            messages.QueryRequest(at_least=at_least, include_version=True), timeout=10
        ).queried
        assert (answer.balance, list(answer.version.entries)) == (570, [committed.write])
        refusal = there.Withdraw(messages.WithdrawRequest(amount=1000), timeout=10).refusal
        assert refusal.code == proto.types_pb2.REFUSAL_CODE_INSUFFICIENT_FUNDS
        assert (refusal.available, refusal.requested, refusal.definite) == (570, 1000, True)
        assert there.Withdraw(messages.WithdrawRequest(amount=70), timeout=10).committed.balance == 500
        status = here.Status(messages.StatusRequest(), timeout=10)
        assert (status.branch, [link.peer for link in status.links]) == (1, [2])
    bank.wait_until_converged()
    assert bank.balances() == {1: 500, 2: 500}


def test_a_pipelined_customer_in_plain_grpcio(bank: replibank.Bank, proto: SimpleNamespace) -> None:
    messages = proto.bank_pb2

    def requests() -> Iterator[Any]:
        for number in range(1, 101):
            deposit = messages.DepositOperation(amount=1)
            yield messages.ExecuteRequest(
                client=9, operations=[messages.Operation(number=number, deposit=deposit)]
            )
        query = messages.Operation(number=101, query=messages.QueryOperation())
        poor = messages.Operation(number=102, withdraw=messages.WithdrawOperation(amount=10_000))
        yield messages.ExecuteRequest(client=9, operations=[query, poor])

    with grpc.insecure_channel(bank.addresses[1]) as channel:
        stub = proto.bank_pb2_grpc.BankServiceStub(channel)
        answers = [answer for response in stub.Execute(requests(), timeout=30) for answer in response.answers]
    assert [answer.number for answer in answers] == list(range(1, 103))
    assert [answer.committed.balance for answer in answers[:100]] == list(range(401, 501))
    assert answers[100].queried.balance == 500
    assert answers[101].refusal.available == 500


def test_a_watch_in_plain_grpcio(bank: replibank.Bank, proto: SimpleNamespace) -> None:
    with grpc.insecure_channel(bank.addresses[2]) as channel:
        watch = proto.bank_pb2_grpc.BankServiceStub(channel).Watch(proto.bank_pb2.WatchRequest(), timeout=30)
        assert next(watch).balances[0].balance == 400
        bank.customer(1).deposit(1)
        assert next(seen for seen in watch if seen.balances[0].balance == 401).branch == 2
        watch.cancel()


class PlainBranch:
    """A branch that a student could write: it applies each amount once, by (origin, sequence)."""

    def __init__(self, branch: int, opening: int, proto: SimpleNamespace) -> None:
        self.branch = branch
        self.opening = opening
        self.proto = proto
        self.lock = threading.Lock()
        self.applied: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self.own = 0
        self.pool = ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        proto.replication_pb2_grpc.add_ReplicationServiceServicer_to_server(self, self.server)
        self.server.start()

    def close(self) -> None:
        self.server.stop(None).wait()
        self.pool.shutdown()

    def balance(self) -> int:
        with self.lock:
            return self.opening + sum(change for page in self.applied.values() for change in page.values())

    def apply(self, request: Any, sign: int) -> int:
        # A call without an operation is there for those who read the totals in its delta.
        told = request.operation if request.HasField("operation") else None
        where = told or request.delta
        with self.lock:
            page = self.applied[where.origin, where.incarnation]
            if told:
                page.setdefault(told.sequence, sign * told.amount)
            # How far the page has no gap.
            return next(count for count in range(len(page) + 1) if count + 1 not in page)

    def Propagate_Deposit(self, request: Any, context: object) -> Any:  # noqa: N802
        return self.proto.replication_pb2.PropagateDepositResponse(sequence=self.apply(request, 1))

    def Propagate_Withdraw(self, request: Any, context: object) -> Any:  # noqa: N802
        return self.proto.replication_pb2.PropagateWithdrawResponse(sequence=self.apply(request, -1))

    def Replicate(self, requests: object, context: grpc.ServicerContext) -> None:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this branch knows the unary calls alone")

    def tell(self, addresses: list[str], amount: int) -> list[int]:
        """An operation of its own, told to each peer twice, as if an answer had been lost."""
        with self.lock:
            self.own += 1
            self.applied[self.branch, 0][self.own] = amount
            number = self.own
        messages = self.proto.replication_pb2
        operation = messages.PropagatedOperation(origin=self.branch, sequence=number, amount=abs(amount))
        reached = []
        for address in addresses:
            with grpc.insecure_channel(address) as channel:
                stub = self.proto.replication_pb2_grpc.ReplicationServiceStub(channel)
                for _ in range(2):
                    if amount > 0:
                        request = messages.PropagateDepositRequest(operation=operation)
                        reached.append(stub.Propagate_Deposit(request, timeout=10).sequence)
                    else:
                        request = messages.PropagateWithdrawRequest(operation=operation)
                        reached.append(stub.Propagate_Withdraw(request, timeout=10).sequence)
        return reached


def test_a_branch_in_plain_grpcio_is_a_peer(proto: SimpleNamespace, wait_until: Callable[..., None]) -> None:
    plain = PlainBranch(3, 400, proto)
    served = {
        branch: _core.serve_branch(
            branch,
            "127.0.0.1:0",
            dict.fromkeys({1, 2, 3} - {branch}),
            {0: 400},
            "unary",
            "mesh",
            0.0,
        ).wait()
        for branch in (1, 2)
    }
    try:
        addresses = {branch: each.address for branch, each in served.items()} | {3: f"127.0.0.1:{plain.port}"}
        for branch, each in served.items():
            each.connect({peer: address for peer, address in addresses.items() if peer != branch}).wait()
        with replibank.Customer(addresses[1]) as one, replibank.Customer(addresses[2]) as two:
            # From Rust to Python ...
            for _ in range(20):
                one.deposit(10)
                two.withdraw(3)
            wait_until(
                lambda: plain.balance() == 400 + 20 * 10 - 20 * 3, "the plain branch has every operation"
            )
            # ... and from Python to Rust, whose answers say how far they are.
            rust = [addresses[1], addresses[2]]
            assert plain.tell(rust, 100) == [1, 1, 1, 1]
            assert plain.tell(rust, -40) == [2, 2, 2, 2]
            wait_until(lambda: one.query() == two.query() == plain.balance() == 600, "all three agree")
            assert one.deposit(1, concern="all", timeout=10).balance == 601
            assert plain.balance() == 601
    finally:
        for each in served.values():
            each.close().wait()
        plain.close()


def test_calls_are_refused_where_branches_have_streams(bank: replibank.Bank, proto: SimpleNamespace) -> None:
    plain = PlainBranch(2, 400, proto)
    try:
        with pytest.raises(grpc.RpcError, match="stream propagation") as refused:
            plain.tell([bank.addresses[1]], 100)
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    finally:
        plain.close()
    assert bank.balances() == {1: 400, 2: 400}


def test_health_is_served(bank: replibank.Bank) -> None:
    with grpc.insecure_channel(bank.addresses[1]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", *SERVICES):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.RpcError) as unknown:
            stub.Check(health_pb2.HealthCheckRequest(service="replibank.v1.NoService"), timeout=10)
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_is_served(version: str, bank: replibank.Bank) -> None:
    ask = reflection_pb2.ServerReflectionRequest
    requests = [ask(list_services=""), ask(file_containing_symbol="replibank.v1.BankService.Deposit")]
    with grpc.insecure_channel(bank.addresses[1]) as channel:
        # Both versions have the same messages under different names.
        info = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=ask.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        services, file = info(iter(requests), timeout=10)
    assert {service.name for service in services.list_services_response.service} >= SERVICES
    assert any(b"BankService" in each for each in file.file_descriptor_response.file_descriptor_proto)


def test_nonsense_from_a_server_is_a_protocol_error(proto: SimpleNamespace) -> None:
    class Nonsense(proto.bank_pb2_grpc.BankServiceServicer):  # type: ignore[name-defined, misc]
        def Query(self, request: object, context: object) -> Any:  # noqa: N802
            return proto.bank_pb2.QueryResponse()

    pool = ThreadPoolExecutor(2)
    server = grpc.server(pool)
    proto.bank_pb2_grpc.add_BankServiceServicer_to_server(Nonsense(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with replibank.Customer(f"127.0.0.1:{port}") as customer, pytest.raises(replibank.ProtocolError):
            customer.query()
    finally:
        server.stop(None).wait()
        pool.shutdown()
