"""Data directories: what was acknowledged survives kill -9, and what cannot be right is said. The
storms of kills are short here; REPLIBANK_KILLS=300 makes them long.
"""

import asyncio
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import replibank
from replibank import Deposit
from replibank.bank.launch import Durability, Propagation

KILLS = int(os.environ.get("REPLIBANK_KILLS", "12"))

#: Half a second a kill is plenty; most take a tenth of that.
STORM_LIMIT = 90 + KILLS // 2

BRANCHES = {1: 400, 2: 400, 3: 400}

#: The file of a branch's database, and the place of a page in it that is always in use: the header.
DATABASE = "branch.redb"


class Depositor(threading.Thread):
    """Deposits to the account of its own branch, again and again, until told to stop.

    Attributes:
        acknowledged: Amount by the write's place: the life of its branch, and which operation of it.
        unknown: The amounts that may have been deposited.
    """

    def __init__(self, address: str, account: int, patience: float, stop: threading.Event) -> None:
        super().__init__()
        self.account = account
        self.acknowledged: dict[object, int] = {}
        self.doubled: list[object] = []
        self.unknown: list[int] = []
        self.wrong: list[BaseException] = []
        self._address, self._patience, self._stop_told = address, patience, stop

    def run(self) -> None:
        try:
            customer = replibank.Customer(self._address, timeout=30)
            while not self._stop_told.is_set():
                self._deposit(customer)
        except BaseException as error:
            self.wrong.append(error)
            raise

    def _deposit(self, customer: replibank.Customer) -> None:
        amount = random.randint(1, 9)
        try:
            receipt = customer.deposit(amount, account=self.account, timeout=self._patience)
        except replibank.RequestExpired:
            # A retry in a later life, which other branches could not vouch for in time.
            self.unknown.append(amount)
            return
        except (replibank.Unreachable, replibank.DeadlineExceeded) as error:
            if error.may_have_happened:
                self.unknown.append(amount)
            return
        (place,) = receipt.version.to_dict().items()
        if place in self.acknowledged:
            self.doubled.append(place)
        self.acknowledged[place] = amount


def storm(bank: replibank.Bank) -> tuple[list[Depositor], int]:
    """Kills branches at random moments while each has two customers, and starts them again. Returns the
    customers, and how many branches were killed."""
    stop = threading.Event()
    # A patient customer tries again until its branch is back; the other one gives up soon.
    depositors = [
        Depositor(address, branch, patience, stop)
        for branch, address in bank.addresses.items()
        for patience in (30, 0.05)
    ]
    kills = 0
    for depositor in depositors:
        depositor.start()
    try:
        while kills < KILLS:
            time.sleep(random.uniform(0, 0.08))
            victims = random.sample(bank.branches, random.choice([1, 1, 1, 2, 3]))
            kills += len(victims)
            for victim in victims:
                bank.kill(victim)
            time.sleep(random.uniform(0, 0.03))
            for victim in victims:
                bank.restart(victim)
    finally:
        stop.set()
        for depositor in depositors:
            depositor.join()
    return depositors, kills


def check(bank: replibank.Bank, depositors: list[Depositor]) -> int:
    """All that was acknowledged is there, once; all branches are equal. Returns how much that was."""
    bank.wait_until_converged(timeout=30)
    count = 0
    for branch in bank.branches:
        own = [depositor for depositor in depositors if depositor.account == branch]
        places = Counter(place for depositor in own for place in depositor.acknowledged)
        assert not any(depositor.doubled or depositor.wrong for depositor in own)
        assert max(places.values()) == 1, "one place on the page for each deposit"
        acknowledged = sum(sum(depositor.acknowledged.values()) for depositor in own)
        unknown = sum(sum(depositor.unknown) for depositor in own)
        balances = bank.balances(account=branch)
        assert len(set(balances.values())) == 1
        assert acknowledged <= balances[branch] <= acknowledged + unknown
        count += len(places)
    return count


@pytest.mark.timeout(STORM_LIMIT)
@pytest.mark.parametrize(
    ("durability", "propagation"), [("synced", "stream"), ("buffered", "stream"), ("buffered", "unary")]
)
def test_kill_9_of_processes_loses_nothing_that_was_acknowledged(
    durability: Durability, propagation: Propagation, tmp_path: Path
) -> None:
    def start() -> replibank.Bank:
        return replibank.Bank(
            BRANCHES,
            accounts=dict.fromkeys(BRANCHES, 0),
            processes=True,
            propagation=propagation,
            data_dir=tmp_path,
            durability=durability,
        )

    with start() as bank:
        depositors, kills = storm(bank)
        acknowledged = check(bank, depositors)
        versions = bank.versions()
        kept = {account: bank.balances(account) for account in (0, *BRANCHES)}
    unknown = sum(len(depositor.unknown) for depositor in depositors)
    print(f"{durability}, {propagation}: {kills} kills, {acknowledged} acknowledged, {unknown} unknown")
    assert acknowledged > KILLS
    with start() as bank:
        assert bank.versions() == versions, "every branch goes on in its one life, with all it had"
        assert {account: bank.balances(account) for account in kept} == kept


def test_a_customer_waits_over_the_gap(tmp_path: Path) -> None:
    with replibank.Bank(BRANCHES, data_dir=tmp_path, processes=True) as bank:
        customer = bank.customer(2)
        customer.deposit(1)
        bank.kill(2)
        deposit = threading.Thread(target=customer.deposit, args=[5], kwargs={"timeout": 30})
        deposit.start()
        bank.restart(2)
        deposit.join()
        bank.wait_until_converged()
        assert bank.balances() == dict.fromkeys(BRANCHES, 406)


def test_first_requests_that_are_lost_are_no_earlier_lifes(tmp_path: Path) -> None:
    """In a bank that is new as a whole, no branch can have lost its directory."""
    for processes in (False, True):
        with replibank.Bank(BRANCHES, data_dir=tmp_path / str(processes), processes=processes) as bank:
            with bank.drop_requests(0.3):
                for _ in range(15):
                    bank.customer(1).deposit(1, timeout=60)
            bank.wait_until_converged()
            assert bank.balances() == dict.fromkeys(BRANCHES, 415)


def child_of(bank: replibank.Bank, branch: int) -> psutil.Process:
    def listens(child: psutil.Process) -> bool:
        addresses = {
            f"{c.laddr.ip}:{c.laddr.port}" for c in child.net_connections("tcp") if c.status == "LISTEN"
        }
        return bank.addresses[branch] in addresses

    return next(child for child in psutil.Process().children() if listens(child))


def test_a_child_that_died_by_itself_is_noticed(tmp_path: Path) -> None:
    def die() -> None:
        victim = child_of(bank, 3)
        victim.kill()
        # Not `victim.wait()`, which would take the exit status away from the bank.
        os.waitid(os.P_PID, victim.pid, os.WEXITED | os.WNOWAIT)

    with replibank.Bank(BRANCHES, data_dir=tmp_path, processes=True) as bank:
        bank.customer(3).deposit(7, concern="all")
        says = r"^branch 3: its process ended \(signal: 9 \(SIGKILL\)\)$"
        for _ in range(2):
            die()
            with pytest.raises(replibank.ProcessError, match=says):
                bank.balances()
            with pytest.raises(replibank.ProcessError, match=says):
                bank.wait_until_converged()
            bank.restart(3)
            assert bank.balances() == dict.fromkeys(BRANCHES, 407)
        die()
        with pytest.raises(replibank.ProcessError, match=says):
            bank.kill(3)
        assert bank.balances() == {1: 407, 2: 407}, "now it counts as killed"
        with pytest.raises(replibank.NotRunning, match="restart it first"):
            bank.kill(3)
        bank.restart(3)
        with pytest.raises(replibank.AlreadyRunning, match="kill it first"):
            bank.restart(3)


def test_async_banks_kill_and_restart(tmp_path: Path) -> None:
    async def main() -> dict[int, int]:
        async with replibank.AsyncBank(BRANCHES, data_dir=tmp_path, durability="buffered") as bank:
            customer = await bank.customer(2)
            await customer.deposit(5)
            await bank.kill(2)
            with pytest.raises(replibank.UnknownBranch):
                await bank.kill(9)
            await bank.restart(2)
            await customer.deposit(6)
            await bank.wait_until_converged()
            return await bank.balances()

    assert asyncio.run(main()) == dict.fromkeys(BRANCHES, 411)


def test_a_bank_without_data_forgets_and_one_with_data_does_not(tmp_path: Path) -> None:
    for data_dir, remembered in [(None, 0), (tmp_path, 5)]:
        for opening in (400, 400 + remembered):
            with replibank.Bank(BRANCHES, data_dir=data_dir) as bank:
                assert bank.balances() == dict.fromkeys(BRANCHES, opening)
                bank.customer(1).deposit(5, concern="all")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["branch-1", "branch-2", "branch-3"]


def test_what_is_wrong_with_a_directory_is_said(tmp_path: Path) -> None:
    with replibank.Bank(BRANCHES, data_dir=tmp_path) as bank:
        bank.customer(1).deposit(5, concern="all")
        for processes in (False, True):
            with pytest.raises(replibank.StorageError, match="branch-1 is in use by another process"):
                replibank.Bank(BRANCHES, data_dir=tmp_path, processes=processes)

    with pytest.raises(replibank.StorageError, match=r"is that of bank \w+, not of bank \w+"):
        replibank.Bank(dict.fromkeys(BRANCHES, 500), data_dir=tmp_path)

    swapped = tmp_path / "swapped"
    swapped.mkdir()
    shutil.copytree(tmp_path / "branch-2", swapped / "branch-1")
    with pytest.raises(replibank.StorageError, match="is that of branch 2, not of branch 1"):
        replibank.Bank(BRANCHES, data_dir=swapped)

    database = tmp_path / "branch-2" / DATABASE
    sound = database.read_bytes()
    for damaged in (sound[:-9000], b"", bytes(len(sound))):
        database.write_bytes(damaged)
        with pytest.raises(replibank.StorageError, match="branch-2 is damaged and was left as it is"):
            replibank.Bank(BRANCHES, data_dir=tmp_path, processes=True)
        assert database.read_bytes() == damaged
    database.write_bytes(sound)

    file = tmp_path / "file"
    file.touch()
    with pytest.raises(replibank.StorageError, match=f"data directory {file}.*: not a directory"):
        replibank.Bank(BRANCHES, data_dir=file)
    with pytest.raises(ValueError, match='durability "often" is unknown: give synced or buffered'):
        replibank.Bank(BRANCHES, data_dir=tmp_path, durability="often")  # type: ignore[arg-type]
    with replibank.Bank(BRANCHES, data_dir=tmp_path) as bank:
        assert bank.balances() == dict.fromkeys(BRANCHES, 405), "nothing was lost by all this"


FULL_DISK = """
    import resource, sys
    import replibank

    bank = replibank.Bank({1: 0, 2: 0}, data_dir=sys.argv[1], durability="buffered")
    customer = bank.customer(1)
    # Whatever grows beyond this has met the end of its disk.
    room = 600_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while True:
            fresh = bank.customer(1)
            for answer in fresh.execute([replibank.Deposit(1)] * 1000, timeout=1):
                acknowledged += 1
    except replibank.Unreachable as error:
        assert error.may_have_happened
        assert "data directory" in str(error) and "file too large" in str(error), error
    for ask in (bank.balances, bank.wait_until_converged):
        try:
            ask()
            raise SystemExit("the failure was not told")
        except replibank.StorageError as error:
            assert str(error).startswith("branch 1: data directory"), error
    assert bank.customer(2).query() <= acknowledged + 1000
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    bank.restart(1)
    bank.wait_until_converged()
    balances = bank.balances()
    assert balances[1] == balances[2] and acknowledged <= balances[1] <= acknowledged + 1000, balances
    bank.close()
    print("done", acknowledged > 1000)
"""


def test_a_full_disk_stops_its_branch_and_loses_nothing(
    tmp_path: Path, run_script: Callable[..., str]
) -> None:
    assert run_script(FULL_DISK, str(tmp_path)) == "done True\n"


@pytest.fixture
def branch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`branch(id, data_dir)` starts `replibank branch`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(number: int, data_dir: Path, **options: object) -> subprocess.Popen[str]:
        words = ["--listen", "127.0.0.1:0", "--balance", "0", "--durability", "buffered"]
        process = subprocess.Popen(  # type: ignore[call-overload]
            [
                sys.executable,
                "-m",
                "replibank",
                "branch",
                "--id",
                str(number),
                "--data-dir",
                data_dir,
                *words,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[-1]


def test_a_branch_of_its_own_goes_on_after_kill_9(
    branch: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    total = 0
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        process = branch(1, tmp_path / "here")
        customer = replibank.Customer(address_of(process))
        assert customer.query() == total
        total = customer.deposit(30).balance
        process.send_signal(end)
        process.wait(timeout=30)
    assert total == 90


def test_a_branch_refuses_a_directory_that_is_not_its_own(
    branch: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    first = branch(1, tmp_path)
    address_of(first)
    for number, says in [(1, "is in use by another process or branch"), (2, "is in use")]:
        second = branch(number, tmp_path)
        _, complaint = second.communicate(timeout=30)
        assert second.returncode == 2
        assert complaint.startswith(f"error: branch {number}: data directory {tmp_path} {says}")
    first.terminate()
    first.wait(timeout=30)
    other = branch(2, tmp_path)
    _, complaint = other.communicate(timeout=30)
    assert (other.returncode, complaint) == (
        2,
        f"error: branch 2: data directory {tmp_path} is that of branch 1, not of branch 2\n",
    )


def test_a_branch_whose_disk_is_full_ends_and_says_so(
    branch: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    room = 600_000
    process = branch(1, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    address = address_of(process)
    acknowledged = 0

    def fill() -> None:
        nonlocal acknowledged
        while True:
            with replibank.Customer(address, timeout=1) as customer:
                acknowledged += len(customer.execute([Deposit(1)] * 1000))

    with pytest.raises(replibank.Unreachable):
        fill()
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 2
    assert complaint.splitlines()[-1] == f"error: branch 1: data directory {tmp_path}: file too large"
    again = replibank.Customer(address_of(branch(1, tmp_path)))
    assert acknowledged <= again.query() <= acknowledged + 1000


def test_serve_tells_of_a_branch_that_died(tmp_path: Path) -> None:
    input_ = tmp_path / "input.json"
    input_.write_text(
        '[{"id": 1, "type": "branch", "balance": 4}, {"id": 2, "type": "branch", "balance": 4}]'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "replibank", "serve", input_, "--processes", "--data-dir", tmp_path / "data"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        addresses = [process.stdout.readline().split()[-1] for _ in range(2)]
        assert process.stderr.readline().startswith("serving 2 branches")
        first, second = psutil.Process(process.pid).children()
        first.kill()
        said = process.stderr.readline()
        assert said.startswith("error: branch ")
        assert said.endswith("its process ended (signal: 9 (SIGKILL))\n")
        left = addresses[1] if "branch 1" in said else addresses[0]
        with replibank.Customer(left) as customer:
            assert customer.deposit(1).balance == 5, "the other one goes on"
        second.kill()
        assert process.wait(timeout=30) == 3
        assert process.stderr.read().endswith("error: no branch is left\n")
    finally:
        process.kill()
        process.communicate()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["branch-1", "branch-2"]
