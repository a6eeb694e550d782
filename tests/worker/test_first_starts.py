"""First starts: of what is new, and of what a restarted worker goes on with."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import HttpProbe, Resolve
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
