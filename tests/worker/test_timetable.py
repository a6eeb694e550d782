"""The timetable: slots that never drift, and none that vanishes unseen."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.timetable import MissedCause, Phase, Timetable
from tests.support.clock import ELECTION_NIGHT
from tests.support.starts import StartLog

YEAR = 366 * 86_400.0

periods = st.one_of(st.integers(1, 86_400).map(float), st.floats(0.05, 100.0))
identities = st.text(min_size=1, max_size=20)
waits = st.lists(st.floats(0.0, 3 * 86_400.0), max_size=50)


def make_timetable(
    *, monotonic: float = 0.0, unix: float = ELECTION_NIGHT, log: StartLog | None = None
) -> Timetable[str]:
    return Timetable(monotonic=monotonic, unix=unix, recorder=log or StartLog())


def distance_to_phase(entry: Entry[str], unix: float) -> float:
    """Seconds between a moment and the nearest slot that the identity's hash gives, on the wall clock."""
    into = (unix - Phase.of(entry.work).offset * entry.period) % entry.period
    return min(into, entry.period - into)


@given(identity=identities, period=periods, jumps=st.lists(st.floats(0.0, YEAR), min_size=1, max_size=30))
def test_a_year_of_waits_and_holds_does_not_move_the_slots(
    identity: str, period: float, jumps: list[float]
) -> None:
    table = make_timetable()
    entry = table.add(identity, identity=identity, period=period, now=0.0, first=FirstStart.AT_SLOT)
    now = 0.0
    for jump in jumps:
        now = min(now + jump, YEAR)
        for started in table.pop_due(now, 1):
            assert distance_to_phase(entry, table.unix(started.started_for)) < 1e-4
            table.finished(started)
        assert distance_to_phase(entry, table.unix(entry.due)) < 1e-4


@given(period=periods, waits=waits, runs=st.lists(st.integers(0, 3), min_size=50, max_size=50))
def test_every_slot_is_started_or_counted_as_missed(
    period: float, waits: list[float], runs: list[int]
) -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=period, now=0.0, first=FirstStart.AT_SLOT)
    first = entry.due
    now, starts, running_for = 0.0, 0, 0
    for wait, run in zip(waits, runs, strict=False):
        now += wait
        if entry.running and (running_for := running_for - 1) < 0:
            table.finished(entry)
        started = table.pop_due(now, 1)
        starts += len(started)
        running_for = run if started else running_for
    assert round((entry.due - first) / period) == starts + log.missed_slots.total()


@given(period=periods, waits=waits)
def test_no_slot_starts_early_or_later_than_a_quarter_of_the_period(
    period: float, waits: list[float]
) -> None:
    table = make_timetable()
    table.add("a", identity="a", period=period, now=0.0)
    now = 0.0
    for wait in waits:
        now += wait
        for entry in table.pop_due(now, 1):
            assert 0 <= now - entry.started_for <= period / 4
            table.finished(entry)


@given(period=periods, waits=waits, ends=st.sets(st.integers(0, 49)))
def test_an_entry_is_never_due_while_it_runs(period: float, waits: list[float], ends: set[int]) -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=period, now=0.0)
    now, running = 0.0, False
    for step, wait in enumerate(waits):
        now += wait
        if running and step in ends:
            table.finished(entry)
            running = False
        started = table.pop_due(now, 1)
        assert not (running and started)
        running = running or bool(started)


def test_a_run_that_takes_a_little_longer_than_its_period_delays_the_next_start_and_loses_none() -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    slot = entry.due
    assert table.pop_due(slot, 1) == [entry]
    assert table.pop_due(slot + 10.0, 1) == []
    table.finished(entry)
    assert table.pop_due(slot + 10.1, 1) == [entry]
    assert entry.started_for == slot + 10.0
    assert log.missed_slots == {}


def test_slots_that_pass_while_a_run_goes_on_are_missed_because_of_overlap() -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    slot = entry.due
    table.pop_due(slot, 1)
    table.pop_due(slot + 10.0, 1)
    table.finished(entry)
    assert table.pop_due(slot + 35.0, 1) == []
    assert log.missed_slots == {MissedCause.OVERLAP: 3}
    assert entry.due == slot + 40.0


def test_slots_that_pass_in_a_hold_are_missed_because_they_are_late() -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    slot = entry.due
    assert table.pop_due(slot + 605.0, 1) == []
    assert log.missed_slots == {MissedCause.LATE: 61}
    assert entry.due == slot + 610.0


def test_the_newest_slot_of_a_hold_is_started_when_it_is_not_too_late() -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    slot = entry.due
    table.pop_due(slot + 602.0, 1)
    assert table.pop_due(slot + 602.0, 1) == []
    assert entry.started_for == slot + 600.0
    assert log.missed_slots == {MissedCause.LATE: 60}


def test_a_slot_that_waited_for_room_is_started_however_late_and_older_ones_are_missed() -> None:
    log = StartLog()
    table = make_timetable(log=log)
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    slot = entry.due
    assert table.pop_due(slot + 1.0, 1, room=0) == []
    assert table.pop_due(slot + 25.0, 1) == [entry]
    assert entry.started_for == slot + 20.0
    assert log.missed_slots == {MissedCause.SATURATED: 2}
    assert entry.due == slot + 30.0


def test_a_limit_leaves_the_newest_slots_for_later() -> None:
    table = make_timetable()
    entries = [table.add(str(n), identity=str(n), period=3_600.0, now=0.0) for n in range(5)]
    slots = sorted(entry.due for entry in entries)
    assert [entry.started_for for entry in table.pop_due(1.0, 3)] == slots[:3]
    assert [entry.started_for for entry in table.pop_due(1.0, 3)] == slots[3:]


def test_phases_are_spread_evenly() -> None:
    buckets = Counter(int(Phase.of(f"public-sites/check-{n}").offset * 100) for n in range(10_000))
    expected = 100
    chi_square = sum((buckets[n] - expected) ** 2 / expected for n in range(100))
    # 99 degrees of freedom: 149 is exceeded by chance once in a thousand.
    assert chi_square < 149
    assert max(buckets.values()) < expected * 1.5


def test_the_turn_of_a_first_start_says_nothing_of_the_phase() -> None:
    quadrants = Counter(
        (phase.offset < 0.5, phase.turn < 0.5)
        for phase in (Phase.of(f"public-sites/check-{n}") for n in range(10_000))
    )
    assert all(2_300 < count < 2_700 for count in quadrants.values())


def test_two_workers_and_a_restart_agree_on_every_slot() -> None:
    here = make_timetable(monotonic=50.0, unix=ELECTION_NIGHT)
    there = make_timetable(monotonic=1e6, unix=ELECTION_NIGHT + 86_461.7)
    one = here.add("a/b", identity="a/b", period=60.0, now=50.0, first=FirstStart.AT_SLOT)
    other = there.add("a/b", identity="a/b", period=60.0, now=1e6, first=FirstStart.AT_SLOT)
    assert (there.unix(other.due) - here.unix(one.due)) % 60.0 == pytest.approx(0.0, abs=1e-4)


def test_a_new_entry_starts_within_moments_although_its_slot_is_an_hour_away() -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=3_600.0, now=0.0)
    assert entry.due <= 0.02
    assert table.pop_due(0.02, 1) == [entry]
    assert distance_to_phase(entry, table.unix(entry.due)) < 1e-4


@given(identity=identities, period=periods)
def test_the_first_start_and_the_first_slot_are_half_a_period_apart(identity: str, period: float) -> None:
    table = make_timetable()
    entry = table.add(identity, identity=identity, period=period, now=0.0)
    first = entry.due
    table.pop_due(first, 1)
    assert entry.due - first >= period / 2 - 1e-6


def test_ten_thousand_new_entries_all_start_within_twenty_seconds_and_in_no_burst() -> None:
    table = make_timetable()
    entries = [table.add(str(n), identity=str(n), period=3_600.0, now=0.0) for n in range(10_000)]
    assert max(entry.due for entry in entries) <= 20.0
    per_second = Counter(int(entry.due) for entry in entries)
    assert max(per_second.values()) < 1_000


def test_a_short_period_starts_in_its_phase_when_that_comes_first() -> None:
    table = make_timetable()
    for n in range(2_000):
        table.add(str(n), identity=str(n), period=3_600.0, now=0.0)
    entry = table.add("a", identity="a", period=1.0, now=0.0)
    assert entry.due < 1.0


def test_a_removed_entry_never_starts() -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=1.0, now=0.0)
    table.remove(entry)
    table.remove(entry)
    assert table.pop_due(100.0, 1) == []
    assert len(table) == 0


def test_an_entry_removed_while_it_runs_never_starts_again() -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=1.0, now=0.0, first=FirstStart.AT_SLOT)
    table.pop_due(entry.due, 1)
    table.pop_due(entry.due, 1)
    table.remove(entry)
    table.finished(entry)
    assert table.pop_due(100.0, 1) == []


def test_entries_that_come_and_go_leave_nothing_behind() -> None:
    table = make_timetable()
    kept = table.add("kept", identity="kept", period=86_400.0, now=0.0)
    for n in range(10_000):
        table.remove(table.add(str(n), identity=str(n), period=86_400.0, now=0.0))
    assert len(table._heap) < 200
    assert len(table) == 1
    assert table.rate == pytest.approx(1 / kept.period)


def test_a_new_period_keeps_the_share_of_the_period() -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    table.remove(entry)
    slower = table.add("a", identity="a", period=60.0, now=0.0, first=FirstStart.AT_SLOT)
    assert distance_to_phase(slower, table.unix(slower.due)) < 1e-4
    assert table.rate == pytest.approx(1 / 60.0)


@given(
    identity=identities,
    changes=st.lists(st.tuples(st.integers(1, 400), st.sampled_from([4.0, 10.0, 40.0])), max_size=20),
)
def test_a_period_that_is_changed_again_and_again_keeps_the_phase_and_leaves_no_gap(
    identity: str, changes: list[tuple[int, float]]
) -> None:
    table = make_timetable()
    entry = table.add(identity, identity=identity, period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    last = entry.due - 10.0
    tick = 0
    for ticks, period in [*changes, (400, 40.0)]:
        for _ in range(ticks):
            tick += 1
            for started in table.pop_due(tick * 0.25, 1):
                assert distance_to_phase(entry, table.unix(started.started_for)) < 1e-4
                assert 2.0 - 1e-6 <= tick * 0.25 - last <= 60.0 + 0.25
                last = tick * 0.25
                table.finished(entry)
        table.retime(entry, period=period, now=tick * 0.25)
        assert table.rate == pytest.approx(1 / period)


def test_a_longer_period_goes_on_half_a_new_period_after_the_last_start_at_the_soonest() -> None:
    table = make_timetable()
    for number in range(100):
        entry = table.add("a", identity=str(number), period=1.0, now=0.0, first=FirstStart.AT_SLOT)
        assert table.pop_due(entry.due, 1) == [entry]
        table.finished(entry)
        table.retime(entry, period=10.0, now=entry.started_for)
        assert 5.0 <= entry.due - entry.started_for < 15.0
        table.remove(entry)


def test_a_run_that_is_under_way_goes_on_when_the_period_changes() -> None:
    table = make_timetable()
    entry = table.add("a", identity="a", period=10.0, now=0.0, first=FirstStart.AT_SLOT)
    table.pop_due(entry.due, 1)
    table.pop_due(entry.due, 1)
    assert entry.parked
    table.retime(entry, period=20.0, now=entry.started_for + 11.0)
    assert entry.running
    table.finished(entry)
    assert table.pop_due(entry.due, 1) == [entry]


def test_a_start_costs_about_the_same_with_ten_times_the_entries() -> None:
    def cost_of_a_start(entries: int) -> float:
        table = make_timetable()
        for n in range(entries):
            table.add(str(n), identity=str(n), period=10.0, now=0.0, first=FirstStart.AT_SLOT)
        begun, starts = time.process_time(), 0
        for tick in range(1, 2_000):
            for entry in table.pop_due(tick * 0.01, 256):
                table.finished(entry)
                starts += 1
        return (time.process_time() - begun) / starts

    few = min(cost_of_a_start(1_000) for _ in range(3))
    many = min(cost_of_a_start(10_000) for _ in range(3))
    assert many < 3 * few
