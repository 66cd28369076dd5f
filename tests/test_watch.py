"""Watching a bank while it converges: with a picture, without one, from elsewhere, and until interrupted."""

import asyncio
import os
import pty
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import replibank
from replibank.live import picture, screens

OPENING = {1: 400, 2: 400, 3: 400}


def test_balances_come_whenever_they_have_changed() -> None:
    with replibank.Bank(OPENING) as bank:
        seen = []
        for balances in bank.watch():
            seen.append(balances)
            if balances == OPENING:
                bank.customer(2).deposit(170)
            if set(balances.values()) == {570}:
                break
        assert seen[0] == OPENING
        assert all(list(balances) == [1, 2, 3] for balances in seen)


def test_balances_come_in_asyncio_too() -> None:
    async def main() -> dict[int, int]:
        async with replibank.AsyncBank(OPENING) as bank:
            customer = await bank.customer(1)
            async for balances in bank.watch():
                if balances == OPENING:
                    await customer.deposit(170)
                if set(balances.values()) == {570}:
                    return balances
        raise AssertionError

    assert asyncio.run(main()) == {1: 570, 2: 570, 3: 570}


def test_a_watch_lasts_as_long_as_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with replibank.Bank(OPENING) as bank:
        with bank.watch() as watch:
            bank.customer(1).deposit(170, concern="all")
        ended = repr(watch)
    assert "3 branches: 1: 570, 2: 570, 3: 570; 1 operations, agreed" in ended
    # Not on a terminal: once, at the end.
    assert capsys.readouterr().err == "3 branches: 1: 570, 2: 570, 3: 570; 1 operations, agreed\n"


def test_a_watch_in_asyncio_lasts_as_long_as_its_block() -> None:
    async def main() -> dict[int, int]:
        async with replibank.AsyncBank(OPENING) as bank:
            async with bank.watch() as watch:
                customer = await bank.customer(1)
                await customer.deposit(5, concern="all")
            return watch.balances

    assert set(asyncio.run(main()).values()) == {405}


def test_what_a_block_raises_is_not_hidden() -> None:
    with replibank.Bank(OPENING) as bank, pytest.raises(ZeroDivisionError), bank.watch():
        raise ZeroDivisionError


def test_a_killed_branch_is_left_out_until_it_is_back(wait_until: Callable[..., None]) -> None:
    with replibank.Bank(OPENING) as bank, bank.watch() as watch:
        bank.kill(2)
        wait_until(lambda: list(watch.balances) == [1, 3], "the killed branch is left out")
        bank.restart(2)
        wait_until(lambda: list(watch.balances) == [1, 2, 3], "the branch is dialled again")
        ax = watch.draw()
        assert any(np.isnan(line.get_ydata()).any() for line in ax.get_lines())


def test_following_ends_with_the_bank(wait_until: Callable[..., None]) -> None:
    with replibank.Bank(OPENING) as bank:
        watch = bank.watch()
        follower = threading.Thread(target=watch.follow)
        follower.start()
        wait_until(lambda: watch.balances == OPENING, "it has begun")
    follower.join(timeout=30)
    assert not follower.is_alive()


def test_following_ends_after_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    with replibank.Bank(OPENING) as bank:
        bank.watch().follow(seconds=0.2)
    assert "agreed" in capsys.readouterr().err


def test_an_interrupt_ends_following_without_an_error(script: Callable[..., Any]) -> None:
    process = script("""
        import replibank, threading, time
        def tell():
            while len(watch.balances) < 2:
                time.sleep(0.001)
            print("following", flush=True)
        with replibank.Bank({1: 400, 2: 400}) as bank:
            watch = bank.watch()
            threading.Thread(target=tell).start()
            watch.follow()
            print("went on")
    """)
    assert process.stdout.readline() == "following\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "went on\n"), errors
    assert "Traceback" not in errors


def test_an_interrupt_of_a_watched_workload_reaches_the_workload(script: Callable[..., Any]) -> None:
    process = script("""
        import replibank, threading
        with replibank.Bank({1: 400, 2: 400}) as bank:
            try:
                with bank.watch():
                    print("working", flush=True)
                    while True:
                        bank.customer(1).deposit(1)
            except KeyboardInterrupt:
                print("interrupted", [t.name for t in threading.enumerate()])
    """)
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "interrupted ['MainThread']\n"), errors


def test_branches_of_another_process_are_watched_by_address(script: Callable[..., Any]) -> None:
    server = script("""
        import replibank, sys
        with replibank.Bank({1: 400, 2: 400}) as bank:
            print(bank.addresses[1], bank.addresses[2], flush=True)
            sys.stdin.readline()
    """)
    one, two = server.stdout.readline().split()
    for balances in replibank.watch({1: one, 2: two}):
        if balances == {1: 400, 2: 400}:
            replibank.Customer(one).deposit(170)
        if balances == {1: 570, 2: 570}:
            break
    server.communicate("end\n", timeout=60)
    assert server.returncode == 0


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that nobody listens at, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


#: Which of them depends on how busy the machine is.
SILENT = (replibank.Unreachable, replibank.DeadlineExceeded)


def test_nobody_to_watch_is_said_at_once(nobody: str) -> None:
    with pytest.raises(SILENT):
        replibank.watch({1: nobody}, timeout=1).follow()
    with pytest.raises(SILENT):
        next(iter(replibank.watch({1: nobody}, timeout=1)))


def test_one_branch_that_answers_is_enough(nobody: str) -> None:
    with replibank.Bank({2: 400}) as bank:
        assert next(iter(replibank.watch({1: nobody} | bank.addresses, timeout=1))) == {2: 400}


def test_an_account_that_is_none_is_refused() -> None:
    with replibank.Bank({1: 400}) as bank, pytest.raises(replibank.UnknownAccount, match="no account 9"):
        next(iter(bank.watch(account=9)))


def test_what_ends_a_watch_by_itself_is_raised(
    monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    def broken(*_: object) -> None:
        raise replibank.ProtocolError("what a branch never says")

    with replibank.Bank({1: 400}) as bank:
        balances = iter(bank.watch())
        assert next(balances) == {1: 400}
        watch = bank.watch()
        watch.__enter__()
        monkeypatch.setattr("replibank.live.feed.Feed._seen", broken)
        bank.customer(1).deposit(1)
        with pytest.raises(replibank.ProtocolError, match="never says"):
            list(balances)
        wait_until(lambda: watch._feed.ended, "the other watch has ended")
        with pytest.raises(replibank.ProtocolError, match="never says"):
            watch.__exit__(None)


def test_arguments_that_are_out_of_range_are_refused() -> None:
    with replibank.Bank({1: 400}) as bank:
        with pytest.raises(ValueError, match="interval 0 is not right"):
            bank.watch(interval=0)
        with pytest.raises(ValueError, match="window -1 is not right"):
            bank.watch(window=-1)
    with pytest.raises(ValueError, match="no address was given"):
        replibank.watch({})
    with pytest.raises(replibank.ConfigError, match="'nowhere' is not an address"):
        replibank.watch({1: "nowhere"})


def test_a_watch_is_used_once() -> None:
    with replibank.Bank({1: 400}) as bank:
        watch = bank.watch()
        with watch:
            pass
        with pytest.raises(replibank.Closed, match="used before"):
            watch.follow()


def test_a_closed_bank_cannot_be_watched() -> None:
    with replibank.Bank({1: 400}) as bank:
        pass
    with pytest.raises(replibank.Closed):
        bank.watch()


def test_a_terminal_shows_one_line_that_is_written_over(script: Callable[..., Any]) -> None:
    here, there = pty.openpty()
    process = script(
        """
        import os, replibank, sys
        os.dup2(int(sys.argv[1]), 2)
        with replibank.Bank({1: 400, 2: 400}) as bank, bank.watch(interval=0.01):
            bank.customer(1).deposit(170, concern="all")
        """,
        str(there),
        pass_fds=[there],
        env=os.environ | {"COLUMNS": "70"},
    )
    os.close(there)
    shown = b""
    try:
        while piece := os.read(here, 4096):
            shown += piece
    except OSError:  # the last who had the other end has closed it
        pass
    os.close(here)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert text.startswith("\r\x1b[K2 branches: 1: 4")
    assert text.rstrip().endswith("1: 570, 2: 570; 1 operations, agreed")
    assert text.count("\n") == 1
    assert all(len(line) < 70 for line in text.replace("\n", "").split("\r\x1b[K"))


def test_a_notebook_shows_a_picture_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, Any]]] = []

    class Handle:
        def display(self, bundle: dict[str, Any], raw: bool) -> None:
            shown.append(("display", bundle))

        def update(self, bundle: dict[str, Any], raw: bool) -> None:
            shown.append(("update", bundle))

    monkeypatch.setattr("IPython.display.DisplayHandle", Handle)
    monkeypatch.setattr(screens, "in_notebook", lambda: True)
    with replibank.Bank(OPENING) as bank:
        with bank.watch(interval=0.01) as watch:
            bank.customer(1).deposit(170, concern="all")
        watch._ipython_display_()
    assert [how for how, _ in shown[:2]] == ["display", "update"]
    assert all(bundle["image/png"].startswith(b"\x89PNG") for _, bundle in shown)
    assert "agreed" in shown[-1][1]["text/plain"]


def test_the_picture_is_drawn_in_the_style_in_use() -> None:
    with replibank.Bank(OPENING) as bank, bank.watch() as watch:
        with mpl.style.context("dark_background"):
            dark = picture.png(watch._view, 50)
        light = picture.png(watch._view, 50)
    assert dark != light
