"""What is measured, as processes: each a context that says where it listens and ends with its block; and
the load generator's commands. Nothing here judges a figure.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CRATE = ROOT / "benches/peers"
LIMIT = 600


class Peers:
    """The program of benches/peers: servers and loads."""

    def __init__(self, *, quick):
        profile = [] if quick else ["--release"]
        # A quick build shares the tests' directory, where most of it is compiled already.
        target = ROOT / "target" if quick else CRATE / "target"
        environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        command = ["cargo", "build", "--quiet", "--manifest-path", str(CRATE / "Cargo.toml"), *profile]
        subprocess.run(command, check=True, env=environment)
        self.program = target / ("debug" if quick else "release") / "peers"

    @contextlib.contextmanager
    def serve(self, *arguments):
        """A server of its own: `bare`, or `bank` with its options."""
        with spoken([self.program, *arguments]) as server:
            yield server

    def load(self, *arguments):
        """One load, to its end: what it says."""
        return told([self.program, *arguments])


class Server:
    """A running server's process and addresses."""

    def __init__(self, process):
        self.process = process
        self.pid = process.pid
        addresses = self.hear()["addresses"]
        self.addresses = [addresses[branch] for branch in sorted(addresses, key=int)]

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.wait()} before it answered")
        return json.loads(line)

    def ask(self):
        """What the server has to tell of itself."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.hear()

    def resident_mib(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def spoken(command):
    """A server that says its addresses in its first line and ends with its standard input."""
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Server(process)
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def told(command):
    """Runs a command to its end; what its last line of standard output says, as JSON."""
    return json.loads(output(command).splitlines()[-1])


def output(command):
    """Runs a command to its end; what it says."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def python(script, *arguments):
    """A command of one of these scripts."""
    return [sys.executable, ROOT / "benches" / script, *arguments]


@contextlib.contextmanager
def redis(replicas=2):
    """A primary and its replicas, in memory only; yields the primary's address."""
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        primary = stack.enter_context(redis_server(directory))
        for _ in range(replicas):
            stack.enter_context(redis_server(directory, "--replicaof", "127.0.0.1", primary.split(":")[1]))
        until(lambda: redis_says(primary, "WAIT", replicas, 100) == f":{replicas}")
        yield primary


@contextlib.contextmanager
def redis_server(directory, *options):
    # Redis takes no port of the system's choice: one that was free a moment ago has to do.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory]
    # Replicas get everything by the socket at once, rather than after the usual five seconds.
    settings += ["--repl-diskless-sync-delay", 0, "--daemonize", "no"]
    command = [str(word) for word in ["redis-server", *settings, *options]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        address = f"127.0.0.1:{port}"
        until(lambda: process.poll() is None and redis_says(address, "PING") == "+PONG")
        yield address
    finally:
        process.terminate()
        process.wait()


def redis_says(address, *words):
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall((" ".join(map(str, words)) + "\r\n").encode())
            return connection.recv(100).decode().strip()
    except ConnectionRefusedError:
        return None


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("a server did not get ready")
        time.sleep(0.02)


def missing(program):
    """Why a peer is skipped, if it is."""
    return None if shutil.which(program) else f"{program} is not installed"
