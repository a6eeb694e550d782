"""The worker over the real engine: real sockets, real time."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Plan, Resolve
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.probes.network import system_network
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.worker import Worker
from tests.support.sites import SERVER_ERROR, Answer, Site, running_site

OTHER_LOOPBACK = "::1" if sys.platform == "darwin" else "127.0.0.2"
HOST = "www.pollwatch.example"


@pytest.fixture
async def sites() -> AsyncIterator[tuple[Site, Site]]:
    """Two backends of one site: the same port at two addresses."""
    async with running_site() as one, running_site(host=OTHER_LOOPBACK, port=one.port) as other:
        yield one, other


class Reader:
    """Follows a feed."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.cursor = 0

    async def until(self, verdict: Verdict, *, up: int) -> CheckState:
        """Read on to a state with this verdict and so many targets that are up."""
        async with asyncio.timeout(60):
            while True:
                await self.feed.wait(self.cursor)
                page = self.feed.read(self.cursor, 1)
                self.cursor = page.cursor
                state = page.entries[0].state
                if (state.verdict, state.up) == (verdict, up):
                    return state


async def test_a_site_that_fails_for_some_people_is_degraded_until_it_is_restored(
    sites: tuple[Site, Site], tmp_path: Path
) -> None:
    one, other = sites
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 {HOST}\n{OTHER_LOOPBACK} {HOST}\n")
    url = one.url_for(HOST)
    check = CheckPlan(
        key=CheckKey("public-sites", "immigration-front-page"),
        uid="1",
        generation=1,
        period=0.25,
        # Above the period on purpose: a busy machine shall not fail a probe.
        timeout=20.0,
        target=url,
        probe=HttpProbe(url=url, resolve=Resolve.EACH_ADDRESS),
    )
    clock = SystemClock()
    feed = Feed(clock=clock)
    reader = Reader(feed)
    network = system_network(hosts_file=hosts, clock=clock)
    worker = Worker(
        network=network,
        series=SeriesStore(),
        metrics=WorkerMetrics(clock, LoopMonitor(clock)),
        feed=feed,
    )
    running = asyncio.create_task(worker.run())
    worker.apply(Plan(checks=(check,)))
    await reader.until(Verdict.UP, up=2)

    other.answer = SERVER_ERROR
    degraded = await reader.until(Verdict.DEGRADED, up=1)
    assert (degraded.reason, degraded.address) == (Reason.UNEXPECTED_STATUS, OTHER_LOOPBACK)
    assert "500" in degraded.evidence

    other.answer = Answer()
    restored = await reader.until(Verdict.UP, up=2)
    assert restored.previous is Verdict.DEGRADED
    assert restored.since > degraded.since

    await worker.drain(5.0)
    await running
    await network.aclose()
    assert worker.in_flight == 0
