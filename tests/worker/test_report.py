"""How busy and how punctual a worker was lately."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.worker.health import LATENESS_BUCKETS, LoopMonitor, WorkerMetrics
from pollwatch.worker.report import INTERVAL, LATENESS_WINDOW, UTILISATION_WINDOW, Pulse, quantile
from tests.support.clock import FakeClock


class Bench:
    """A worker whose CPU time and whose starts are the test's."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cpu = 100.0
        self.metrics = WorkerMetrics(self.clock, LoopMonitor(self.clock))
        self.pulse = Pulse(self.clock, cpu=lambda: self.cpu, starts=lambda: self.metrics.starts)

    def run(self, seconds: float, *, load: float = 0.0, lateness: float | None = None) -> None:
        """Let time pass, with a probe each second."""
        for second in range(1, round(seconds) + 1):
            self.clock.advance(1.0)
            self.cpu += load
            if lateness is not None:
                self.metrics.started(lateness)
            if second % INTERVAL == 0:
                self.pulse.beat()


def test_a_worker_that_has_just_started_has_used_and_delayed_nothing() -> None:
    bench = Bench()
    assert (bench.pulse.utilisation(), bench.pulse.lateness()) == (0.0, 0.0)


def test_utilisation_is_the_share_of_a_core_of_late_and_forgets_what_was_before() -> None:
    bench = Bench()
    bench.run(10, load=0.5)
    assert bench.pulse.utilisation() == pytest.approx(0.5)
    bench.run(300, load=0.9)
    bench.run(UTILISATION_WINDOW, load=0.2)
    assert bench.pulse.utilisation() == pytest.approx(0.2)


def test_lateness_is_the_99th_percentile_of_the_last_minute() -> None:
    bench = Bench()
    bench.run(300, lateness=4.0)
    bench.run(LATENESS_WINDOW, lateness=0.0007)
    assert bench.pulse.lateness() <= 0.001
    bench.run(5, lateness=0.2)
    assert 0.1 < bench.pulse.lateness() <= 0.25


def test_between_two_readings_the_figures_are_of_now() -> None:
    bench = Bench()
    bench.run(3, load=1.0, lateness=0.2)
    assert bench.pulse.utilisation() == pytest.approx(1.0)
    assert 0.1 < bench.pulse.lateness() <= 0.25


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_an_estimated_quantile_lies_in_the_bucket_of_the_true_one(latenesses: list[float]) -> None:
    metrics = WorkerMetrics(FakeClock(), LoopMonitor(FakeClock()))
    for lateness in latenesses:
        metrics.started(lateness)
    rank = -(-len(latenesses) * 99 // 100)
    true = sorted(latenesses)[rank - 1]
    below = max((bound for bound in LATENESS_BUCKETS if bound < true), default=0.0)
    above = min((bound for bound in LATENESS_BUCKETS if bound >= true), default=LATENESS_BUCKETS[-1])
    assert below <= quantile(0.99, metrics.starts) <= above


def test_without_a_start_the_quantile_is_zero() -> None:
    assert quantile(0.99, [0] * (len(LATENESS_BUCKETS) + 1)) == 0.0
