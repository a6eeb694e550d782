"""From what the store holds to a plan and to what is reported, without a cluster."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from pollwatch.api.check import Check
from pollwatch.api.conditions import ReadyReason
from pollwatch.compile.check import compile_check
from pollwatch.compile.pool import PoolSettings
from pollwatch.compile.references import Reference
from pollwatch.compile.resources import Resources
from pollwatch.control.conditions import find_condition
from pollwatch.control.data_plane import Found
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.placement import OnePool
from pollwatch.control.plan_book import Changes, PlanBook
from pollwatch.control.pool_plans import PoolPlans
from pollwatch.control.reconcile import Reconciler
from pollwatch.control.report import FIRST_VERDICT, Reporter
from pollwatch.control.status import CheckStatus
from pollwatch.control.store import Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey, CheckPlan, Plan
from pollwatch.plan.egress import UNRESTRICTED
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.api_server import sample
from tests.control.documents import check_document, secret_document
from tests.support.clock import FakeClock, run_in_fake_time

POOL = "default"
KEY = CheckKey("public-sites", "front-page")
AUTHORIZED = {
    "url": "http://www.example.org/",
    "headers": [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "site", "key": "token"}}}],
}


class FakeDataPlane:
    """Takes plans, and finds what the test says."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self._book = PlanBook()
        self._found: list[Found] = []
        self._arrived = asyncio.Event()

    def apply(self, changes: Mapping[str, Changes]) -> None:
        self._book.update(changes.get(POOL, {}))
        self.plans.append(self._book.plan())

    async def wait(self) -> None:
        while not self._found:
            self._arrived.clear()
            await self._arrived.wait()

    def take(self) -> list[Found]:
        found, self._found = self._found, []
        return found

    def find(self, verdict: Verdict, **changes: object) -> None:
        state = CheckState(
            key=KEY,
            uid="uid-of-front-page",
            generation=1,
            verdict=verdict,
            previous=Verdict.UNKNOWN,
            since=0.0,
            at=0.0,
            total=1,
            up=int(verdict is Verdict.UP),
        )
        state = replace(state, **changes)  # type: ignore[arg-type]  # fields by name
        self._found.append(Found(pool=POOL, state=state))
        self._arrived.set()


class Bench:
    """The middle of the operator: store, reconciler and reporter."""

    def __init__(self, clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        self.store = Store()
        self.data_plane = FakeDataPlane()
        self.metrics = ControlMetrics()
        self.wanted: list[Reference] = []
        self.offered: list[CheckKey] = []
        self.queue = WorkQueue[CheckKey](random=lambda: 0.0, call_later=loop.call_later)
        self.reporter = Reporter(
            store=self.store,
            data_plane=self.data_plane,
            offer=self.offered.append,
            tell=lambda _news: None,
            repeat=lambda _news: None,
            met_defect=self.metrics.reconcile_errors.inc,
            clock=clock,
        )
        self.reconciler = Reconciler(
            store=self.store,
            queue=self.queue,
            reporter=self.reporter,
            data_plane=self.data_plane,
            want=self.wanted.append,
            placement=OnePool(PoolSettings(name=POOL, labels=(), egress=UNRESTRICTED, host_rate=math.inf)),
            metrics=self.metrics,
            clock=clock,
        )

    def observe(self, document: dict[str, object]) -> None:
        self.store.observe_check(document)
        self.queue.add(KEY)

    def write(self) -> CheckStatus | None:
        """Write what is due, as the API server would hold it then; `None`: nothing is."""
        write = self.reporter.due(KEY)
        if write is None:
            return None
        self.store.checks[KEY].status = write.after
        return write.after

    @property
    def planned(self) -> list[CheckKey]:
        return [check.key for check in self.data_plane.plans[-1].checks]


def play(steps: Callable[[Bench], Awaitable[None]]) -> None:
    """Run steps on a bench whose time passes as they sleep."""
    clock = FakeClock()

    async def main() -> None:
        bench = Bench(clock)
        running = [
            asyncio.create_task(coroutine)
            for coroutine in (
                bench.reconciler.run(),
                bench.reconciler.apply(),
                bench.reporter.run(),
                bench.reporter.sweep(),
            )
        ]
        await steps(bench)
        for task in running:
            task.cancel()
        await asyncio.wait(running)

    run_in_fake_time(clock, main())


def test_a_valid_check_is_planned_and_its_first_status_waits_for_the_first_verdict() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await bench.reconciler.settle()
        assert bench.planned == [KEY]
        await asyncio.sleep(FIRST_VERDICT / 2)
        assert bench.write() is None
        bench.data_plane.find(Verdict.UP)
        await asyncio.sleep(0.1)
        status = bench.write()
        assert status is not None
        assert (status.verdict, status.up) == (Verdict.UP, 1)
        assert bench.write() is None

    play(steps)


def test_when_no_verdict_comes_soon_it_is_accepted_all_the_same() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await asyncio.sleep(FIRST_VERDICT + 1)
        assert bench.offered[-1] == KEY
        status = bench.write()
        assert status is not None
        assert status.verdict is Verdict.UNKNOWN
        condition = find_condition(status.conditions, "Ready")
        assert condition is not None
        assert condition.reason == ReadyReason.PROBING

    play(steps)


def test_after_a_restart_the_status_stays_until_period_and_timeout_have_passed() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document(periodSeconds=60))
        await asyncio.sleep(3)
        bench.data_plane.find(Verdict.UP)
        await asyncio.sleep(1)
        held = bench.write()

        bench.reporter.forget(KEY)
        bench.reconciler._plans = PoolPlans()
        bench.queue.add(KEY)
        await asyncio.sleep(60)
        assert bench.write() is None
        assert bench.store.checks[KEY].status == held
        await asyncio.sleep(60)
        given_up = bench.write()
        assert given_up is not None
        assert given_up.verdict is Verdict.UNKNOWN

    play(steps)


def test_a_verdict_that_the_data_plane_takes_back_is_unknown_at_once() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await asyncio.sleep(1)
        bench.data_plane.find(Verdict.UP)
        await asyncio.sleep(1)
        bench.write()
        bench.offered.clear()
        bench.data_plane.find(Verdict.UNKNOWN, reason=Reason.RESOURCES_EXHAUSTED)
        await asyncio.sleep(1)
        assert bench.offered == [KEY]
        status = bench.write()
        assert status is not None
        assert status.verdict is Verdict.UNKNOWN

    play(steps)


def test_a_spec_that_changes_keeps_the_verdict_and_tells_the_new_generation() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await asyncio.sleep(1)
        bench.data_plane.find(Verdict.UP)
        await asyncio.sleep(1)
        held = bench.write()
        assert held is not None
        bench.observe(check_document(version=2, generation=2, status=held.document(), periodSeconds=7))
        await asyncio.sleep(1)
        assert bench.data_plane.plans[-1].checks[0].period == 7.0
        status = bench.write()
        assert status is not None
        assert status.observed_generation == 2
        assert status.verdict is Verdict.UP

    play(steps)


def test_a_status_that_changed_alone_has_nothing_compiled_and_nothing_planned() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await bench.reconciler.settle()
        plans = len(bench.data_plane.plans)
        bench.queue.add(KEY)
        await asyncio.sleep(5)
        assert len(bench.data_plane.plans) == plans

    play(steps)


def test_what_changes_in_a_rush_is_one_plan() -> None:
    async def steps(bench: Bench) -> None:
        await bench.reconciler.settle()
        before = len(bench.data_plane.plans)
        for number in range(500):
            name = f"check-{number}"
            bench.store.observe_check(check_document(name))
            bench.queue.add(CheckKey("public-sites", name))
        await asyncio.sleep(2)
        assert len(bench.planned) == 500
        assert len(bench.data_plane.plans) - before <= 2

    play(steps)


def test_a_secret_that_is_not_known_yet_is_asked_for_and_nothing_is_said_meanwhile() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document(http=AUTHORIZED))
        await asyncio.sleep(5)
        (reference,) = bench.wanted
        assert reference == Reference("Secret", "public-sites", "site")
        assert bench.write() is None
        assert bench.reconciler.count(ReadyReason.PENDING) == 1
        for key in bench.store.observe_data(reference, secret_document("site", token="dA==")):
            bench.queue.add(key)
        await asyncio.sleep(1)
        assert bench.planned == [KEY]

    play(steps)


def test_a_stored_check_that_breaks_the_schema_of_today_is_not_accepted() -> None:
    """As after an upgrade of the CRD: the API server does not judge anew what it holds."""

    async def steps(bench: Bench) -> None:
        bench.observe(check_document(http={"url": "http://www.example.org/", "verb": "GET"}))
        await asyncio.sleep(1)
        status = bench.write()
        assert status is not None
        accepted, ready = status.conditions
        assert (accepted.status, accepted.reason) == ("False", "InvalidSpec")
        assert "spec.http.verb" in accepted.message
        assert (ready.status, ready.reason) == ("False", "NotAccepted")

    play(steps)


def test_a_check_that_is_gone_leaves_the_plan() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        await bench.reconciler.settle()
        bench.store.forget_check(KEY, uid="uid-of-front-page")
        bench.queue.add(KEY)
        await asyncio.sleep(1)
        assert bench.planned == []
        assert bench.reporter.due(KEY) is None

    play(steps)


def test_a_defect_met_in_one_check_leaves_the_others_alone_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defective(check: Check, resources: Resources) -> CheckPlan:
        if check.key.name == "bad":
            raise ZeroDivisionError
        return compile_check(check, resources)

    monkeypatch.setattr("pollwatch.control.reconcile.compile_check", defective)

    async def steps(bench: Bench) -> None:
        bench.store.observe_check(check_document("bad"))
        bench.queue.add(CheckKey("public-sites", "bad"))
        bench.observe(check_document())
        await asyncio.sleep(1)
        assert bench.planned == [KEY]
        assert sample(bench.metrics, "pollwatch_operator_reconcile_errors_total") >= 1

    play(steps)


def test_a_verdict_about_a_check_of_the_past_is_not_that_of_its_successor() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document(uid="second"))
        await asyncio.sleep(FIRST_VERDICT + 1)
        bench.data_plane.find(Verdict.DOWN)
        await asyncio.sleep(1)
        status = bench.write()
        assert status is not None
        assert status.verdict is Verdict.UNKNOWN

    play(steps)


def test_each_turn_of_a_verdict_is_logged_once_also_over_a_restart() -> None:
    async def steps(bench: Bench) -> None:
        bench.observe(check_document())
        for verdict in (Verdict.UP, Verdict.UP):
            await asyncio.sleep(1)
            bench.data_plane.find(verdict)
        await asyncio.sleep(1)
        bench.data_plane.find(Verdict.DOWN, reason=Reason.CONNECT_REFUSED, address="192.0.2.1", evidence="it")
        await asyncio.sleep(1)
        status = bench.write()
        assert status is not None
        held.append(status.document())

    async def steps_of_the_next(bench: Bench) -> None:
        bench.observe(check_document(status=held[0]))
        for verdict in (Verdict.DOWN, Verdict.UP):
            await asyncio.sleep(1)
            bench.data_plane.find(verdict)
        await asyncio.sleep(1)

    held: list[dict[str, object]] = []
    with capture_logs() as logs:
        play(steps)
        play(steps_of_the_next)
    turns = [entry for entry in logs if entry["event"] == "verdict changed"]
    assert [(turn["before"], turn["after"]) for turn in turns] == [
        ("Unknown", "Up"),
        ("Up", "Down"),
        ("Down", "Up"),
    ]
    assert turns[1] == {
        "event": "verdict changed",
        "log_level": "info",
        "check": "public-sites/front-page",
        "pool": POOL,
        "before": "Up",
        "after": "Down",
        "up": 0,
        "total": 1,
        "reason": "ConnectRefused",
        "address": "192.0.2.1",
    }
