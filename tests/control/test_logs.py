"""What the operator logs, and that it waits for nobody who reads it."""

import json
import os
import subprocess
import sys
from typing import Any

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
