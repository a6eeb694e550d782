"""A Check with a rate: all its targets together keep it."""

from collections import defaultdict
from itertools import pairwise

import pytest

from pollwatch.plan.checks import CheckPlan, Resolve
from pollwatch.plan.samples import Reason
from pollwatch.worker.timetable import Phase
from tests.support.plans import make_check, make_sample
from tests.support.worker import WorkerBench

TEN = tuple(f"192.0.2.{number}" for number in range(1, 11))


def make_each_address(*, period: float = 1.0, rate: float | None = 2.0) -> CheckPlan:
    return make_check(resolve=Resolve.EACH_ADDRESS, period=period, timeout=period, rate=rate)


def starts_by_address(bench: WorkerBench, *, since: float = 0.0) -> dict[str | None, list[float]]:
    starts = defaultdict(list)
    for target, at in zip(bench.probed, bench.probed_at, strict=True):
        if at >= since:
            starts[target.address].append(at)
    return starts


def gaps(bench: WorkerBench, *, since: float = 0.0) -> list[float]:
    return [
        later - former
        for starts in starts_by_address(bench, since=since).values()
        for former, later in pairwise(starts)
    ]


def test_ten_addresses_share_the_rate_of_their_check() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN)
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(300.0)
    found = bench.clock.monotonic() - 290.0
    per_address = {address: len(starts) for address, starts in starts_by_address(bench, since=found).items()}
    assert set(per_address) == set(TEN)
    assert set(per_address.values()) <= {57, 58, 59}
    assert gaps(bench, since=found) == pytest.approx([5.0] * len(gaps(bench, since=found)), abs=0.01)


def test_addresses_that_are_found_are_not_probed_in_a_burst() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN)
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(5.0)
    # Some two a second: where the ten are in their five seconds is a matter of their hashes.
    assert len(bench.probed) <= 5 * 2 + 3


def test_a_few_addresses_are_probed_right_after_they_were_found_all_the_same() -> None:
    bench, check = WorkerBench(), make_each_address(period=3_600.0, rate=6.25)
    bench.resolve_to(*TEN[:3])
    bench.apply(check)
    bench.run(1.0)
    assert sorted(str(target.address) for target in bench.probed[1:]) == sorted(TEN[1:3])


def test_a_rate_that_is_high_enough_changes_nothing() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN)
    bench.apply(make_each_address(period=10.0, rate=2.0))
    bench.run(100.0)
    assert gaps(bench, since=bench.clock.monotonic() - 80.0) == pytest.approx([10.0] * 70, abs=0.01)


def test_a_single_target_is_probed_at_the_rate_too() -> None:
    bench = WorkerBench()
    bench.apply(make_check(period=1.0, timeout=1.0, rate=0.1))
    bench.run(200.0)
    assert 20 <= len(bench.probed) <= 21


def test_an_address_keeps_its_phase_when_the_period_is_stretched() -> None:
    bench, check = WorkerBench(), make_each_address(period=1.0, rate=2.0)
    bench.resolve_to(*TEN)
    bench.apply(check)
    bench.run(60.0, lambda: bench.resolve_to(*TEN[:4]), 60.0)
    wall = bench.clock.time() - bench.clock.monotonic()
    for period, since, until in ((5.0, 20.0, 58.0), (2.0, 80.0, 119.0)):
        begun = 1_000.0
        for address, starts in starts_by_address(bench).items():
            phase = Phase.of(f"{check.key} {address}").offset * period
            inside = [at for at in starts if begun + since <= at < begun + until]
            for at in inside:
                assert (at + wall - phase) % period == pytest.approx(0.0, abs=0.02)
            assert len(inside) >= ((until - since) // period - 1 if address in TEN[:4] else 0)


def test_more_addresses_stretch_the_period_at_once_and_fewer_shorten_it_after_a_period() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN[:4])
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(60.0, lambda: bench.resolve_to(*TEN), 60.0, lambda: bench.resolve_to(*TEN[:2]), 60.0)
    for begin, end, period in ((1_010.0, 1_060.0, 2.0), (1_070.0, 1_120.0, 5.0), (1_130.0, 1_180.0, 1.0)):
        inside = [at for at in bench.probed_at if begin <= at < end]
        assert len(inside) == pytest.approx((end - begin) * 2.0, rel=0.05)
        assert period in (1.0, 2.0, 5.0)


def test_addresses_that_come_and_go_each_time_neither_exceed_the_rate_nor_starve_a_target() -> None:
    bench = WorkerBench()
    turns = 0

    def wander() -> None:
        nonlocal turns
        turns += 1
        bench.resolve_to(*TEN[: 4 + turns % 3])

    bench.resolve_to(*TEN[:4])
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(*(step for _ in range(600) for step in (0.3, wander)))
    in_ten_seconds = [
        sum(begin <= at < begin + 10.0 for at in bench.probed_at) for begin in range(1_000, 1_170, 5)
    ]
    assert max(in_ten_seconds) <= 2.0 * 10 + 4
    starts = starts_by_address(bench)
    for address in TEN[:4]:
        assert max(later - former for former, later in pairwise(starts[address])) <= 1.5 * 3.0 + 0.1


def test_a_new_rate_holds_at_once_and_cancels_no_probe() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN)
    bench.takes = lambda _: 0.5
    bench.apply(make_each_address(period=1.0, rate=None))
    bench.run(30.0, lambda: bench.apply(make_each_address(period=1.0, rate=2.0)), 100.0, grace=5.0)
    inside = [at for at in bench.probed_at if 1_040.0 <= at < 1_120.0]
    assert len(inside) == pytest.approx(160, abs=4)
    assert bench.cancelled == 0


def test_without_a_rate_the_period_comes_back() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN)
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(30.0, lambda: bench.apply(make_each_address(period=1.0, rate=None)), 30.0)
    inside = [at for at in bench.probed_at if 1_040.0 <= at < 1_050.0]
    assert len(inside) == pytest.approx(100, abs=4)


def test_targets_that_fail_share_the_rate_like_others() -> None:
    bench = WorkerBench()
    bench.resolve_to(*TEN, down=TEN, failure=make_sample(Reason.CONNECT_REFUSED))
    bench.apply(make_each_address(period=1.0, rate=2.0))
    bench.run(100.0)
    assert len([at for at in bench.probed_at if at >= 1_020.0]) == pytest.approx(160, abs=4)
