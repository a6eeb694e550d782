"""A worker of a pool, whole: its folder, its feed, its pushes, what it says of itself."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Self

import httpx
import pytest
from cryptography.fernet import Fernet

from pollwatch.plan.checks import CheckPlan, HttpProbe, TcpProbe
from pollwatch.plan.reports import PlanFault, PlanReport, WorkerReport
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.plan.wire import FeedEnd, FeedHead, read_head, read_line
from pollwatch.series.exposition import Exposition
from pollwatch.worker import plan_folder
from pollwatch.worker.keys import Keys, authorization
from pollwatch.worker.main import PoolWorker, Settings
from tests.cluster.prometheus import promtool_check_metrics
from tests.support.exposition import Series, parse, values
from tests.support.plan_folders import KEYS, Folder, encode, files_of, sealed
from tests.support.plans import make_check
from tests.support.probing import make_network
from tests.support.sites import Answer, running_site
from tests.support.waiting import DEADLINE, until, until_async


def check_of(port: int, name: str = "a", *, period: float = 3600.0) -> CheckPlan:
    """A TCP Check of a port of this machine that is probed soon."""
    probe = TcpProbe(host="127.0.0.1", port=port)
    return make_check(name, probe=probe, period=period, timeout=20.0, target=f"127.0.0.1:{port}")


class Operator:
    """Reads a worker's feed and pushes to it, as an operator does."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = KEYS.feed_tokens[0]
        self.cursor = 0
        self.states: dict[str, CheckState] = {}
        self.head: FeedHead | None = None

    @property
    def report(self) -> WorkerReport:
        assert self.head is not None
        return self.head.report

    async def read(self, *, wait: float = 0.0) -> Self:
        """Read one page."""
        instance = self.head.report.instance if self.head is not None else ""
        response = await self.client.get(
            "/feed",
            params={"instance": instance, "after": self.cursor, "wait": wait},
            headers=authorization(self.token),
        )
        assert response.status_code == 200, response.text
        head, *lines = response.content.splitlines()
        self.head = read_head(head)
        for line in map(read_line, lines):
            if isinstance(line, FeedEnd):
                self.cursor = line.cursor
            else:
                self.states[line.key.name] = line
        return self

    async def plan(self, wanted: PlanReport) -> None:
        """Read on until the worker reports this of its plan."""
        async with asyncio.timeout(DEADLINE):
            while (await self.read(wait=5)).report.plan != wanted:
                pass

    async def fault(self, wanted: PlanFault) -> PlanReport:
        """Read on until the worker reports this fault, and give what it says."""
        async with asyncio.timeout(DEADLINE):
            while (await self.read(wait=5)).report.plan.fault is not wanted:
                pass
        return self.report.plan

    async def state(self, name: str, verdict: Verdict) -> CheckState:
        """Read on until a Check has this verdict."""
        async with asyncio.timeout(DEADLINE):
            while name not in self.states or self.states[name].verdict is not verdict:
                await self.read(wait=5)
        return self.states[name]

    async def push(self, *checks: CheckPlan, revision: int, keys: Keys = KEYS) -> int:
        response = await self.client.post(
            "/plan",
            content=sealed(encode(*checks), revision=revision, keys=keys),
            headers=authorization(self.token),
        )
        return response.status_code

    async def metrics(self) -> Series:
        return parse((await self.client.get("/metrics")).content, Exposition.TEXT)


class Bench:
    """A worker that runs in the test's own loop."""

    def __init__(self, folder: Folder, client: httpx.AsyncClient, stop: asyncio.Event) -> None:
        self.folder = folder
        self.client = client
        self.stop = stop
        self.operator = Operator(client)

    async def ready(self) -> tuple[int, str]:
        response = await self.client.get("/readyz")
        return response.status_code, response.text.rstrip("\n")


@asynccontextmanager
async def working(path: Path, *, node_addresses: tuple[str, ...] = ()) -> AsyncIterator[Bench]:
    """A worker on a folder."""
    network = make_network()
    settings = Settings(
        plan=path, listen="127.0.0.1:0", node_addresses=tuple(map(ip_network, node_addresses))
    )
    worker = PoolWorker(settings, network, cpu=lambda: 0.0)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        await until(lambda: running.done() or worker._server._address, "the server")
        async with httpx.AsyncClient(base_url=worker.url, timeout=DEADLINE) as client:
            yield Bench(Folder(path), client, stop)
    finally:
        stop.set()
        await running
        await network.aclose()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Faults are told soon, and nothing is found by looking now and then."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(plan_folder, "SETTLED", 0.05)
    monkeypatch.setattr(plan_folder, "POLL", 3600.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The worker's folder, empty."""
    folder = tmp_path / "plan"
    folder.mkdir()
    return folder


async def test_the_feed_tells_verdicts_and_how_the_worker_is(path: Path) -> None:
    async with running_site() as site:
        Folder(path).swap(check_of(site.port), check_of(9, "b", period=10.0), revision=3)
        async with working(path) as bench:
            operator = bench.operator
            await until(lambda: site.server.connections, "a probe")
            await wait_for_keys(bench)
            assert (await operator.state("a", Verdict.UP)).reason is None
            assert (await operator.state("b", Verdict.DOWN)).reason is Reason.CONNECT_REFUSED
            report = operator.report
            assert report.plan == PlanReport(revision=3, checks=2)
            assert (report.worker, report.targets, report.keys) == ("east-0", 2, KEYS.identities)
            assert report.probes_per_second == pytest.approx(1 / 3600 + 1 / 10)


async def wait_for_keys(bench: Bench) -> None:
    """Return when the worker has taken in its folder."""

    async def admitted() -> bool:
        response = await bench.client.get("/feed", headers=authorization(bench.operator.token))
        return response.is_success

    await until_async(admitted, "keys")


async def test_a_missing_plan_is_waited_for_and_that_is_said_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(path) as bench:
        await until(lambda: "waiting for a plan" in caplog.messages, "a word")
        assert await bench.ready() == (503, f"no plan yet: there is no {path}/plan.json")
        assert (await bench.client.get("/healthz")).status_code == 200
        bench.folder.edit(make_check("a"), revision=1)
        await until(lambda: "plan applied" in caplog.messages, "the plan")
        assert await bench.ready() == (200, "ok")
    assert caplog.messages.count("waiting for a plan") == 1


async def test_a_bad_first_plan_is_not_probed_and_readiness_says_why(path: Path) -> None:
    async with working(path) as bench:
        files = files_of(encode(make_check("a")), revision=1)
        bench.folder.swap_files({**files, "plan.json": files["plan.json"] + b"x"})
        await wait_for_keys(bench)
        await bench.operator.fault(PlanFault.CORRUPT)
        status, text = await bench.ready()
        assert status == 503
        assert text.startswith("no plan: refused as Corrupt: plan.json ")


async def test_a_refused_plan_is_told_in_the_feed_the_metrics_and_the_log_and_the_last_one_runs_on(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_site() as site, working(path) as bench:
        bench.folder.swap(check_of(site.port), revision=1)
        await wait_for_keys(bench)
        await bench.operator.state("a", Verdict.UP)
        files = files_of(encode(make_check("b")), revision=2)
        bench.folder.swap_files({**files, "part-000": files["part-000"][:-3]})
        report = await bench.operator.fault(PlanFault.TORN)
        assert (report.revision, report.checks) == (1, 1)
        series = await bench.operator.metrics()
        assert values(series, "pollwatch_worker_plans_refused_total", "fault")["Torn"] == 1
        assert series["pollwatch_worker_plan_refused", frozenset()] == 1
        assert series["pollwatch_worker_plan_revision", frozenset()] == 1
        assert values(series, "probe_success", "check") == {"a": 1}
        refusals = [record for record in caplog.records if record.message == "plan refused"]
        assert [record.levelno for record in refusals] == [logging.WARNING]
        assert await bench.ready() == (200, "ok")

        bench.folder.swap(make_check("c"), revision=3)
        await bench.operator.plan(PlanReport(revision=3, checks=1))
        assert (await bench.operator.metrics())["pollwatch_worker_plan_refused", frozenset()] == 0


async def test_a_pushed_plan_is_live_at_once_and_the_mounted_one_that_lags_behind_is_ignored(
    path: Path,
) -> None:
    async with working(path) as bench:
        bench.folder.swap(make_check("a"), revision=1)
        await wait_for_keys(bench)
        assert await bench.operator.push(make_check("b"), revision=3) == 200
        bench.folder.swap(make_check("c"), revision=2)
        assert await bench.operator.push(make_check("d"), revision=3) == 409
        await bench.operator.plan(PlanReport(revision=3, checks=1))
        series = await bench.operator.metrics()
        assert values(series, "pollwatch_check_verdict", "check").keys() <= {"b"}


async def test_a_worker_that_starts_anew_follows_its_folder_and_a_push_of_old_cannot_be_replayed(
    path: Path,
) -> None:
    old = sealed(encode(make_check("old")), revision=2)
    for revision in (2, 3):
        async with working(path) as bench:
            bench.folder.swap(make_check("a"), revision=3)
            await wait_for_keys(bench)
            await bench.operator.plan(PlanReport(revision=3, checks=1))
            response = await bench.client.post(
                "/plan", content=old, headers=authorization(bench.operator.token)
            )
            assert response.status_code == 409, revision


async def test_keys_are_exchanged_without_a_gap_while_the_feed_is_read(path: Path) -> None:
    newer = Keys(
        feed_tokens=("another-token-of-the-tests", *KEYS.feed_tokens),
        plan_keys=(Fernet.generate_key().decode(), *KEYS.plan_keys),
    )
    newest = replace(newer, feed_tokens=newer.feed_tokens[:1], plan_keys=newer.plan_keys[:1])
    async with working(path) as bench:
        operator, plan = bench.operator, encode(make_check("a"))
        bench.folder.swap_files(files_of(plan))
        await wait_for_keys(bench)
        waiting = asyncio.create_task(operator.read(wait=20))
        statuses: list[int] = []
        for keys in (newer, newest):
            bench.folder.swap_files(files_of(plan, keys=keys))
            async with asyncio.timeout(DEADLINE):
                while True:
                    response = await bench.client.get("/feed", headers=authorization(operator.token))
                    statuses.append(response.status_code)
                    if response.is_error:
                        break
                    if read_head(response.content.splitlines()[0]).report.keys == keys.identities:
                        # It has the new ones: from now on they are used.
                        operator.token = keys.feed_tokens[0]
                        break
            assert await operator.push(make_check("a"), revision=len(statuses) + 1, keys=keys) == 200
        await waiting
        assert set(statuses) == {200}
        stale = await bench.client.get("/feed", headers=authorization(KEYS.feed_tokens[0]))
        assert stale.status_code == 401


async def test_keys_that_make_no_sense_are_said_once_without_them_and_nobody_is_let_in(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (path / "keys.json").write_text('{"feed": ["do-not-tell-anybody"], "plan": ["do-not-tell-anybody"]}')
    async with working(path) as bench:
        message = "keys refused, those before stay in force"
        await until(lambda: message in caplog.messages, "a word")
        response = await bench.client.get("/feed", headers=authorization("do-not-tell-anybody"))
        assert response.status_code == 403
        bench.folder.edit(make_check("a"))
        await wait_for_keys(bench)
    assert caplog.messages.count(message) == 1
    assert "do-not-tell" not in str([vars(record) for record in caplog.records])


async def test_keys_that_go_bad_leave_those_before_in_force_and_those_that_go_close_the_feed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(path) as bench:
        plan = encode(make_check("a"))
        bench.folder.swap_files(files_of(plan))
        await wait_for_keys(bench)
        bench.folder.swap_files({**files_of(plan), "keys.json": b"{"})
        await until(lambda: "keys refused, those before stay in force" in caplog.messages, "a word")
        assert (await bench.operator.read()).report.keys == KEYS.identities
        bench.folder.swap_files(files_of(plan, keys=None))

        async def closed() -> bool:
            return (await bench.client.get("/feed", headers=authorization("x"))).status_code == 403

        await until_async(closed, "the feed to close")
        assert await bench.operator.push(make_check("a"), revision=9) == 403


async def test_the_plans_egress_policy_is_kept_and_the_nodes_own_addresses_are_protected(path: Path) -> None:
    async with running_site() as site, working(path, node_addresses=("127.0.0.1",)) as bench:
        bench.folder.swap(check_of(site.port), revision=1)
        await wait_for_keys(bench)

        async def denied() -> object:
            metrics = await bench.operator.metrics()
            return values(metrics, "pollwatch_probe_failures_total", "reason").get("EgressDenied")

        await until_async(denied, "a probe")
        assert site.server.connections == 0


async def test_a_worker_that_is_told_to_stop_tells_first_what_it_still_finds(path: Path) -> None:
    async with running_site() as site, working(path) as bench:
        site.answer = Answer(delay=1.0)
        check = make_check("slow", probe=HttpProbe(url=site.url), period=3600.0, timeout=20.0)
        bench.folder.swap(check, revision=1)
        await wait_for_keys(bench)
        await until(lambda: site.requests, "the probe to begin")
        waiting = asyncio.create_task(bench.operator.state("slow", Verdict.UP))
        bench.stop.set()
        await asyncio.wait_for(waiting, DEADLINE)


async def test_a_defect_in_taking_a_plan_in_ends_no_probing(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_site() as site, working(path) as bench:
        bench.folder.swap(check_of(site.port), revision=1)
        await wait_for_keys(bench)
        await bench.operator.state("a", Verdict.UP)

        def broken(_: bytes) -> Keys:
            raise RuntimeError("a defect")

        monkeypatch.setattr(Keys, "parse", broken)
        bench.folder.swap(check_of(site.port), revision=2)
        await until(lambda: "the plan folder could not be taken in" in caplog.messages, "a word")
        assert (await bench.operator.read()).report.plan.revision == 1


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
async def test_the_metrics_of_a_pools_worker_can_be_read_in_both_formats(path: Path, accept: str) -> None:
    async with working(path) as bench:
        bench.folder.swap(make_check("a"), revision=4)
        await wait_for_keys(bench)
        await bench.operator.plan(PlanReport(revision=4, checks=1))
        page = (await bench.client.get("/metrics", headers={"Accept": accept})).content
        series = parse(page, Exposition.TEXT if accept == "text/plain" else Exposition.OPENMETRICS)
        found = {name for name, _ in series if name.startswith("pollwatch_worker_")}
        assert series["pollwatch_worker_plan_revision", frozenset()] == 4
        assert series["pollwatch_worker_feed_entries_total", frozenset()] >= 1
        assert set(values(series, "pollwatch_worker_plans_refused_total", "fault")) == set(PlanFault)
        assert {"pollwatch_worker_utilisation_ratio", "pollwatch_worker_feed_readers"} < found


async def test_promtool_finds_nothing_to_criticise_in_a_pools_worker(
    path: Path, promtool_binary: Path
) -> None:
    async with working(path) as bench:
        page = (await bench.client.get("/metrics")).content
        assert await asyncio.to_thread(promtool_check_metrics, promtool_binary, page) == []
