"""What a worker logs, and that it waits for nobody who reads it."""

import json
import logging
import os
import pty
import queue
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.worker.logs import Backlog

FLOOD = 20_000
"""Lines; many more than a pipe holds, and than may wait."""


def run(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], text=True, check=False, timeout=60, **options)


PROGRAM = """
import logging, sys
from pollwatch.worker.logs import logs_to
with logs_to(sys.stderr):
    log = logging.getLogger("pollwatch.test")
    log.info("plan applied", extra={"revision": 7, "checks": 2})
    log.debug("of no interest")
    try:
        secret = "s3cret"
        raise RuntimeError("a defect")
    except RuntimeError:
        log.exception("it failed")
"""


def test_a_line_is_a_json_object_with_a_constant_message_and_its_values() -> None:
    done = run(PROGRAM, capture_output=True)
    first, second = map(json.loads, done.stderr.splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "plan applied",
        "level": "info",
        "logger": "pollwatch.test",
        "revision": 7,
        "checks": 2,
    }
    assert second["exception"].endswith("RuntimeError: a defect")
    assert "s3cret" not in second["exception"].replace('secret = "s3cret"', "")


def test_on_a_terminal_a_line_is_for_people() -> None:
    ours, theirs = pty.openpty()
    done = run(PROGRAM, stderr=theirs)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert text.splitlines()[0].endswith("Z info    plan applied revision=7 checks=2")


def test_a_reader_that_stops_reading_holds_up_nobody_and_learns_what_it_missed() -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import logging, sys
from pollwatch.worker.logs import logs_to
log = logging.getLogger("test")
with logs_to(sys.stderr):
    for number in range({FLOOD}):
        log.info("flood", extra={{"number": number}})
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
    kept = [entry["number"] for entry in entries if entry["event"] == "flood"]
    dropped = sum(entry["lines"] for entry in entries if entry["event"] == "log lines were dropped")
    # Which lines went is a matter of who is quicker; none is told twice, or out of turn.
    assert kept == sorted(set(kept))
    assert dropped == FLOOD - len(kept) > 0
    assert entries[-1]["event"] == "later" or entries[-2]["event"] == "later"


@given(reads=st.lists(st.integers(0, 3), max_size=20))
def test_every_line_is_there_or_counted_however_the_reader_dawdles(reads: list[int]) -> None:
    lines: queue.Queue[logging.LogRecord] = queue.Queue(2)
    backlog, seen, told = Backlog(lines), [], 0

    def read(most: int) -> None:
        nonlocal told
        for _ in range(min(most, lines.qsize())):
            line = vars(lines.get())
            if "lines" in line:
                told += line["lines"]
            else:
                seen.append(line["msg"])
            # What was dropped before a line is told before it.
            assert "lines" in line or told + len(seen) == int(line["msg"]) + 1

    for number, most in enumerate(reads):
        backlog.handle(logging.makeLogRecord({"msg": str(number)}))
        read(most)
    read(2)
    backlog.tell_dropped()
    read(2)
    assert told + len(seen) == len(reads)
