"""What the operator logs, and that it waits for nobody who reads it."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.cli.terminals import CONTROLS, Terminal
from tests.cluster.controlplane import ControlPlane
from tests.support.waiting import until

FLOOD = 20_000
"""Lines; many more than a pipe holds, and than may wait."""


def run(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], text=True, check=False, timeout=60, **options)


def test_an_unexpected_end_is_one_line_with_the_traceback_in_it_and_exit_code_1() -> None:
    done = run(
        """
import asyncio
from pollwatch.cli import operate

async def fail(settings, embedded, stop):
    secret = "s3cret"
    async with asyncio.TaskGroup() as group:
        group.create_task(broken())

async def broken():
    raise RuntimeError("of no use")

operate.operate_embedded = fail
operate.command(["--embedded"])
""",
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"]) == ("operator failed", "error")
    assert "RuntimeError: of no use" in entry["exception"]
    assert "s3cret" not in line


def test_a_reader_that_stops_reading_holds_up_nobody_and_learns_what_it_missed() -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import sys, structlog
from pollwatch.control.logs import logs_to

log = structlog.get_logger("test")
with logs_to(sys.stderr):
    for number in range({FLOOD}):
        log.info("flood", number=number)
    print("went on", flush=True)
    sys.stdin.read()
    log.info("later")
""",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
    ) as process:
        os.close(writing)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "went on\n"
        with os.fdopen(reading, encoding="utf-8") as lines:
            entries = [json.loads(lines.readline())]
            # Now it is read again, there is room for what comes later.
            while entries[-1].get("number", 0) < 5_000:
                entries.append(json.loads(lines.readline()))
            process.stdin.close()
            entries += map(json.loads, lines)
        assert process.wait(60) == 0
    numbers = [entry["number"] for entry in entries if entry["event"] == "flood"]
    assert numbers == list(range(len(numbers)))
    (dropped,) = (entry for entry in entries if entry["event"] == "log lines were dropped")
    assert dropped["lines"] == FLOOD - len(numbers)
    assert [entry for entry in entries if entry["event"] == "later"]


def test_a_library_that_logs_is_told_in_the_same_way() -> None:
    done = run(
        """
import logging, sys
from pollwatch.control.logs import logs_to

with logs_to(sys.stderr):
    logging.getLogger("somebody").warning("%s of %s", 1, 2)
    logging.getLogger("kopf").error("Request attempt 1/9 failed; will retry")
""",
        capture_output=True,
    )
    (line,) = done.stderr.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["logger"], entry["level"]) == ("1 of 2", "somebody", "warning")


async def test_on_a_terminal_the_operator_writes_for_people(cluster: ControlPlane) -> None:
    arguments = ("--embedded", "--listen=127.0.0.1:0", f"--kubeconfig={cluster.kubeconfig()}")
    async with Terminal("pollwatch", "operator", *arguments, columns=120, lines=30) as terminal:

        def lines() -> list[str]:
            return CONTROLS.sub("", terminal.received).replace("\r", "").splitlines()

        try:
            await until(lambda: any("operator is ready" in line for line in lines()), "a ready operator")
        except AssertionError as error:
            raise AssertionError(f"{error}; it wrote:\n" + "\n".join(lines())) from None
        assert await terminal.end() == 0
    (started,) = (line for line in lines() if "operator started" in line)
    assert "[info" in started
    assert "url=http://127.0.0.1:" in started
    assert not [line for line in lines() if line.startswith("{")]
    assert CONTROLS.search(terminal.received), "no colours"


def test_on_a_terminal_a_traceback_shows_no_values_of_variables() -> None:
    program = """
import structlog, sys
from pollwatch.control.logs import logs_to

class Terminal:
    write, flush = sys.stdout.write, sys.stdout.flush

    def isatty(self):
        return True

with logs_to(Terminal()):
    password = "s3" + "cret"
    try:
        password.no_such_attribute
    except AttributeError:
        structlog.get_logger("test").exception("it failed", check="public-sites/front-page")
"""
    done = run(program, capture_output=True)
    assert "it failed" in done.stdout
    assert "AttributeError: 'str' object has no attribute 'no_such_attribute'" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
