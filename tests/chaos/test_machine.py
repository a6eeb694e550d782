"""What the machine keeps processes waiting is told from what they do themselves."""

import os
import subprocess
import sys
import time

import pytest

from tests.chaos.machine import Machine, MachineClock

pytestmark = pytest.mark.alone

SECONDS = 0.3
BURN = f"import time\nbegin = time.process_time()\nwhile time.process_time() - begin < {SECONDS}: pass"


def test_processes_that_share_the_cores_wait_for_each_other() -> None:
    with Machine() as machine:
        begin = time.monotonic()
        burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(3 * (os.cpu_count() or 1))]
        assert [process.wait(60) for process in burning] == [0] * len(burning)
        end = time.monotonic()
        time.sleep(SECONDS)
        # One of them took that long for 0.3 s of work.
        assert (end - begin - SECONDS) / 2 <= machine.waited(begin, end) <= end - begin
        assert machine.waited(begin - 60.0, begin - 30.0) == 0.0


def test_the_clock_of_the_machine_goes_slower_while_processes_wait_and_never_stops() -> None:
    with Machine() as machine:
        clock, begin = MachineClock(machine), time.monotonic()
        burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(3 * (os.cpu_count() or 1))]
        while any(process.poll() is None for process in burning):
            clock.now()
            time.sleep(0.05)
        took = time.monotonic() - begin
        assert 0.1 * took - 0.5 <= clock.now() <= 0.9 * took


def test_a_process_that_sleeps_waits_for_nobody() -> None:
    with Machine() as machine:
        begin = time.monotonic()
        subprocess.run(["/bin/sleep", "1"], check=True, timeout=60)
        assert machine.waited(begin, time.monotonic()) < (time.monotonic() - begin) / 2


def test_what_a_process_waited_before_is_not_counted() -> None:
    burn = f"{BURN}\nprint('done', flush=True)\ntime.sleep(60)"
    older = [
        subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE)
        for _ in range(4 * (os.cpu_count() or 1))
    ]
    try:
        for process in older:
            assert process.stdout is not None
            assert process.stdout.readline() == b"done\n"
        with Machine() as machine:
            begin = time.monotonic()
            time.sleep(4 * SECONDS)
            assert machine.waited(begin, time.monotonic()) < SECONDS
    finally:
        for process in older:
            process.kill()
            process.communicate()
