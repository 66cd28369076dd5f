"""A watch in a real kernel, as a notebook has it: the picture is replaced a few times a second while a
workload runs, and an interrupt ends it as if nothing had happened.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

#: Seconds for what should take a moment.
PATIENCE = 60


@pytest.fixture
def kernel() -> Iterator[tuple[KernelManager, Any]]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: Any, source: str) -> None:
    reply = client.execute_interactive(source, timeout=PATIENCE, output_hook=lambda _: None)
    assert reply["content"]["status"] == "ok", reply["content"]


def pictures(client: Any, count: int) -> list[str]:
    """The kinds of the next so many messages that show a picture."""
    kinds: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while len(kinds) < count:
        message = client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
        if "image/png" in message["content"].get("data", {}):
            kinds.append(message["msg_type"])
    return kinds


def test_a_picture_is_replaced_until_it_is_interrupted(kernel: tuple[KernelManager, Any]) -> None:
    manager, client = kernel
    run(
        client, "import replibank, threading\nbank = replibank.Bank({1: 400, 2: 400}, propagation_delay=0.02)"
    )
    run(
        client,
        """if True:
        ended = threading.Event()
        customer = bank.customer(1)
        def work():
            while not ended.wait(0.01):
                customer.deposit(1)
        worker = threading.Thread(target=work)
        worker.start()
        """,
    )
    # The last line of a cell is shown, and that is to follow the bank.
    request = client.execute("bank.watch()")
    assert pictures(client, 4) == ["display_data", *["update_display_data"] * 3]
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=PATIENCE))["parent_header"].get("msg_id") != request:
        pass
    assert reply["content"]["status"] == "ok", reply["content"]
    run(client, "ended.set(); worker.join(); bank.close()")
    run(
        client, "assert [thread.name for thread in threading.enumerate() if 'replibank' in thread.name] == []"
    )
