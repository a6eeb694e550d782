from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.ports import ReservedPort
from tests.cluster.process import Program, ProgramError
from tests.cluster.waiting import DeadlineError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEPER = ["/bin/sh", "-c", "echo started; sleep 600"]
WATCHED_SLEEPER = ["/bin/sh", "-c", 'exec 3>"$1"; echo started; sleep 600', "sleeper"]
STUBBORN = ["/bin/sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.05; done"]


class Witness:
    """Knows whether a `WATCHED_SLEEPER` or a child of it lives: each holds the end of a pipe open.

    A process id would not tell: where nobody reaps orphans it stays taken for good.
    """

    def __init__(self, pipe: Path) -> None:
        self.pipe = pipe
        os.mkfifo(pipe)
        self._end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def sees_life(self) -> bool:
        try:
            return os.read(self._end, 1) != b""
        except BlockingIOError:
            return True

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    watching = Witness(tmp_path / "pipe")
    yield watching
    watching.close()


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=30).close()


def listening(port: int, *, shared: bool = True) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if shared:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
    except OSError:
        server.close()
        raise
    return server


def started(log: Path) -> bool:
    return "started" in log.read_text()


def test_a_program_and_its_children_end_when_it_is_stopped(tmp_path: Path, witness: Witness) -> None:
    log = tmp_path / "log"
    program = Program("sleeper", [*WATCHED_SLEEPER, witness.pipe], log=log)
    program.wait_until_ready(lambda: started(log), within_seconds=30)
    assert witness.sees_life()

    assert program.stop() == -signal.SIGTERM
    wait_until(lambda: not witness.sees_life(), what="the last process to end")


def test_a_program_that_ignores_the_request_to_end_is_killed_after_the_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Program("stubborn", STUBBORN, log=log)
    program.wait_until_ready(lambda: started(log), within_seconds=30)

    assert program.stop(grace_seconds=0.2) == -signal.SIGKILL


def test_stopping_twice_gives_the_same_exit_code(tmp_path: Path) -> None:
    program = Program("failing", ["/bin/sh", "-c", "exit 3"], log=tmp_path / "log")
    program.wait(30)

    assert (program.stop(), program.stop()) == (3, 3)


def test_a_program_that_ends_before_it_is_ready_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = Program("failing", ["/bin/sh", "-c", "echo no such flag; exit 3"], log=tmp_path / "log")

    with pytest.raises(ProgramError, match=r"failing ended with exit code 3 .*\nno such flag"):
        program.wait_until_ready(lambda: False, within_seconds=30)


def test_a_program_that_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    program = Program("sleeper", SLEEPER, log=tmp_path / "log")
    try:
        with pytest.raises(ProgramError, match=r"sleeper was not ready after 0\.1 seconds"):
            program.wait_until_ready(lambda: False, within_seconds=0.1)
    finally:
        program.stop()


def test_a_program_ends_with_the_session_that_started_it_even_when_that_is_killed(
    tmp_path: Path, witness: Witness
) -> None:
    script = """
import pathlib, sys, time
from tests.cluster.process import Program
Program("sleeper", sys.argv[3:], log=pathlib.Path(sys.argv[1]))
pathlib.Path(sys.argv[2]).touch()
time.sleep(600)
"""
    started = tmp_path / "started"
    arguments = [str(tmp_path / "log"), str(started), *WATCHED_SLEEPER, str(witness.pipe)]
    with subprocess.Popen([sys.executable, "-c", script, *arguments]) as session:
        # The program may live a moment before it has its guard.
        wait_until(lambda: started.exists() and witness.sees_life(), what="the program to start")
        session.kill()

    wait_until(lambda: not witness.sees_life(), what="the program to end")


def test_a_reserved_port_refuses_connections_until_a_server_listens_there() -> None:
    port = ReservedPort()
    try:
        with pytest.raises(ConnectionRefusedError):
            connect(port.number)
        with listening(port.number):
            connect(port.number)
        with pytest.raises(ConnectionRefusedError):
            connect(port.number)
    finally:
        port.close()


def test_a_reserved_port_is_not_given_to_a_program_that_does_not_share_it() -> None:
    port = ReservedPort()
    try:
        with pytest.raises(OSError, match="in use"):
            listening(port.number, shared=False).close()
    finally:
        port.close()


def test_waiting_ends_with_what_was_waited_for_and_the_last_answer() -> None:
    with pytest.raises(DeadlineError, match=r"waited 0 seconds for a train; the last answer was \[\]"):
        wait_until(list, what="a train", within_seconds=0)
