"""The schedule: on time, never twice at once, and nothing left running."""

import asyncio
import logging
from collections import Counter

import pytest

from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.schedule import QUANTUM, TIMER_RESOLUTION
from pollwatch.worker.timetable import MissedCause
from tests.support.clock import run_in_fake_time
from tests.support.schedule import ScheduleBench, ScriptedJob


def test_every_slot_of_an_hour_is_started_within_one_wake_up() -> None:
    bench = ScheduleBench()
    jobs = [bench.add(str(n), period=10.0, takes=0.05) for n in range(300)]
    bench.run(3_600.0)
    assert all(len(job.begun) == 360 for job in jobs)
    assert max(bench.log.lateness) < QUANTUM + 2 * TIMER_RESOLUTION
    assert bench.log.missed_slots == {}


def test_starts_keep_their_distance_to_the_clock_for_a_week() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=60.0, takes=1.5)
    bench.run(7 * 86_400.0)
    offsets = [begun % 60.0 for begun in job.begun]
    assert len(offsets) == 7 * 1_440
    assert max(offsets) - min(offsets) < 2 * TIMER_RESOLUTION


def test_ten_minutes_of_standstill_end_without_a_burst_and_every_skipped_slot_is_counted() -> None:
    bench = ScheduleBench()
    jobs = [bench.add(str(n), period=10.0) for n in range(1_000)]
    first_slots = sum(entry.due for entry in bench.entries)
    bench.run(20.0, bench.hold(600.0), 20.0)
    resumed = 1_000.0 + 20.0 + 600.0
    starts = [begun for job in jobs for begun in job.begun if begun >= resumed]
    per_tenth = Counter(int((begun - resumed) * 10) for begun in starts)
    # 100 starts a second are asked for; a backlog may add as many, and 500 a second are always allowed.
    assert max(per_tenth.values()) <= 50 + 16
    slots_passed = round((sum(entry.due for entry in bench.entries) - first_slots) / 10.0)
    assert sum(len(job.begun) for job in jobs) + bench.log.missed_slots.total() == slots_passed
    assert set(bench.log.missed_slots) == {MissedCause.LATE}


def test_hourly_jobs_are_caught_up_after_a_hold() -> None:
    bench = ScheduleBench()
    jobs = [bench.add(str(n), period=3_600.0) for n in range(100)]
    bench.run(60.0, bench.hold(600.0), 3_600.0 - 660.0)
    assert all(len(job.begun) == 1 for job in jobs)
    assert bench.log.missed_slots == {}


def test_setting_the_wall_clock_starts_nothing_and_stops_nothing() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=10.0)
    bench.run(100.0, lambda: bench.clock.set_wall(0.0), 100.0, lambda: bench.clock.set_wall(4e9), 100.0)
    assert len(job.begun) == 30
    gaps = [later - former for former, later in zip(job.begun, job.begun[1:], strict=False)]
    assert gaps == pytest.approx([10.0] * 29, abs=2 * TIMER_RESOLUTION)


def test_a_job_that_takes_longer_than_its_period_never_overlaps_itself() -> None:
    bench = ScheduleBench()
    job = bench.add("slow", period=1.0, takes=2.6)
    bench.run(60.0)
    assert job.most_at_once == 1
    assert bench.log.missed_slots[MissedCause.OVERLAP] > 0


def test_a_job_that_times_out_at_the_end_of_its_period_still_runs_nearly_every_period() -> None:
    bench = ScheduleBench()
    job = bench.add("black-hole", period=10.0, takes=10.0)
    bench.run(1_000.0)
    assert len(job.begun) >= 98
    assert job.most_at_once == 1


def test_no_more_jobs_run_at_once_than_allowed_and_those_left_out_are_counted() -> None:
    bench = ScheduleBench(max_in_flight=10)
    jobs = [bench.add(str(n), period=10.0, takes=5.0) for n in range(40)]
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, bench.schedule.in_flight)

    bench.run(*(step for _ in range(200) for step in (0.5, look)))
    assert most == 10
    assert bench.log.missed_slots[MissedCause.SATURATED] > 0
    assert bench.log.missed_slots[MissedCause.LATE] == 0
    assert all(job.begun for job in jobs)


def test_a_hanging_job_does_not_delay_the_others() -> None:
    bench = ScheduleBench()
    bench.add("hangs", period=1_000.0, takes=1e9, first=FirstStart.SOON)
    job = bench.add("a", period=1.0)
    bench.run(60.0)
    assert len(job.begun) == 60


def test_a_job_added_while_the_schedule_sleeps_starts_soon() -> None:
    bench = ScheduleBench()
    bench.add("hourly", period=3_600.0)
    added: list[ScriptedJob] = []
    bench.run(5.0, lambda: added.append(bench.add("new", period=3_600.0, first=FirstStart.SOON)), 0.1)
    assert len(added[0].begun) == 1


def test_a_schedule_without_jobs_wakes_up_for_the_first_one() -> None:
    bench = ScheduleBench()
    added: list[ScriptedJob] = []
    bench.run(3_600.0, lambda: added.append(bench.add("new", period=3_600.0, first=FirstStart.SOON)), 0.1)
    assert len(added[0].begun) == 1


def test_removing_a_job_cancels_its_run_and_its_result_is_not_taken() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=3_600.0, takes=10.0, first=FirstStart.SOON)
    bench.run(1.0, lambda: bench.schedule.remove(bench.entries[0]), 0.0, 20.0)
    assert job.cancelled == 1
    assert job.results == []
    assert bench.schedule.in_flight == 0


def test_removing_a_job_whose_run_has_not_begun_leaves_nothing_in_flight() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=3_600.0, first=FirstStart.SOON)
    bench.clock.advance(0.1)

    async def main() -> None:
        running = asyncio.create_task(bench.schedule.run())
        # One turn of the loop: the task is made, its first step is still to come.
        await asyncio.sleep(0)
        assert bench.schedule.in_flight == 1
        bench.schedule.remove(bench.entries[0])
        await bench.schedule.drain(1.0)
        await running

    run_in_fake_time(bench.clock, main())
    assert job.begun == []
    assert bench.schedule.in_flight == 0


def test_a_job_may_remove_itself_when_it_is_done() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=1.0)
    job.when_done = lambda: bench.schedule.remove(bench.entries[0])
    bench.run(10.0)
    assert len(job.begun) == 1
    assert job.results == [1]


def test_a_defect_in_one_job_is_logged_and_the_job_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=1.0)

    def fail() -> None:
        raise ZeroDivisionError

    job.when_done = fail
    with caplog.at_level(logging.ERROR):
        bench.run(10.0)
    assert len(job.begun) == 10
    assert "A scheduled job failed" in caplog.text


def test_draining_waits_for_those_that_end_in_time_and_cancels_the_others() -> None:
    bench = ScheduleBench()
    quick = bench.add("quick", period=3_600.0, takes=3.0, first=FirstStart.SOON)
    slow = bench.add("slow", period=3_600.0, takes=300.0, first=FirstStart.SOON)
    bench.run(1.0, grace=5.0)
    assert quick.results == [1]
    assert slow.cancelled == 1
    assert bench.schedule.in_flight == 0
    assert bench.clock.monotonic() == pytest.approx(1_006.0, abs=0.1)


def test_nothing_starts_after_stop() -> None:
    bench = ScheduleBench()
    job = bench.add("a", period=1.0)
    bench.run(10.0, bench.schedule.stop, 10.0)
    assert len(job.begun) == 10


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_in_flight must be at least 1, got 0"):
        ScheduleBench(max_in_flight=0)
