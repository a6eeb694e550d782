"""Tenants of one worker: what one of them does costs the others nothing that they would notice."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import FIRST_STARTS_WITHIN, FirstStart
from pollwatch.worker.schedule import QUANTUM, TIMER_RESOLUTION
from pollwatch.worker.timetable import MissedCause, Timetable
from tests.support.schedule import ScheduleBench, ScriptedJob
from tests.support.starts import StartLog

ROOM = 2_000
SOON = 2 * (QUANTUM + TIMER_RESOLUTION)
"""How late others may make the start of a tenant's probe: two wake-ups."""


class Neighbour:
    """A tenant with a few quick Checks, whose starts are looked at."""

    def __init__(self, bench: ScheduleBench, *, checks: int = 20, period: float = 5.0) -> None:
        self.period = period
        self.jobs: list[tuple[float, ScriptedJob]] = []
        for number in range(checks):
            job = bench.add(f"quiet-{number}", period=period, takes=0.1, tenant="quiet")
            self.jobs.append((bench.entries[-1].due, job))

    def starts(self) -> int:
        return sum(len(job.begun) for _, job in self.jobs)

    def lateness(self) -> float:
        """The latest that one of its probes was started after its slot, seconds."""
        return max((begun - slot) % self.period for slot, job in self.jobs for begun in job.begun)


def add_many(
    bench: ScheduleBench,
    count: int,
    *,
    tenant: str,
    period: float,
    takes: float = 0.1,
    first: FirstStart = FirstStart.AT_SLOT,
) -> list[ScriptedJob]:
    return [
        bench.add(f"{tenant}-{number}", period=period, takes=takes, tenant=tenant, first=first)
        for number in range(count)
    ]


def look_often(seconds: float, look: Callable[[], None]) -> list[float | Callable[[], None]]:
    """Steps that let time pass, and look each half second."""
    return [step for _ in range(int(seconds * 2)) for step in (0.5, look)]


def test_a_tenant_with_5000_hanging_checks_delays_nobody_by_more_than_two_wake_ups() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    neighbour = Neighbour(bench)
    hanging = add_many(bench, 5_000, tenant="hangs", period=10.0, takes=10.0)
    bench.run(60.0)
    assert neighbour.lateness() <= SOON
    assert neighbour.starts() == 20 * 12
    # The other one is served as far as there is room, and what is left out is counted.
    assert sum(len(job.begun) for job in hanging) > 5 * ROOM
    assert bench.log.missed_slots[MissedCause.SATURATED] > 0
    assert bench.log.missed_slots[MissedCause.LATE] == 0


def test_a_tenant_that_filled_the_room_for_a_minute_leaves_some_for_who_comes_later() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    neighbour = Neighbour(bench, checks=1, period=3_600.0)
    add_many(bench, 5_000, tenant="hangs", period=60.0, takes=60.0)
    newcomer: list[ScriptedJob] = []
    bench.run(59.0, lambda: newcomer.extend(add_many(bench, 100, tenant="late", period=1.0)), 1.0 + SOON)
    assert neighbour.starts() <= 1
    assert all(job.begun for job in newcomer)


def test_a_tenant_alone_may_use_all_the_room() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    add_many(bench, 5_000, tenant="alone", period=60.0, takes=60.0)
    in_flight: list[int] = []
    bench.run(*look_often(60.0, lambda: in_flight.append(bench.schedule.in_flight)))
    assert max(in_flight) == ROOM


def test_while_another_tenant_waits_none_has_more_than_half_of_the_room() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    one = add_many(bench, 5_000, tenant="one", period=10.0, takes=10.0)
    other = add_many(bench, 5_000, tenant="other", period=10.0, takes=10.0)
    shares: list[tuple[int, int]] = []

    def look() -> None:
        shares.append((sum(job.at_once for job in one), sum(job.at_once for job in other)))

    bench.run(30.0, *look_often(30.0, look))
    assert max(max(share) for share in shares) <= ROOM / 2
    assert min(min(share) for share in shares) >= ROOM / 2 * 0.9
    assert max(sum(share) for share in shares) < ROOM


def test_first_starts_of_a_new_big_tenant_do_not_delay_the_slots_of_another() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    neighbour = Neighbour(bench, period=1.0)
    new: list[ScriptedJob] = []
    bench.run(
        5.0,
        lambda: new.extend(add_many(bench, 20_000, tenant="big", period=3_600.0, first=FirstStart.SOON)),
        60.0,
    )
    assert neighbour.lateness() <= SOON
    assert neighbour.starts() == 20 * 65
    assert all(job.begun for job in new)


def test_a_new_check_is_probed_soon_although_another_tenant_has_thousands_of_new_ones() -> None:
    bench = ScheduleBench(max_in_flight=ROOM)
    add_many(bench, 5_000, tenant="big", period=3_600.0, first=FirstStart.SOON)
    (mine,) = add_many(bench, 1, tenant="small", period=3_600.0, first=FirstStart.SOON)
    bench.run(0.1)
    assert len(mine.begun) == 1


def test_many_new_tenants_with_few_checks_each_start_no_faster_than_one_with_many() -> None:
    table: Timetable[str] = Timetable(monotonic=0.0, unix=1e9, recorder=StartLog())
    entries = [
        table.add(str(number), identity=str(number), period=3_600.0, now=0.0, tenant=str(number % 1_000))
        for number in range(2_500)
    ]
    per_second = Counter(int(entry.due) for entry in entries)
    assert max(per_second) < FIRST_STARTS_WITHIN
    assert max(per_second.values()) < 500


def test_after_a_time_without_room_tenants_take_turns_whatever_each_has_waiting() -> None:
    table: Timetable[str] = Timetable(monotonic=0.0, unix=1e9, recorder=StartLog())
    for tenant, checks in (("big", 1_000), ("small", 10), ("smaller", 5)):
        for number in range(checks):
            table.add(
                tenant,
                identity=f"{tenant}-{number}",
                period=3_600.0,
                now=0.0,
                first=FirstStart.AT_SLOT,
                tenant=tenant,
            )
    for second in range(0, 3_601, 100):
        assert table.pop_due(float(second), 100, room=0) == []
    assert Counter(entry.work for entry in table.pop_due(3_600.0, 15)) == dict.fromkeys(
        ("big", "small", "smaller"), 5
    )
    assert Counter(entry.work for entry in table.pop_due(3_600.0, 15)) == {"big": 10, "small": 5}


@pytest.mark.parametrize("room", range(1, 10))
def test_little_room_is_all_used(room: int) -> None:
    table: Timetable[str] = Timetable(monotonic=0.0, unix=1e9, recorder=StartLog())
    for tenant in ("one", "other"):
        for number in range(20):
            table.add(tenant, identity=f"{tenant}{number}", period=60.0, now=0.0, tenant=tenant)
    assert len(table.pop_due(1.0, 100, room=room)) >= max(1, room - 1)


class AnyTimetable(RuleBasedStateMachine):
    """A timetable to which anything happens in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.table: Timetable[str] = Timetable(monotonic=0.0, unix=1e9, recorder=StartLog())
        self.entries = list[Entry[str]]()
        self.running = list[Entry[str]]()
        self.added = 0

    @rule(seconds=st.floats(0.0, 30.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(tenant=st.sampled_from("abc"), first=st.sampled_from(FirstStart))
    def add(self, tenant: str, first: FirstStart) -> None:
        self.added += 1
        self.entries.append(
            self.table.add(
                tenant,
                identity=f"{tenant}/{self.added}",
                period=10.0,
                now=self.now,
                first=first,
                tenant=tenant,
                destination=tenant,
            )
        )

    @rule(limit=st.integers(0, 6), room=st.integers(0, 8))
    def pop(self, limit: int, room: int) -> None:
        started = self.table.pop_due(self.now, limit, room=room)
        assert len(started) <= min(limit, room)
        assert len(set(started)) == len(started)
        assert not set(started) & set(self.running)
        assert set(started) <= set(self.entries)
        self.running += started

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.running))
        self.running.remove(entry)
        self.table.finished(entry)

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.entries))
        self.entries.remove(entry)
        self.table.remove(entry)

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), period=st.sampled_from([5.0, 10.0, 40.0]))
    def retime(self, data: st.DataObject, period: float) -> None:
        self.table.retime(data.draw(st.sampled_from(self.entries)), period=period, now=self.now)

    @invariant()
    def everybody_is_counted(self) -> None:
        assert len(self.table) == len(self.entries)
        assert self.table.rate == pytest.approx(sum(1 / entry.period for entry in self.entries))

    def teardown(self) -> None:
        """Whoever is left is started within twice the longest period, all others never."""
        for entry in self.running:
            self.table.finished(entry)
        left = set(self.entries)
        for _ in range(80):
            self.now += 1.0
            for entry in self.table.pop_due(self.now, 1_000):
                assert entry in self.entries
                left.discard(entry)
                self.table.finished(entry)
        assert not left


TestAnyTimetable = AnyTimetable.TestCase
