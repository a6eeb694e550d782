"""First starts: of what is new, and of what a restarted worker goes on with."""

import math
from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckPlan, HttpProbe, Resolve
from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import (
    FIRST_STARTS_PER_DESTINATION,
    FIRST_STARTS_WITHIN,
    MADE_UP_FOR,
    SHORT_PERIOD,
    FirstStart,
)
from pollwatch.worker.timetable import Phase, Timetable
from tests.support.plans import make_check
from tests.support.starts import StartLog
from tests.support.worker import WorkerBench

BEGAN = 1_478_653_200.0
"""Unix seconds."""
SHARD = 2_500


def make_timetable(*, unix: float = BEGAN) -> Timetable[str]:
    """Its monotonic clock begins at 0, as that of another machine or boot would."""
    return Timetable(monotonic=0.0, unix=unix, recorder=StartLog())


def starts_until(table: Timetable[str], end: float) -> list[tuple[float, Entry[str]]]:
    """Let time pass in steps of 50 ms; give each start with its time (of the table's monotonic clock)."""
    starts = []
    for step in range(math.ceil(end / 0.05)):
        now = step * 0.05
        for entry in table.pop_due(now, 1_000_000):
            starts.append((now, entry))
            table.finished(entry)
    return starts


def resume(table: Timetable[str], *, period: float, count: int = SHARD) -> list[Entry[str]]:
    return [
        table.add(f"a/{number}", identity=f"a/{number}", period=period, now=0.0, first=FirstStart.RESUMED)
        for number in range(count)
    ]


def last_slot_before(identity: str, period: float, unix: float) -> float:
    return unix - (unix - Phase.of(identity).offset * period) % period


@given(period=st.floats(1.0, SHORT_PERIOD), away=st.floats(0.0, 1.0), identity=st.text(min_size=1))
def test_a_restart_makes_no_gap_longer_than_a_period_and_twice_the_time_away(
    period: float, away: float, identity: str
) -> None:
    away *= period * MADE_UP_FOR * 0.999
    table = make_timetable()
    entry = table.add(identity, identity=identity, period=period, now=0.0, first=FirstStart.RESUMED)
    last = last_slot_before(identity, period, BEGAN - away)
    assert table.unix(entry.due) - last <= period + 2 * away + 1e-3


@pytest.mark.parametrize("period", [6.0, 10.0, 30.0])
def test_what_a_worker_missed_that_was_away_for_two_seconds_is_made_up_for_in_two_seconds(
    period: float,
) -> None:
    table = make_timetable()
    missed = [
        entry
        for entry in resume(table, period=period)
        if last_slot_before(entry.work, period, BEGAN) > BEGAN - 2.0
    ]
    assert len(missed) == pytest.approx(SHARD * 2.0 / period, rel=0.2)
    started = {entry for _, entry in starts_until(table, 2.05)}
    assert started >= set(missed)


@pytest.mark.parametrize("period", [5.0, 10.0, 30.0])
def test_a_restarted_shard_is_probed_at_its_steady_rate_from_the_first_moment(period: float) -> None:
    table = make_timetable()
    resume(table, period=period)
    steady = SHARD / period
    per_second = Counter(int(at) for at, _ in starts_until(table, 2 * period))
    for second in range(int(2 * period)):
        assert 0.7 * steady <= per_second[second] <= 1.3 * 2 * steady
    # The making up is over after a moment.
    assert max(per_second[second] for second in range(int(period), int(2 * period))) <= 1.3 * steady


@pytest.mark.parametrize("period", [1.0, 10.0, 30.0])
def test_a_restart_keeps_every_slot_and_all_are_probed_within_a_period(period: float) -> None:
    table = make_timetable()
    entries = resume(table, period=period)
    first: dict[Entry[str], float] = {}
    at_slot: Counter[Entry[str]] = Counter()
    for at, entry in starts_until(table, 2 * period):
        first.setdefault(entry, at)
        slot = (table.unix(entry.started_for) - Phase.of(entry.work).offset * period) % period
        at_slot[entry] += min(slot, period - slot) < 1e-3
    assert max(first.values()) <= period + 0.05
    assert set(at_slot) == set(entries)
    assert min(at_slot.values()) >= 1


@given(period=st.floats(1.0, 1e5), identity=st.text(min_size=1))
def test_what_is_started_ahead_after_a_restart_has_its_slot_a_third_of_a_period_later_at_the_soonest(
    period: float, identity: str
) -> None:
    table = make_timetable()
    entry = table.add(identity, identity=identity, period=period, now=0.0, first=FirstStart.RESUMED)
    ahead = entry.due
    assert table.pop_due(ahead, 1) == [entry]
    assert entry.due - ahead >= period / 3 - 1e-3


@pytest.mark.parametrize("period", [31.0, 300.0, 86_400.0])
def test_after_a_restart_long_periods_are_probed_within_twenty_seconds_all_the_same(period: float) -> None:
    table = make_timetable()
    assert max(entry.due for entry in resume(table, period=period)) <= FIRST_STARTS_WITHIN


def test_what_is_new_is_probed_ahead_of_its_slot_however_short_the_period() -> None:
    table = make_timetable()
    identity = next(
        str(number) for number in range(100) if last_slot_before(str(number), 30.0, BEGAN) > BEGAN - 1.0
    )
    assert table.add(identity, identity=identity, period=30.0, now=0.0).due < 0.1


def test_one_destination_gets_ten_first_starts_a_second_after_ten_at_once() -> None:
    table = make_timetable()
    entries = [
        table.add(str(number), identity=str(number), period=86_400.0, now=0.0, destination="www.example.org")
        for number in range(2_000)
    ]
    per_second = Counter(int(entry.due) for entry in entries)
    assert per_second[0] <= 2 * FIRST_STARTS_PER_DESTINATION + 1
    assert max(count for second, count in per_second.items() if second) <= FIRST_STARTS_PER_DESTINATION + 1
    assert max(per_second) <= 2_000 / FIRST_STARTS_PER_DESTINATION


def starts_of_pool(*, workers: int, limit: float, checks: int, period: float, until: float) -> list[float]:
    """New Checks of one host, shared out to workers that get their plans in one moment: all their starts."""
    tables = [make_timetable() for _ in range(workers)]
    for table in tables:
        table.limit_destinations(limit / workers)
    for number in range(checks):
        identity = f"a/{number}"
        tables[number % workers].add(
            identity, identity=identity, period=period, now=0.0, destination="www.example.org"
        )
    return sorted(at for table in tables for at, _ in starts_until(table, until))


def most_within(seconds: float, starts: list[float]) -> int:
    return max(bisect_left(starts, start + seconds) - place for place, start in enumerate(starts))


def test_first_starts_of_all_workers_of_a_pool_keep_to_what_a_host_gets() -> None:
    starts = starts_of_pool(workers=4, limit=1.0, checks=1_000, period=3_600.0, until=3_600.0)
    assert most_within(1.0, starts) <= 1 + 4
    assert most_within(60.0, starts) <= 60 + 4
    # Each is started, some of them at their slot and not ahead of it.
    assert 1_000 <= len(starts) <= 2_000


def test_what_is_new_at_a_host_that_gets_all_it_may_mostly_waits_for_its_slot() -> None:
    # As stretched as the operator does it: 400 Checks at one a second.
    starts = starts_of_pool(workers=4, limit=1.0, checks=400, period=400.0, until=1_200.0)
    assert bisect_left(starts, 400.0) <= 1.5 * 400
    assert len(starts) <= 1.2 * 1_200


def test_a_pool_that_may_probe_a_host_often_starts_ten_at_once_in_each_worker_all_the_same() -> None:
    starts = starts_of_pool(workers=2, limit=50.0, checks=20, period=3_600.0, until=1.0)
    assert len(starts) == 20
    assert max(starts) <= 0.3


def test_a_check_that_is_changed_again_and_again_is_probed_no_more_often() -> None:
    table = make_timetable()
    table.limit_destinations(1.0)
    starts = 0
    entry = table.add("a", identity="a", period=3_600.0, now=0.0, destination="www.example.org")
    for step in range(600):
        now = step * 0.1
        table.remove(entry)
        entry = table.add("a", identity="a", period=3_600.0, now=now, destination="www.example.org")
        for started in table.pop_due(now + 0.0999, 100):
            starts += 1
            table.finished(started)
    assert 20 <= starts <= 62


def test_what_waits_for_its_first_start_and_is_changed_does_not_meet_all_others_later() -> None:
    table = make_timetable()
    table.limit_destinations(1.0)

    def add(number: int, now: float) -> Entry[str]:
        name = str(number)
        return table.add(name, identity=name, period=86_400.0, now=now, destination="www.example.org")

    entries = [add(number, 0.0) for number in range(500)]
    for number, entry in enumerate(entries):
        table.remove(entry)
        entries[number] = add(number, 1.5)
    due = sorted(entry.due for entry in entries)
    assert most_within(10.0, due) <= 11
    assert due[-1] <= 1_020.0


def test_destinations_that_nothing_goes_to_any_more_are_forgotten() -> None:
    table = make_timetable()
    for number in range(5_000):
        now = float(number)
        host = f"{number}.example.org"
        entry = table.add(host, identity=host, period=60.0, now=now, destination=host)
        table.pop_due(now + 0.5, 10)
        table.remove(entry)
    assert len(table._first_starts._queues) < 200


def test_a_few_that_are_new_at_one_destination_start_at_once() -> None:
    table = make_timetable()
    entries = [
        table.add(str(number), identity=str(number), period=86_400.0, now=0.0, destination="www.example.org")
        for number in range(10)
    ]
    assert max(entry.due for entry in entries) <= 0.2


def test_other_destinations_do_not_wait_for_a_busy_one() -> None:
    table = make_timetable()
    for number in range(5_000):
        table.add(str(number), identity=str(number), period=86_400.0, now=0.0, destination="busy.example.org")
    other = table.add("other", identity="other", period=86_400.0, now=0.0, destination="other.example.org")
    assert other.due <= FIRST_STARTS_WITHIN


def test_first_starts_that_were_made_or_given_up_are_not_waited_for() -> None:
    table = make_timetable()
    entries = [
        table.add(str(number), identity=str(number), period=86_400.0, now=0.0, destination="www.example.org")
        for number in range(2_000)
    ]
    for entry in entries[:1_000]:
        table.remove(entry)
    table.pop_due(300.0, 1_000_000)
    late = table.add("late", identity="late", period=86_400.0, now=300.0, destination="www.example.org")
    assert late.due <= 300.1


def test_a_worker_that_resumes_probes_no_check_of_its_first_plan_ahead_of_its_slot() -> None:
    checks = [
        make_check(f"check-{n}", probe=HttpProbe(url=f"https://{n}.example.org/"), period=30.0)
        for n in range(500)
    ]
    fresh, resuming = WorkerBench(), WorkerBench(resuming=True)
    for bench in (fresh, resuming):
        bench.apply(*checks)
        bench.run(5.0)
    # Of 500 with a period of 30 s, 83 have their slot in 5 s, and as many had it just before.
    assert 120 <= len(resuming.probed) <= 220
    assert len(fresh.probed) > 300


def test_checks_that_come_after_the_first_plan_are_probed_soon_by_a_worker_that_resumed() -> None:
    known, new = make_check("known", period=30.0), make_check("new", period=30.0)
    bench = WorkerBench(resuming=True)
    bench.apply(known)
    bench.run(1.0, lambda: bench.apply(known, new), 1.0)
    assert new in [target.check for target in bench.probed]


def test_a_worker_that_resumes_finds_addresses_soon_and_goes_on_at_their_slots() -> None:
    bench, check = WorkerBench(resuming=True), make_check(resolve=Resolve.EACH_ADDRESS, period=30.0)
    addresses = [f"192.0.2.{number}" for number in range(1, 51)]
    bench.resolve_to(*addresses)
    bench.apply(check)
    found: list[str | None] = []
    bench.run(1.0, lambda: found.extend(bench.addresses(check.key)), 30.0)
    assert sorted(map(str, found)) == sorted(addresses)
    probed = Counter(target.address for target in bench.probed)
    assert set(probed) == {None, *addresses}
    # At their slots, and those made up for that were just before: no burst of fifty.
    assert sum(at < 1_002.0 for at in bench.probed_at) < 20


def test_a_worker_keeps_to_its_share_of_what_a_host_gets_when_checks_are_new_and_when_they_change() -> None:
    def checks(path: str) -> tuple[CheckPlan, ...]:
        probe = HttpProbe(url=f"https://www.example.org/{path}")
        return tuple(make_check(f"check-{n:02}", probe=probe, period=3_600.0) for n in range(50))

    bench = WorkerBench()
    bench.apply(*checks("old"), host_rate=0.5)
    bench.run(20.0, lambda: bench.apply(*checks("new"), host_rate=0.5), 20.0)
    assert 8 <= len(bench.probed) <= 0.5 * 40 + 1
