"""The course's own shape: main programs in its style drive the Rust branches, and the programs of
examples/course/grpc do what COURSE.md's template asks, to the letter."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from replibank.course import Branch, Customer
from replibank.errors import Closed, ConfigError, UnknownBranch

EXAMPLE = Path(__file__).parents[1] / "examples/course/grpc"
COURSE = EXAMPLE.parent
LIMIT = 60

RIGHT = [
    {"id": 1, "recv": [{"interface": "query", "balance": 400}]},
    {
        "id": 2,
        "recv": [{"interface": "deposit", "result": "success"}, {"interface": "query", "balance": 570}],
    },
    {
        "id": 3,
        "recv": [{"interface": "withdraw", "result": "success"}, {"interface": "query", "balance": 500}],
    },
]

# How such programs are written; nothing in it knows of replibank but one import.
MAIN_PROGRAM = """
import json
import multiprocessing
import sys

from replibank.course import Branch, Customer


def serve(branch):
    branch.start()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        data = json.load(file)

    branches, branch_ids = [], []
    for item in data:
        if item["type"] == "branch":
            branch_ids.append(item["id"])
            branches.append(Branch(item["id"], item["balance"], branch_ids))

    workers = []
    for branch in branches:
        worker = multiprocessing.Process(target=serve, args=(branch,))
        workers.append(worker)
        worker.start()

    output = []
    for item in data:
        if item["type"] == "customer":
            customer = Customer(item["id"], item["events"])
            customer.createStub()
            customer.executeEvents()
            output.append({"id": customer.id, "recv": customer.recvMsg})

    with open("output.json", "w") as file:
        json.dump(output, file)

    for worker in workers:
        worker.join()
"""


@pytest.fixture
def three():
    branches = [Branch(id_, 400, [1, 2, 3]) for id_ in [1, 2, 3]]
    yield branches
    branches[0].stop()


def test_attributes_of_the_template(three):
    branch = three[0]
    assert (branch.id, branch.balance, branch.branches, branch.recvMsg) == (1, 400, [1, 2, 3], [])
    assert [stub.branch for stub in branch.stubList] == [2, 3]
    customer = Customer(1, [{"interface": "query"}])
    assert (customer.id, customer.events, customer.recvMsg, customer.stub) == (
        1,
        [{"interface": "query"}],
        [],
        None,
    )
    assert customer.createStub() is None
    assert customer.stub is not None


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 1, 2]])
def test_each_customer_sees_those_before_it(three, order):
    for visit, id_ in enumerate(order * 5, start=1):
        customer = Customer(id_, [{"interface": "deposit", "money": 10}, {"interface": "query"}])
        customer.createStub()
        assert customer.executeEvents() == {"id": id_, "recv": customer.recvMsg}
        assert customer.recvMsg == [
            {"interface": "deposit", "result": "success"},
            {"interface": "query", "balance": 400 + 10 * visit},
        ]
    assert [branch.balance for branch in three] == [550, 550, 550]


def test_branches_are_real_servers(three):
    three[0].start()
    listening = {
        f"{socket.laddr.ip}:{socket.laddr.port}"
        for socket in psutil.Process().net_connections("tcp")
        if socket.status == psutil.CONN_LISTEN
    }
    assert {branch.address for branch in three} <= listening
    assert len({branch.address for branch in three}) == 3


def test_methods_of_a_branch(three):
    branch, other = three[0], three[1]
    request = SimpleNamespace(interface="deposit", money=30)
    assert branch.Deposit(request, None) == {"interface": "deposit", "result": "success"}
    assert other.Query(SimpleNamespace(), None) == {"interface": "query", "balance": 430}
    assert other.Withdraw({"money": 431}, None) == {"interface": "withdraw", "result": "fail"}
    assert other.Withdraw({"money": 430}, None) == {"interface": "withdraw", "result": "success"}
    assert branch.MsgDelivery({"interface": "query"}, None) == {"interface": "query", "balance": 0}
    assert branch.recvMsg == [request, {"interface": "query"}]


@pytest.mark.parametrize("spelling", ["Propagate", "Propogate"])
@pytest.mark.parametrize("kind", ["Deposit", "Withdraw"])
def test_propagation_has_both_spellings_and_moves_nothing(three, spelling, kind):
    three[0].Deposit({"money": 50}, None)
    for _ in range(3):
        answer = getattr(three[1], f"{spelling}_{kind}")({"money": 50}, None)
        assert answer == {"interface": f"propagate_{kind.lower()}", "result": "success"}
        named = {"interface": f"{spelling}_{kind}".lower(), "money": 50}
        assert three[2].MsgDelivery(named, None)["result"] == "success"
    assert [branch.balance for branch in three] == [450, 450, 450]


def test_built_again_is_a_new_bank():
    for _ in range(2):
        branches = [Branch(id_, 400, [1, 2]) for id_ in [1, 2]]
        customer = Customer(2, [{"interface": "deposit", "money": 40}, {"interface": "query"}])
        customer.createStub()
        assert customer.executeEvents()["recv"][1]["balance"] == 440
    branches[0].stop()
    branches[0].stop()


def test_built_again_before_it_ran_is_a_new_bank_too():
    for balance in [400, 500]:
        branches = [Branch(id_, balance, [1, 2]) for id_ in [1, 2]]
    assert branches[1].balance == 500
    branches[0].stop()


def test_stopped_bank_says_so(three):
    three[0].start()
    customer = Customer(1, [{"interface": "query"}])
    customer.createStub()
    three[0].stop()
    with pytest.raises(Closed, match="build its branches again"):
        customer.executeEvents()
    with pytest.raises(Closed):
        three[1].balance  # noqa: B018


def test_mistakes_are_named():
    branch = Branch(71, 400, [71])
    Branch(70, 400, [70])
    with pytest.raises(ConfigError, match="branch 70 is built twice"):
        Branch(70, 400, [70])
    with pytest.raises(ConfigError, match="branch 71 opens with 400 and branch 72 with 300"):
        Branch(72, 300, [71, 72])
    with pytest.raises(UnknownBranch, match="no branch 9: there are 70, 71"):
        Customer(9, []).createStub()
    with pytest.raises(ConfigError, match="branch 73 comes too late"):
        Branch(73, 400, [71, 73])
    customer = Customer(71, [{"interface": "depsit", "money": 1}])
    with pytest.raises(ValueError, match="'depsit' is not right"):
        customer.executeEvents()
    with pytest.raises(ValueError, match="has no 'money'"):
        branch.Deposit({}, None)
    branch.stop()


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "says"),
    [
        (Branch, ("a", 400, [1]), TypeError, "id 'a' is not right: give a whole number from 1 to 4294967295"),
        (Branch, (0, 400, [1]), ConfigError, "id 0 is not right: give a whole number from 1 to 4294967295"),
        (
            Branch,
            (True, 400, [1]),
            TypeError,
            "id True is not right: give a whole number from 1 to 4294967295",
        ),
        (
            Branch,
            (1, -4, [1]),
            ConfigError,
            "balance -4 is not right: give a whole number from 0 to 9007199254740991",
        ),
        (
            Branch,
            (1, 4.5, [1]),
            TypeError,
            "balance 4.5 is not right: give a whole number from 0 to 9007199254740991",
        ),
        (Branch, (1, 400, 3), TypeError, "branches 3 is not right: give a list of branch ids"),
        (Branch, (1, 400, "12"), TypeError, "branches '12' is not right: give a list of branch ids"),
        (
            Branch,
            (1, 400, [1, "b"]),
            TypeError,
            "branches 'b' is not right: give a whole number from 1 to 4294967295",
        ),
        (Customer, (1, 3), TypeError, "events 3 is not right: give a list of events"),
        (Customer, ("a", []), TypeError, "id 'a' is not right: give a whole number from 1 to 4294967295"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_where_they_are_given_and_harm_nobody(
    three, kind, arguments, error, says
):
    with pytest.raises(error) as raised:
        kind(*arguments)
    assert str(raised.value) == says
    assert Customer(2, [{"interface": "query"}]).executeEvents()["recv"][0]["balance"] == 400
    assert [branch.balance for branch in three] == [400, 400, 400]


def test_an_unknown_interface_is_told_the_right_spellings(three):
    with pytest.raises(ValueError, match="'transfer' is not right") as raised:
        three[0].MsgDelivery({"interface": "transfer"}, None)
    assert str(raised.value).endswith(
        ": give one of query, deposit, withdraw, propagate_deposit, propagate_withdraw"
    )


@pytest.mark.parametrize("edition", ["50x50", "100x100"])
def test_main_program_in_the_courses_style(tmp_path, edition):
    program = tmp_path / "main.py"
    program.write_text(MAIN_PROGRAM)
    path = COURSE / f"input_{edition}.json"
    run([sys.executable, program, path], cwd=tmp_path)
    run([sys.executable, "-m", "replibank", "check", "grpc", path, tmp_path / "output.json"], cwd=tmp_path)


@pytest.fixture
def example(tmp_path):
    """A copy of the example, with servers that end with the test."""
    directory = tmp_path / "grpc"
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("__pycache__", "output.json"))
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    example = Example(directory, {**os.environ, "XDG_RUNTIME_DIR": str(runtime)})
    yield example
    for server in example.servers:
        server.kill()
        server.communicate(timeout=LIMIT)


class Example:
    def __init__(self, directory, environment):
        self.directory = directory
        self.options = {"cwd": directory, "env": environment, "text": True}
        self.servers = []

    def serve(self, path="input.json"):
        server = subprocess.Popen(
            [sys.executable, "server.py", path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **self.options,
        )
        self.servers.append(server)
        return server

    def call(self, *words):
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False, **self.options)

    def output(self):
        return json.loads((self.directory / "output.json").read_text())


def test_files_of_the_template():
    names = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if "__pycache__" not in path.parts}
    assert names >= {"protos/banks.proto", "server.py", "client.py", "customer.py", "branch.py", "input.json"}
    for program in EXAMPLE.glob("*.py"):
        assert len(program.read_text().splitlines()) <= 30


def test_server_then_client(example):
    server = example.serve()
    lines = [server.stdout.readline().split()[:2] for _ in range(3)]
    assert lines == [["branch", "1"], ["branch", "2"], ["branch", "3"]]
    client = example.call("client.py", "input.json")
    assert (client.returncode, client.stdout, client.stderr) == (0, "", "")
    assert example.output() == RIGHT
    assert example.call("server.py", "--stop", "input.json").returncode == 0
    assert server.wait(LIMIT) == 0
    # A new server is a new bank: the next run does not start where this one ended.
    example.serve()
    assert example.call("client.py", "input.json").stderr == ""
    assert example.output() == RIGHT


def test_client_that_comes_a_second_time_says_so(example):
    example.serve()
    assert example.call("client.py", "input.json").stderr == ""
    again = example.call("client.py", "input.json")
    assert again.returncode == 0
    assert again.stderr.startswith("note: the bank stands at 500, the input opens at 400:\n")
    assert example.output()[2]["recv"][1]["balance"] == 600


def test_autograders_input(example):
    path = COURSE / "input_50x50.json"
    example.serve(path)
    assert example.call("client.py", path).returncode == 0
    graded = example.call("-m", "replibank", "check", "grpc", path, "output.json")
    assert graded.returncode == 0, graded.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_servers_end_when_told(example, number, code):
    server = example.serve()
    server.stdout.readline()
    server.send_signal(number)
    assert server.wait(LIMIT) == code
    assert server.stderr.read() == ""
    stopped = example.call("server.py", "--stop", "input.json")
    assert stopped.returncode == 3
    assert "nobody serves input.json" in stopped.stderr


def test_old_editions_are_read(example):
    records = [
        {"id": 1, "type": "bank", "balance": 400},
        {"id": 345, "type": "bank", "balance": 400},
        {"id": 345, " type ": "client", "events": [{"interface": "deposit", "money": 1}]},
        {"id": 1, "type": "client", "events": [{"interface": "query", "money": 9}]},
    ]
    (example.directory / "input.json").write_text(json.dumps(records))
    example.serve()
    assert example.call("client.py", "input.json").returncode == 0
    assert example.output()[1] == {"id": 1, "recv": [{"interface": "query", "balance": 401}]}


@pytest.mark.parametrize("program", ["server.py", "client.py"])
def test_wrong_input_and_usage(example, program):
    (example.directory / "input.json").write_text("[]")
    wrong = example.call(program, "input.json")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: input.json: ")
    assert wrong.stderr.count("\n") == 1
    assert not (example.directory / "output.json").exists()
    usage = example.call(program)
    assert usage.returncode == 2
    assert f"usage: python {program}" in usage.stderr


def run(command, **options):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=LIMIT, check=False, **options
    )
    assert done.returncode == 0, done.stderr
