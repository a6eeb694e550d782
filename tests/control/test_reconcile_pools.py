"""Checks and the pools that they name: what is planned where, and what is said when it cannot be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.control.cluster import NAMESPACES
from pollwatch.control.data_plane import Found
from pollwatch.control.follower import ObjectName
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.plan_book import Changes
from pollwatch.control.pools.registry import Pools
from pollwatch.control.reconcile import FIRST_READS, Reconciler
from pollwatch.control.status import Admission
from pollwatch.control.store import Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey, CheckPlan
from tests.control.documents import check_document, secret_document
from tests.support.clock import FakeClock, run_in_fake_time

KEY = CheckKey("public-sites", "front-page")


class RecordingPlane:
    """Remembers what each pool was told."""

    def __init__(self) -> None:
        self.pools: dict[str, dict[CheckKey, CheckPlan]] = {}
        self.changes: list[tuple[str, CheckKey]] = []

    def apply(self, changes: Mapping[str, Changes]) -> None:
        for name, of_pool in changes.items():
            plan = self.pools.setdefault(name, {})
            for key, check in of_pool.items():
                self.changes.append((name, key))
                plan.pop(key, None)
                if check is not None:
                    plan[key] = check

    async def wait(self) -> None:
        await asyncio.Event().wait()

    def take(self) -> list[Found]:
        return []


class Verdicts:
    """Stands for the reporter: keeps what became of each Check."""

    def __init__(self) -> None:
        self.admissions: dict[CheckKey, Admission] = {}
        self.pools: dict[CheckKey, tuple[tuple[str, ...], int]] = {}
        self.rates: dict[CheckKey, float | None] = {}
        self.starting: dict[CheckKey, frozenset[str]] = {}

    def decided(
        self,
        key: CheckKey,
        _uid: str,
        admission: Admission,
        _plan: CheckPlan | None,
        *,
        pools: tuple[str, ...],
        quorum: int = 1,
        rate: float | None = None,
        starting: frozenset[str] = frozenset(),
    ) -> None:
        self.starting[key] = starting
        self.admissions[key] = admission
        self.pools[key] = pools, quorum
        self.rates[key] = rate

    def forget(self, key: CheckKey) -> None:
        del self.admissions[key]


class Bench:
    """A reconciler between pools and a data plane."""

    def __init__(self, clock: FakeClock) -> None:
        loop = asyncio.get_running_loop()
        self.store = Store()
        self.plane = RecordingPlane()
        self.said = Verdicts()
        self.queue = WorkQueue[CheckKey](random=lambda: 0.0, call_later=loop.call_later)
        self.pools = Pools(default_pool="default", recompile=self.queue.add)
        self.reconciler = Reconciler(
            store=self.store,
            queue=self.queue,
            reporter=self.said,  # type: ignore[arg-type]  # as much of it as is called
            data_plane=self.plane,
            want=lambda _reference: None,
            placement=self.pools,
            metrics=ControlMetrics(),
            clock=clock,
        )
        self._versions = iter(range(1, 1000))

    def know(self) -> None:
        """Have pools and namespaces listed."""
        self.pools.listed()
        self.pools.followers[NAMESPACES].listed()
        self.pools.set_cluster_addresses([])

    def pool(self, name: str, **spec: Any) -> None:
        version = next(self._versions)
        metadata = {
            "name": name,
            "uid": name,
            "resourceVersion": str(version),
            "generation": version,
            "creationTimestamp": "2016-11-08T20:00:00Z",
        }
        self.pools.seen({"metadata": metadata, "spec": spec})

    def check(self, name: str = "front-page", **spec: Any) -> None:
        version = next(self._versions)
        self.store.observe_check(check_document(name, version=version, generation=version, **spec))
        self.queue.add(CheckKey("public-sites", name))

    def admission(self) -> Admission:
        return self.said.admissions[KEY]

    def planned(self) -> dict[str, list[str]]:
        """Names of the Checks in each pool that has some."""
        return {name: sorted(key.name for key in plan) for name, plan in self.plane.pools.items() if plan}


def play(steps: Callable[[Bench], Awaitable[None]], *, known: bool = True) -> None:
    clock = FakeClock()

    async def main() -> None:
        bench = Bench(clock)
        if known:
            bench.know()
        running = [
            asyncio.create_task(bench.reconciler.run()),
            asyncio.create_task(bench.reconciler.apply()),
        ]
        await steps(bench)
        for task in running:
            task.cancel()
        await asyncio.wait(running)

    run_in_fake_time(clock, main())


def test_a_check_is_planned_in_each_pool_that_it_names_with_the_labels_of_the_pool() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east", labels={"location": "toronto"})
        bench.pool("west", labels={"location": "vancouver"})
        bench.check(pools=["east", "west"], labels={"location": "anywhere", "team": "web"})
        await asyncio.sleep(1)
        assert bench.planned() == {"east": ["front-page"], "west": ["front-page"]}
        assert bench.plane.pools["east"][KEY].labels == (
            ("location", "toronto"),
            ("pool", "east"),
            ("team", "web"),
        )
        assert bench.said.pools[KEY] == (("east", "west"), 2)

    play(steps)


def test_nothing_is_said_of_a_check_before_it_is_known_which_pools_there_are() -> None:
    async def steps(bench: Bench) -> None:
        bench.check(pool="east")
        await asyncio.sleep(5)
        assert bench.said.admissions == {}
        bench.pool("east")
        bench.know()
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.PROBING

    play(steps, known=False)


def test_a_check_whose_pool_goes_says_so_and_is_planned_again_when_it_comes_back() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pool="east")
        await asyncio.sleep(1)
        bench.pools.gone(ObjectName("", "east"), uid="east")
        await asyncio.sleep(1)
        assert bench.admission().accepted is AcceptedReason.POOL_NOT_FOUND
        assert bench.planned() == {}
        bench.pool("east")
        await asyncio.sleep(1)
        assert bench.admission().accepted is AcceptedReason.ACCEPTED
        assert bench.planned() == {"east": ["front-page"]}

    play(steps)


def test_a_check_of_two_pools_goes_on_in_the_one_that_is_left_and_says_so_until_both_are_there() -> None:
    async def steps(bench: Bench) -> None:
        for name in ("east", "west"):
            bench.pool(name)
        bench.check(pools=["east", "west"])
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.PROBING
        told = list(bench.plane.changes)
        bench.pools.gone(ObjectName("", "west"), uid="west")
        await asyncio.sleep(1)
        assert bench.plane.changes[len(told) :] == [("west", KEY)]
        assert bench.planned() == {"east": ["front-page"]}
        admission = bench.admission()
        assert admission.accepted is AcceptedReason.ACCEPTED
        assert admission.ready is ReadyReason.NOT_IN_ALL_POOLS
        assert admission.ready_message.startswith(
            "Only in ProbePool east: spec.pools[1]: there is no ProbePool west: name one of those of"
        )
        assert "As 2 pools have to find it Down for it to be Down" in admission.ready_message
        assert admission.ready_message.endswith("Probed every 30 s.")
        bench.pool("west")
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.PROBING
        assert bench.planned() == {"east": ["front-page"], "west": ["front-page"]}

    play(steps)


def test_a_check_whose_one_vote_is_enough_is_not_said_to_be_degraded_at_worst() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pools=["east", "west"], quorum=1)
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.NOT_IN_ALL_POOLS
        assert "Degraded" not in bench.admission().ready_message

    play(steps)


def test_a_target_that_the_egress_policy_refuses_is_planned_nowhere() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pool="east", http={"url": "http://169.254.169.254/latest/meta-data/"})
        await asyncio.sleep(1)
        assert bench.admission().accepted is AcceptedReason.EGRESS_DENIED
        assert "spec.http.url" in bench.admission().accepted_message
        assert bench.planned() == {}
        bench.pool("east", egress={"allow": [{"cidrs": ["169.254.169.254/32"]}]})
        await asyncio.sleep(1)
        assert bench.admission().accepted is AcceptedReason.ACCEPTED

    play(steps)


def test_a_pool_without_a_ready_worker_is_told_and_its_checks_stay_planned() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pool="east")
        await asyncio.sleep(1)
        bench.pools.set_readiness("east", idle=True, starting=False)
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.POOL_NOT_READY
        assert "no worker of ProbePool east is ready" in bench.admission().ready_message
        assert bench.planned() == {"east": ["front-page"]}
        bench.pools.set_readiness("east", idle=False, starting=False)
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.PROBING

    play(steps)


def test_that_a_pool_is_coming_up_and_that_it_has_is_told_of_its_checks() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pool="east")
        bench.pools.set_readiness("east", idle=False, starting=True)
        await asyncio.sleep(1)
        assert bench.said.starting[KEY] == {"east"}
        bench.pools.set_readiness("east", idle=False, starting=False)
        await asyncio.sleep(1)
        assert bench.said.starting[KEY] == frozenset()

    play(steps)


def test_of_several_pools_one_that_is_ready_is_enough_and_the_others_are_named() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.pool("west")
        bench.pools.set_readiness("west", idle=True, starting=False)
        bench.check(pools=["east", "west"])
        await asyncio.sleep(1)
        assert bench.admission().ready is ReadyReason.PROBING
        assert "No worker of ProbePool west is ready" in bench.admission().ready_message

    play(steps)


def test_a_check_that_is_slowed_by_the_rate_of_its_host_says_how_often_it_is_probed() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east", maxProbesPerSecondPerHost=1)
        for name in ("front-page", "search"):
            bench.check(name, pool="east", periodSeconds=1, timeoutSeconds=1)
        await asyncio.sleep(2)
        assert bench.plane.pools["east"][KEY].rate == 0.5
        assert "In ProbePool east only every 2 s" in bench.admission().ready_message
        assert "maxProbesPerSecondPerHost" in bench.admission().ready_message
        assert bench.said.rates[KEY] == 0.5
        bench.pool("east", maxProbesPerSecondPerHost=10)
        await asyncio.sleep(2)
        assert bench.plane.pools["east"][KEY].rate is None
        assert bench.admission().ready_message == "Probed every 1 s."
        assert bench.said.rates[KEY] is None

    play(steps)


def test_a_change_of_a_pool_that_workers_alone_notice_plans_nothing_anew() -> None:
    async def steps(bench: Bench) -> None:
        bench.pool("east")
        bench.check(pool="east")
        await asyncio.sleep(1)
        told = len(bench.plane.changes)
        bench.pool("east", replicas=7)
        await asyncio.sleep(1)
        assert len(bench.plane.changes) == told

    play(steps)


def test_the_first_plan_waits_for_secrets_that_are_being_read_and_not_for_ever() -> None:
    headers = [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "site", "key": "token"}}}]

    async def steps(bench: Bench) -> None:
        bench.pool("default")
        bench.check(http={"url": "http://www.example.org/", "headers": headers})
        settled = asyncio.create_task(bench.reconciler.settle())
        await asyncio.sleep(FIRST_READS / 2)
        assert not settled.done()
        (reference,) = bench.store.references()
        for key in bench.store.observe_data(reference, secret_document("site", token="dA==")):
            bench.queue.add(key)
        await asyncio.sleep(1)
        assert settled.done()
        assert bench.planned() == {"default": ["front-page"]}

    async def steps_without_the_secret(bench: Bench) -> None:
        bench.pool("default")
        bench.check(http={"url": "http://www.example.org/", "headers": headers})
        await asyncio.sleep(1)
        async with asyncio.timeout(2 * FIRST_READS):
            await bench.reconciler.settle()

    play(steps)
    play(steps_without_the_secret)
