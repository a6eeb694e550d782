"""Nothing is left of a command in namespaces of its own, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = """
import os, sys
from tests.cluster.node.isolation import run_isolated
sys.exit(run_isolated(sys.argv[1:], environment=os.environ))
"""


def _running(argument: str) -> list[int]:
    """The processes with this argument, by id."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if argument.encode() in arguments:
            found.append(int(process.name))
    return found


@contextmanager
def _isolated(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", _RUN, *command], start_new_session=True)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def test_the_exit_code_is_the_commands() -> None:
    with _isolated("sh", "-c", "exit 7") as started:
        assert started.wait(30) == 7


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_of_a_command_ends_with_the_one_who_waits(number: signal.Signals) -> None:
    # Its own session and a parent that is gone, as containerd's shims are.
    seconds = f"86400.{os.getpid()}{number.value}"
    with _isolated("sh", "-c", f"setsid sleep {seconds} & sleep 1000") as started:
        wait_until(partial(_running, seconds), what="the daemon")

        started.send_signal(number)

        started.wait(30)
        wait_until(lambda: not _running(seconds), what="the end of the daemon")


def test_ctrl_c_reaches_the_command_which_ends_in_its_own_way() -> None:
    code = "import time\ntry: print('up', flush=True); time.sleep(1000)\nexcept KeyboardInterrupt: exit(3)"
    started = subprocess.Popen(
        [sys.executable, "-c", _RUN, sys.executable, "-c", code],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    with started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"up\n"

        os.killpg(started.pid, signal.SIGINT)

        assert started.wait(30) == 3
