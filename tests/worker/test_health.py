"""How the worker says that it is well, and how punctual."""

import asyncio
from pathlib import Path

import pytest

from pollwatch.series.exposition import Exposition
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.timetable import MissedCause
from tests.cluster.prometheus import promtool_check_metrics
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.exposition import Series, page_of, parse, values


def metrics_of(metrics: WorkerMetrics, exposition: Exposition = Exposition.TEXT) -> Series:
    return parse(page_of(metrics.render(exposition), exposition), exposition)


def watched(*holds: float, then: float = 0.0) -> LoopMonitor:
    """A monitor of a loop that was held for these times, and ran freely for a time after."""
    clock = FakeClock()
    monitor = LoopMonitor(clock)

    async def main() -> None:
        beating = asyncio.create_task(monitor.run())
        for hold in holds:
            await asyncio.sleep(1.0)
            clock.advance(hold)
        await asyncio.sleep(then)
        beating.cancel()

    run_in_fake_time(clock, main())
    return monitor


def test_a_loop_that_is_free_is_healthy() -> None:
    monitor = watched(then=120.0)
    assert monitor.health().ok
    assert monitor.longest_hold() == pytest.approx(0.0, abs=1e-6)


def test_the_longest_hold_is_the_longest_of_all() -> None:
    assert watched(0.5, 2.0, 1.0).longest_hold() == pytest.approx(2.0, abs=LoopMonitor.INTERVAL)


def test_a_long_hold_makes_it_unhealthy_and_says_how_long_it_was() -> None:
    health = watched(7.0).health()
    assert not health.ok
    assert health.message == "the event loop was held for 7.0 s"


def test_a_hold_that_still_lasts_counts_already() -> None:
    clock = FakeClock()
    monitor = LoopMonitor(clock)
    monitor.beat()
    clock.advance(8.0)
    assert not monitor.health().ok


def test_it_is_healthy_again_some_time_after_the_hold_which_the_metric_still_shows() -> None:
    monitor = watched(7.0, then=LoopMonitor.RECENT + 1)
    assert monitor.health().ok
    assert monitor.longest_hold() == pytest.approx(7.0, abs=LoopMonitor.INTERVAL)


def test_a_hold_is_forgotten_after_a_minute_but_a_later_shorter_one_is_not() -> None:
    monitor = watched(7.0, 2.0, then=LoopMonitor.WINDOW - 1)
    assert monitor.longest_hold() == pytest.approx(2.0, abs=LoopMonitor.INTERVAL)


def test_a_monitor_that_does_not_beat_yet_finds_no_fault() -> None:
    clock = FakeClock()
    monitor = LoopMonitor(clock)
    clock.advance(3600.0)
    assert monitor.health().ok


@pytest.fixture
def metrics() -> WorkerMetrics:
    clock = FakeClock(unix=1_478_653_200.0)
    return WorkerMetrics(clock, LoopMonitor(clock))


@pytest.mark.parametrize("exposition", list(Exposition))
def test_both_formats_can_be_read_and_have_no_created_series(
    metrics: WorkerMetrics, exposition: Exposition
) -> None:
    assert not [name for name, _ in metrics_of(metrics, exposition) if name.endswith("_created")]


def test_lateness_is_a_cumulative_histogram(metrics: WorkerMetrics) -> None:
    for lateness in (0.0, 0.001, 0.02, 7.0):
        metrics.started(lateness)
    series = metrics_of(metrics)
    buckets = values(series, "pollwatch_worker_start_lateness_seconds_bucket", "le")
    assert (buckets["0.001"], buckets["0.01"], buckets["0.025"], buckets["5.0"], buckets["+Inf"]) == (
        2,
        2,
        3,
        3,
        4,
    )
    assert series["pollwatch_worker_start_lateness_seconds_count", frozenset()] == 4
    assert series["pollwatch_worker_start_lateness_seconds_sum", frozenset()] == pytest.approx(7.021)


def test_missed_starts_are_counted_by_cause_from_zero(metrics: WorkerMetrics) -> None:
    metrics.missed(MissedCause.OVERLAP, 2)
    metrics.missed(MissedCause.OVERLAP, 1)
    assert values(metrics_of(metrics), "pollwatch_worker_missed_starts_total", "cause") == {
        "late": 0,
        "overlap": 3,
        "saturated": 0,
    }


def test_what_runs_is_read_at_each_scrape(metrics: WorkerMetrics) -> None:
    running = [3]
    metrics.follow(checks=lambda: 1, targets=lambda: 2, in_flight=lambda: running[0])
    assert metrics_of(metrics)["pollwatch_worker_probes_in_flight", frozenset()] == 3
    running[0] = 4
    series = metrics_of(metrics)
    assert series["pollwatch_worker_probes_in_flight", frozenset()] == 4
    assert series["pollwatch_worker_plan_checks", frozenset()] == 1
    assert series["pollwatch_worker_plan_targets", frozenset()] == 2


def test_the_time_of_the_plan_is_zero_until_there_is_one(metrics: WorkerMetrics) -> None:
    name = ("pollwatch_worker_plan_applied_timestamp_seconds", frozenset[tuple[str, str]]())
    assert metrics_of(metrics)[name] == 0
    metrics.plan_applied()
    assert metrics_of(metrics)[name] == 1_478_653_200.0


def test_promtool_finds_nothing_to_criticise(metrics: WorkerMetrics, promtool_binary: Path) -> None:
    assert promtool_check_metrics(promtool_binary, b"".join(metrics.render(Exposition.TEXT))) == []
