"""A worker that dies, and a Check that moves: phases are kept, and nothing is taken for what it is not."""

import asyncio
import contextlib
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from pollwatch.plan.checks import CheckPlan, HttpProbe
from pollwatch.plan.wire import read_head
from pollwatch.worker.timetable import LATEST_START, Phase
from tests.cli.commands import Running
from tests.support.plan_folders import AUTHORIZED, Folder, encode, files_of
from tests.support.plans import make_check
from tests.support.ports import free_port
from tests.support.sites import Answer, Server, read_request, serve
from tests.support.waiting import DEADLINE, until, until_async

PERIOD = 2.0
CHECKS = 8


class Visited:
    """A site that notes when each of its pages was asked for."""

    def __init__(self) -> None:
        self.visits: dict[str, list[float]] = defaultdict(list)
        """Unix seconds, by path."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.visits[request.path].append(time.time())
        writer.write(Answer().serialize())
        await writer.drain()

    def forget(self) -> None:
        """Note anew."""
        self.visits.clear()

    async def each_page(self, times: int, *, pages: int = CHECKS) -> None:
        """Return when each page was asked for so often."""
        await until(
            lambda: sum(len(visits) >= times for visits in self.visits.values()) == pages,
            f"{times} visits of each page",
        )

    def lateness(self, check: CheckPlan) -> float:
        """Give how long after a slot of a Check its page was asked for; the first visit aside, at best."""
        return min(after_slot(check, visit) for visit in self.of(check)[1:])

    def of(self, check: CheckPlan) -> list[float]:
        """Give the visits of a Check's page."""
        assert isinstance(check.probe, HttpProbe)
        return self.visits["/" + check.probe.url.rpartition("/")[2]]


@contextlib.asynccontextmanager
async def visited() -> AsyncIterator[tuple[Visited, Server]]:
    site = Visited()
    async with serve(site.handle) as server:
        yield site, server


def checks_of(server: Server, number: int, *, period: float) -> list[CheckPlan]:
    """Make Checks of as many pages."""
    urls = [server.url_for("127.0.0.1", f"/{index}") for index in range(number)]
    return [
        make_check(f"check-{index}", probe=HttpProbe(url=url), period=period, timeout=period, target=url)
        for index, url in enumerate(urls)
    ]


def after_slot(check: CheckPlan, at: float) -> float:
    """Give how long after a slot of a Check a moment is, seconds."""
    return (at - Phase.of(str(check.key)).offset * check.period) % check.period


def folder_of(tmp_path: Path, name: str) -> Folder:
    path = tmp_path / name
    path.mkdir()
    return Folder(path)


async def test_a_check_keeps_its_phase_when_its_worker_is_killed_and_when_it_moves_to_another(
    tmp_path: Path,
) -> None:
    one, other = folder_of(tmp_path, "one"), folder_of(tmp_path, "other")
    async with visited() as (site, server):
        checks = checks_of(server, CHECKS, period=PERIOD)
        one.swap(*checks)
        other.swap_files(files_of(encode(worker="east-1")))
        async with worker(other):
            async with worker(one) as first:
                await site.each_page(3)
                before = [site.lateness(check) for check in checks]
                await first.end(signal.SIGKILL)
            site.forget()
            async with worker(one):
                await site.each_page(3)
                restarted = [site.lateness(check) for check in checks]
                one.swap(revision=2)
                other.swap_files(files_of(encode(*checks, worker="east-1"), revision=2))
                site.forget()
                await site.each_page(3)
                moved = [site.lateness(check) for check in checks]
    assert max(*before, *restarted, *moved) < LATEST_START * PERIOD


def worker(folder: Folder, *, port: int = 0) -> Running:
    return Running("worker", "--plan", folder.path, "--listen", f"127.0.0.1:{port}")


async def test_a_worker_that_was_started_anew_is_known_by_its_instance(tmp_path: Path) -> None:
    folder, port = folder_of(tmp_path, "plan"), free_port()
    folder.swap(make_check("a", period=3600.0))
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=AUTHORIZED, timeout=DEADLINE) as client:
        instances = set()
        cursor: dict[str, str | int] = {}
        for _ in range(2):
            async with worker(folder, port=port) as running:
                await until_async(lambda: is_ready(client), "the plan")
                # The cursor is one of the worker that is gone: nobody waits for what comes after it.
                asked = client.get("/feed", params={**cursor, "wait": 25})
                head = read_head((await asyncio.wait_for(asked, 20)).content.splitlines()[0])
                assert head.snapshot
                assert head.lost == 0
                instances.add(head.report.instance)
                cursor = {"instance": head.report.instance, "after": 1}
                await running.end(signal.SIGKILL)
    assert len(instances) == 2


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).is_success
    except httpx.TransportError:
        return False


async def test_a_thousand_targets_go_on_at_their_slots_after_a_kill(tmp_path: Path) -> None:
    folder, count, period = folder_of(tmp_path, "plan"), 1_000, 10.0
    async with visited() as (site, server):
        checks = checks_of(server, count, period=period)
        folder.swap(*checks)
        async with worker(folder) as running:
            await until(lambda: site.visits, "a probe")
            await running.end(signal.SIGKILL)
        site.forget()
        async with worker(folder):
            await site.each_page(2, pages=count)
    # A visit may make up for a slot that was missed: the others are at their slots.
    late = [min(after_slot(check, visit) for visit in site.of(check)) for check in checks]
    assert sum(lateness < LATEST_START * period for lateness in late) > 0.95 * count
