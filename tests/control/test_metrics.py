"""What the operator shows of itself."""

import subprocess
from pathlib import Path

import pytest

from pollwatch import __version__
from pollwatch.control.metrics import ControlMetrics
from pollwatch.series.exposition import Exposition


@pytest.fixture
def metrics() -> ControlMetrics:
    metrics = ControlMetrics()
    metrics.watch_queues(reconcile=lambda: 1.0, status=lambda: 2.0)
    metrics.watch_checks(lambda reason: float(len(reason)))
    metrics.watch_process(lambda: 0.25)
    metrics.requests.labels("PATCH", "200").inc()
    metrics.feed_lag.labels("east", "east-0").set(0.5)
    metrics.plan_checks.labels("east", "east-0").set(2500)
    metrics.request_seconds.labels("PATCH").observe(0.2)
    return metrics


def page(metrics: ControlMetrics, exposition: Exposition = Exposition.TEXT) -> str:
    return b"".join(metrics.render(exposition)).decode()


def test_promtool_finds_nothing_to_say(metrics: ControlMetrics, promtool_binary: Path) -> None:
    said = subprocess.run(
        [promtool_binary, "check", "metrics"],
        input=page(metrics),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_counters_are_there_before_they_count(metrics: ControlMetrics) -> None:
    text = page(metrics)
    for outcome in ("written", "gone", "retried", "refused"):
        assert f'pollwatch_operator_status_writes_total{{outcome="{outcome}"}} 0.0' in text
    assert 'pollwatch_operator_queue_depth{queue="status"} 2.0' in text


def test_the_process_shows_its_loop_its_memory_and_its_version(metrics: ControlMetrics) -> None:
    text = page(metrics)
    assert "pollwatch_operator_loop_longest_hold_seconds 0.25" in text
    assert "process_resident_memory_bytes " in text
    assert f'version="{__version__}"' in text


def test_when_a_series_began_is_not_a_series(metrics: ControlMetrics) -> None:
    assert "_created" not in page(metrics)
    assert "_created" not in page(metrics, Exposition.OPENMETRICS)


def test_others_can_follow_on_the_same_page(metrics: ControlMetrics) -> None:
    assert "# EOF" not in page(metrics, Exposition.OPENMETRICS)
