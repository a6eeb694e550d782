"""A real Prometheus reads the page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pollwatch.plan.checks import CheckKey, Target, TcpProbe
from pollwatch.plan.samples import Reason
from pollwatch.series.store import SeriesStore
from pollwatch.worker.health import Health, LoopMonitor, WorkerMetrics
from pollwatch.worker.serve import HttpServer
from tests.cluster.prometheus import scraping
from tests.cluster.waiting import wait_until
from tests.support.clock import FakeClock
from tests.support.plans import make_check, make_sample

if TYPE_CHECKING:
    from tests.cluster.fixtures import StartPrometheus

HOSTILE = 'a"} 1\nup{x="\\ \u2028 %s {'


async def test_a_real_prometheus_takes_every_series_as_it_is(start_prometheus: StartPrometheus) -> None:
    clock = FakeClock()
    own = WorkerMetrics(clock, LoopMonitor(clock))
    store = SeriesStore()
    check = make_check("front-page", labels=(("team", HOSTILE),))
    store.open_check(check)
    target = store.open_target(Target(check, "192.0.2.7"))
    target.observe(make_sample(duration=0.03))
    target.observe(make_sample(Reason.UNEXPECTED_STATUS, duration=0.3))
    database = make_check("database", key=CheckKey("data", "database"), probe=TcpProbe(host="db", port=5432))
    store.open_target(Target(database)).observe(make_sample(Reason.INTERNAL))
    server = HttpServer(
        "127.0.0.1:0",
        metrics=[own, store],
        health=lambda: Health(ok=True),
        ready=lambda: Health(ok=True),
        scraped=own.scraped,
    )
    await server.start()
    try:
        prometheus = await asyncio.to_thread(start_prometheus, scraping(f"127.0.0.1:{server.port}"))
        (success,) = await asyncio.to_thread(
            wait_until, lambda: prometheus.query("probe_success"), what="the first scrape"
        )
        assert success.value == 0
        assert success.labels["team"] == HOSTILE
        assert success.labels["address"] == "192.0.2.7"
        answers = {
            expression: [sample.value for sample in await asyncio.to_thread(prometheus.query, expression)]
            for expression in (
                'pollwatch_probe_failures_total{check="front-page"}',
                'pollwatch_probe_attempts_total{check="database"}',
                "count(probe_http_duration_seconds)",
                'histogram_quantile(1, pollwatch_probe_duration_seconds_bucket{check="front-page"})',
                'pollwatch_check_verdict{verdict="Unknown"}',
                "up",
            )
        }
    finally:
        await server.stop()
    # One `up`, that of the scrape itself: no series was smuggled in.
    assert list(answers.values()) == [[1], [1], [5], [0.5], [1], [1]]
