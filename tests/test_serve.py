"""Served branches: found by the input's name in any order of start, refused twice, ended when told,
and taken over when their server was killed."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import replibank

LIMIT = 30
OPENING = 400


@pytest.fixture
def environment(tmp_path_factory):
    """An environment with a runtime directory of its own, so that tests do not meet each other."""
    runtime = tmp_path_factory.mktemp("runtime")
    return {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}


@pytest.fixture
def start(environment):
    """Starts a command; what still runs at the end of the test is killed."""
    running = []

    def begin(*words, **options):
        command = [sys.executable, "-m", "replibank", *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
        process = subprocess.Popen(command, **{**pipes, **options})
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate(timeout=LIMIT)


@pytest.fixture
def path(tmp_path):
    records = [
        {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 10}]},
        {"id": 3, "type": "customer", "events": [{"id": 2, "interface": "query"}]},
        *({"id": id_, "type": "branch", "balance": OPENING} for id_ in [1, 2, 3]),
    ]
    path = tmp_path / "input.json"
    path.write_text(json.dumps(records))
    return path


def finish(process):
    """Its exit code, and what it said."""
    said, complained = process.communicate(timeout=LIMIT)
    return process.returncode, said, complained


def addresses(server, count=3):
    """The lines of a server, once it has printed them."""
    lines = [server.stdout.readline() for _ in range(count)]
    words = [line.split() for line in lines]
    assert [word for word, *_ in words] == ["branch"] * count, lines
    return {int(branch): address for _, branch, address in words}


def balance_of(output):
    return json.loads(output.read_text())[1]["recv"][0]["balance"]


@pytest.mark.parametrize("options", [[], ["--processes"], ["--propagation", "unary"]], ids=str)
def test_serve_then_client(start, path, tmp_path, options):
    server = start("serve", path, *options)
    served = addresses(server)
    for address in served.values():
        host, port = address.split(":")
        socket.create_connection((host, int(port)), timeout=LIMIT).close()
    code, _, said = finish(start("client", path, "-o", tmp_path / "output.json"))
    assert code == 0, said
    assert "note:" not in said
    assert balance_of(tmp_path / "output.json") == 410
    server.send_signal(signal.SIGTERM)
    assert finish(server)[0] == 0


def test_client_may_come_first(start, path, tmp_path, environment):
    client = start("client", path, "-o", tmp_path / "output.json", "--wait", "30")
    # Once it has made the directory it has begun to look, and finds nobody.
    while not any(Path(environment["XDG_RUNTIME_DIR"]).iterdir()):
        assert client.poll() is None
    server = start("serve", path)
    assert finish(client)[0] == 0
    assert balance_of(tmp_path / "output.json") == 410
    server.terminate()
    assert finish(server)[0] == 0


def test_second_client_is_told_that_the_bank_was_used(start, path, tmp_path):
    server = start("serve", path)
    addresses(server)
    assert finish(start("client", path, "-o", tmp_path / "1.json"))[0] == 0
    code, _, said = finish(start("client", path, "-o", tmp_path / "2.json"))
    assert code == 0
    notes = [line for line in said.splitlines() if line.startswith("note:")]
    assert notes == ["note: the bank stands at 410, the input opens at 400:"]
    assert "      it has been used before (serve the input again for a fresh one)" in said.splitlines()
    assert balance_of(tmp_path / "2.json") == 420


def test_second_server_is_refused(start, path):
    server = start("serve", path)
    addresses(server)
    code, said, complained = finish(start("serve", path))
    assert (code, said) == (2, "")
    assert f"process {server.pid}" in complained
    assert f"replibank serve --stop {path}" in complained
    assert complained.count("\n") == 1
    # By another name of the same file, too.
    link = path.with_name("link.json")
    link.symlink_to(path)
    assert finish(start("serve", link))[0] == 2
    assert server.poll() is None


def test_another_input_is_another_bank(start, path):
    first = addresses(start("serve", path))
    other = path.with_name("other.json")
    other.write_bytes(path.read_bytes())
    assert set(first.values()).isdisjoint(addresses(start("serve", other)).values())


def test_stop_ends_the_server(start, path):
    server = start("serve", path)
    addresses(server)
    code, _, said = finish(start("serve", "--stop", path))
    assert code == 0
    assert str(server.pid) in said
    assert finish(server)[0] == 0
    code, _, said = finish(start("serve", "--stop", path))
    assert (code, said) == (3, f"error: nobody serves {path}: there is nothing to stop\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("options", [[], ["--processes"]], ids=["one process", "a process each"])
def test_signals_end_everything(start, path, options, number, environment):
    server = start("serve", path, *options)
    addresses(server)
    family = psutil.Process(server.pid).children(recursive=True)
    assert len(family) == (3 if options else 0)
    server.send_signal(number)
    finished, _, complained = finish(server)
    assert finished == (130 if number == signal.SIGINT else 0)
    assert "Traceback" not in complained
    _, alive = psutil.wait_procs(family, timeout=LIMIT)
    assert not alive
    assert list((Path(environment["XDG_RUNTIME_DIR"]) / "replibank").iterdir()) == []


def test_killed_server_is_taken_over(start, path, tmp_path):
    server = start("serve", path, "--processes")
    before = addresses(server)
    family = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    server.wait(LIMIT)
    _, alive = psutil.wait_procs(family, timeout=LIMIT)
    assert not alive
    # What it left behind is seen to be stale, by clients and by the next server.
    code, _, said = finish(start("client", path, "-o", tmp_path / "1.json", "--wait", "0"))
    assert code == 3
    assert f"nobody serves {path}" in said
    after = addresses(start("serve", path))
    assert before != after
    code, _, said = finish(start("client", path, "-o", tmp_path / "2.json"))
    assert code == 0
    assert "note:" not in said
    assert balance_of(tmp_path / "2.json") == 410


def test_nobody_serves(start, path, tmp_path):
    code, said, complained = finish(start("client", path, "-o", tmp_path / "output.json", "--wait", "0.1"))
    assert (code, said) == (3, "")
    assert complained == (f"error: nobody serves {path}: start its branches with `replibank serve {path}`\n")
    assert not (tmp_path / "output.json").exists()


def test_unreachable_address(start, path, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers, and nobody else gets it
        branches = [f"--branch={id_}=127.0.0.1:{taken.getsockname()[1]}" for id_ in [1, 2, 3]]
        code, _, complained = finish(
            start("client", path, "-o", tmp_path / "o.json", "--wait", "0.1", *branches)
        )
    assert code == 3
    assert complained.startswith("error: ")
    assert complained.count("\n") == 1
    assert complained.endswith(": give a longer --wait if the branch starts later\n")
    with pytest.raises(replibank.Unreachable, match=": give a longer timeout") as raised:
        replibank.Customer(branches[0].partition("1=")[2], timeout=0.1)
    assert raised.value.may_have_happened is False
    assert not (tmp_path / "o.json").exists()


def test_addresses_may_be_told(start, path, tmp_path):
    served = addresses(start("serve", path))
    lines = tmp_path / "addresses.txt"
    lines.write_text("".join(f"branch {id_} {address}\n" for id_, address in served.items()))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = elsewhere / "input.json"
    copy.write_bytes(path.read_bytes())
    assert finish(start("client", copy, "-o", tmp_path / "1.json", "--addresses", lines))[0] == 0
    assert balance_of(tmp_path / "1.json") == 410
    named = [f"--branch={id_}={address.replace('127.0.0.1', 'localhost')}" for id_, address in served.items()]
    assert finish(start("client", copy, "-o", tmp_path / "2.json", *named))[0] == 0
    assert balance_of(tmp_path / "2.json") == 420


def test_customer_of_a_branch_that_is_not_named(start, path, tmp_path):
    served = addresses(start("serve", path))
    code, _, said = finish(start("client", path, "-o", tmp_path / "o.json", f"--branch=1={served[1]}"))
    assert code == 2
    assert "branch 3" in said
    assert not (tmp_path / "o.json").exists()


def test_a_bank_of_another_opening_is_not_said_to_be_used(start, path, tmp_path):
    served = addresses(start("serve", path))
    other = tmp_path / "other.json"
    other.write_text(path.read_text().replace(str(OPENING), "9007199254740000"))
    named = [f"--branch={id_}={address}" for id_, address in served.items()]
    code, _, said = finish(start("client", other, "-o", tmp_path / "o.json", *named))
    assert code == 0
    first, second, *_ = said.splitlines()
    assert first == f"note: the bank stands at {OPENING}, the input opens at 9007199254740000:"
    assert "nobody has used it, so it was opened with another balance" in second
    assert max(len(first), len(second)) <= 80


def test_no_money_moves_if_a_branch_is_not_served(start, path, tmp_path):
    served = addresses(start("serve", path))
    lines = tmp_path / "addresses.txt"
    lines.write_text(f"branch 1 {served[1]}\n")
    # Customer 1 would deposit at branch 1 before customer 3 finds that there is no branch 3.
    for options, hint in [
        ([f"--branch=1={served[1]}"], "name it with --branch 3=HOST:PORT"),
        (["--addresses", lines], f"name it in {lines}, or with --branch 3=HOST:PORT"),
    ]:
        code, _, said = finish(start("client", path, "-o", tmp_path / "o.json", *options))
        assert code == 2
        assert said == f"error: customer 3 needs branch 3, and only branch 1 was named: {hint}\n"
    with replibank.Customer(served[1]) as customer:
        assert customer.query() == OPENING


def test_no_money_moves_if_another_branch_answers(start, path, tmp_path):
    served = addresses(start("serve", path))
    swapped = {1: served[2], 2: served[1], 3: served[3]}
    named = [f"--branch={id_}={address}" for id_, address in swapped.items()]
    code, _, said = finish(start("client", path, "-o", tmp_path / "o.json", *named))
    assert (code, said) == (2, f"error: {served[2]} is branch 2, not 1\n")
    with replibank.Customer(served[2]) as customer:
        assert customer.query() == OPENING


@pytest.mark.parametrize(
    ("branches", "says"),
    [
        ([1, 3], "branch 2 is none of the input's branches"),
        ([1, 2, 3, 4], "the input has branch 4, and nobody serves it"),
    ],
    ids=str,
)
def test_no_money_moves_if_the_bank_has_other_branches(start, path, tmp_path, branches, says):
    served = addresses(start("serve", path))
    records = [record for record in json.loads(path.read_text()) if record["type"] == "customer"]
    records += [{"id": id_, "type": "branch", "balance": OPENING} for id_ in branches]
    path.write_text(json.dumps(records))
    code, _, said = finish(start("client", path, "-o", tmp_path / "o.json"))
    hint = "end the server and serve the input again, which has changed since"
    assert (code, said) == (2, f"error: {says}: {hint}\n")
    with replibank.Customer(served[1]) as customer:
        assert customer.query() == OPENING


def test_an_addresses_file_names_a_branch_once(start, path, tmp_path):
    lines = tmp_path / "addresses.txt"
    lines.write_text("branch 1 127.0.0.1:9\nbranch 1 127.0.0.1:8\n")
    code, _, said = finish(start("client", path, "-o", tmp_path / "o.json", "--addresses", lines))
    assert code == 2
    assert "line 2: branch 1 is named a second time" in said


def test_somebody_who_takes_connections_and_never_answers(start, path, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        branches = [f"--branch={id_}=127.0.0.1:{silent.getsockname()[1]}" for id_ in [1, 2, 3]]
        # Each request may take a day, but not the first.
        client = start("client", path, "-o", tmp_path / "o.json", "--timeout=86400", "--wait=1", *branches)
        code, _, said = finish(client)
    assert code == 3
    assert re.search(r"did not answer within \d(\.\d{1,2})? s; nothing happened$", said), said


def test_a_client_says_what_it_waits_for(start, path, tmp_path):
    code, _, said = finish(start("client", path, "-o", tmp_path / "o.json", "--wait", "1.5"))
    assert code == 3
    assert said.splitlines()[0] == f"waiting for the branches of {path}, for 1.5 s at most"


def test_stop_tells_programs_whom_it_stopped(start, path):
    server = start("serve", path)
    addresses(server)
    code, said, complained = finish(start("serve", "--stop", "--json", path))
    assert (code, json.loads(said), complained) == (0, {"stopped": server.pid}, "")


def test_serve_json_is_one_document(start, path):
    server = start("serve", path, "--json")
    assert set(json.loads(server.stdout.readline())["branches"]) == {"1", "2", "3"}


def test_runtime_directory_is_private(start, path, environment):
    addresses(start("serve", path))
    directory = Path(environment["XDG_RUNTIME_DIR"]) / "replibank"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    directory.chmod(0o777)
    code, _, said = finish(start("serve", path))
    assert code == 2
    assert "private" in said
    directory.chmod(0o700)


def free_ports(count):
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_branches_one_by_one_are_a_bank(start, path, tmp_path):
    ports = dict(zip([1, 2, 3], free_ports(3), strict=True))
    branches = []
    for id_, port in ports.items():
        peers = [f"--peer={peer}=127.0.0.1:{ports[peer]}" for peer in ports if peer != id_]
        listen = ["--listen", f"127.0.0.1:{port}"]
        branches.append(start("branch", "--id", id_, *listen, *peers, "--balance", OPENING))
    for branch in branches:
        addresses(branch, 1)
    named = [f"--branch={id_}=127.0.0.1:{port}" for id_, port in ports.items()]
    code, _, said = finish(start("client", path, "-o", tmp_path / "output.json", *named))
    assert code == 0, said
    assert balance_of(tmp_path / "output.json") == 410
    # A port that is taken is an error that names it.
    again = start("branch", "--id", 1, "--listen", f"127.0.0.1:{ports[1]}", "--balance", OPENING)
    code, _, said = finish(again)
    assert code == 2
    assert f"127.0.0.1:{ports[1]}" in said
    for branch in branches:
        branch.send_signal(signal.SIGINT)
        assert finish(branch)[0] == 130


UNARY = ["--propagation", "unary"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["--balance", OPENING], ["--balance", OPENING + 100]),
        ([*UNARY, "--balance", OPENING], [*UNARY, "--balance", OPENING + 100]),
        (["--balance", OPENING], [*UNARY, "--balance", OPENING]),
        ([*UNARY, "--balance", OPENING], ["--balance", OPENING]),
        (["--topology", "ring", "--balance", OPENING], ["--topology", "mesh", "--balance", OPENING]),
    ],
    ids=["balance", "balance of unary", "propagation", "propagation the other way", "topology"],
)
def test_branches_of_two_banks_are_told_apart(start, first, second):
    ports = dict(zip([1, 2, 3, 4], free_ports(4), strict=True))
    branches = {}
    for id_, options in [(1, first), (2, second)]:
        peers = [f"--peer={peer}=127.0.0.1:{ports[peer]}" for peer in ports if peer != id_]
        listen = ["--listen", f"127.0.0.1:{ports[id_]}"]
        branches[id_] = start("branch", "--id", id_, *listen, *peers, *options)
    # The lower id dials or asks first, so it is the one that says so: the test's own time limit is
    # the deadline.
    said = iter(branches[1].stderr.readline, "")
    assert any("of another bank" in line and "propagation and topology" in line for line in said)
