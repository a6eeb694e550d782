"""What the watch and the re-lists see reaches the store in the right order, from the right thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from structlog.testing import capture_logs

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CHECKS, PROBE_POOLS, SECRETS, Cluster, ClusterError, Resource
from pollwatch.control.follower import Follower, ObjectName, name_of
from pollwatch.control.inbox import Change, Inbox
from pollwatch.control.intake import Intake
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.registry import Pools
from pollwatch.control.resync import READ_SINGLY, Resync
from pollwatch.control.store import Store
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import SystemClock
from tests.control.api_server import json_answer, refusal, sample, scripted_cluster
from tests.control.documents import check_document, secret_document
from tests.support.sites import Answer, Site
from tests.support.waiting import until

LIST = "/apis/pollwatch.dev/v1alpha1/checks?limit=200"


def page(*documents: dict[str, object], following: str = "") -> Answer:
    return json_answer({"items": documents, "metadata": {"continue": following}})


def only(document: dict[str, Any]) -> str:
    """Where one Check is read."""
    name = document["metadata"]["name"]
    path = "/apis/pollwatch.dev/v1alpha1/namespaces/public-sites/checks"
    return f"{path}?fieldSelector=metadata.name%3D{name}"


class Bench:
    """A store, and all ways into it."""

    def __init__(
        self,
        cluster: Cluster,
        site: Site,
        metrics: ControlMetrics,
        followers: Mapping[Resource, Follower] = MappingProxyType({}),
    ) -> None:
        clock = SystemClock()
        self.site = site
        self.metrics = metrics
        self.store = Store()
        self.recompiled: list[CheckKey] = []
        self.reported: list[CheckKey] = []
        self.fetched: list[Reference] = []
        self.inbox = Inbox(asyncio.get_running_loop())
        self.intake = Intake(
            store=self.store,
            recompile=self.recompiled.append,
            report=self.reported.append,
            metrics=metrics,
            clock=clock,
            followers=followers,
        )
        self.resync = Resync(
            cluster=cluster,
            store=self.store,
            intake=self.intake,
            fetch=self.fetched.append,
            namespaces=(None,),
            period=300.0,
            metrics=metrics,
            clock=clock,
            random=lambda: 0.5,
        )

    async def see(self, *changes: Change) -> None:
        """Let the watch see something, and the store have it."""
        for change in changes:
            self.inbox.put(change)
        running = asyncio.create_task(self.intake.run(self.inbox))
        await until(lambda: not len(self.inbox), "all of it to be taken in")
        running.cancel()
        await asyncio.wait([running])

    def version(self, name: str) -> str:
        return self.store.checks[CheckKey("public-sites", name)].resource_version

    def uid(self, name: str) -> str:
        return self.store.checks[CheckKey("public-sites", name)].uid

    @property
    def names(self) -> list[str]:
        return sorted(key.name for key in self.store.checks)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    metrics = ControlMetrics()
    async with scripted_cluster(metrics) as (cluster, site):
        yield Bench(cluster, site, metrics)


def seen(document: dict[str, object], *, deleted: bool = False) -> Change:
    resource = {"Check": CHECKS, "Secret": SECRETS}[str(document["kind"])]
    return Change(resource=resource, document=document, deleted=deleted)


async def test_a_list_brings_what_the_watch_had_missed_and_prunes_what_is_gone(bench: Bench) -> None:
    await bench.see(seen(check_document("stays")), seen(check_document("gone")))
    bench.site.answers[LIST] = page(check_document("stays"), following="more")
    bench.site.answers[f"{LIST}&continue=more"] = page(check_document("missed"))
    await bench.resync.once()
    assert bench.names == ["missed", "stays"]
    assert bench.recompiled[-1] == CheckKey("public-sites", "gone")
    assert sample(bench.metrics, "pollwatch_operator_pruned_objects_total", kind="Check") == 1


async def test_a_list_is_newer_than_what_a_watch_that_lags_shows_meanwhile(bench: Bench) -> None:
    newer = check_document("front-page", version=9)
    bench.site.answers[LIST] = Answer(body=page(newer).body, delay=1.0)
    listing = asyncio.create_task(bench.resync.once())
    await until(lambda: bench.site.requests, "the list to be asked for")
    await bench.see(seen(check_document("front-page", version=7)))
    await listing
    assert bench.version("front-page") == "9"


async def test_what_was_made_again_while_a_list_is_under_way_is_not_what_the_list_says(bench: Bench) -> None:
    former = check_document("front-page", version=7, uid="former")
    bench.site.answers[LIST] = Answer(body=page(former).body, delay=1.0)
    listing = asyncio.create_task(bench.resync.once())
    await until(lambda: bench.site.requests, "the list to be asked for")
    await bench.see(
        seen(check_document("front-page", version=8, uid="former"), deleted=True),
        seen(check_document("front-page", version=9, uid="latter")),
    )
    await listing
    assert (bench.version("front-page"), bench.uid("front-page")) == ("9", "latter")


async def test_before_an_operator_leads_it_reads_the_checks_that_its_watch_has_not_shown_yet(
    bench: Bench,
) -> None:
    bench.site.answers[LIST] = page(
        *(check_document(name, version=7) for name in ("stays", "changed", "gone"))
    )
    await bench.resync.once()
    now = [check_document("stays", version=7), check_document("changed", version=8), check_document("new")]
    bench.site.answers[LIST] = page(*({"metadata": one["metadata"]} for one in now))
    for document in now[1:]:
        bench.site.answers[only(document)] = page(document)
    await bench.resync.refresh()
    assert bench.names == ["changed", "new", "stays"]
    assert bench.version("changed") == "8"
    refreshing = bench.site.requests[1:]
    assert [request.path for request in refreshing] == [LIST, only(now[1]), only(now[2])]
    assert "PartialObjectMetadataList" in refreshing[0].headers["accept"]


async def test_before_an_operator_leads_it_lists_the_checks_whole_when_many_are_new_to_it(
    bench: Bench,
) -> None:
    bench.site.answers[LIST] = page()
    await bench.resync.once()
    names = [f"check-{number:02}" for number in range(READ_SINGLY + 1)]
    bench.site.answers[LIST] = page(*map(check_document, names))
    await bench.resync.refresh()
    assert bench.names == names
    assert len(bench.site.requests) == 3


async def test_before_an_operator_leads_it_lists_until_that_succeeds(bench: Bench) -> None:
    bench.site.answers[LIST] = page()
    await bench.resync.once()
    bench.site.requests.clear()
    bench.site.answers[LIST] = refusal(500)
    listing = asyncio.create_task(bench.resync.refresh())
    await until(lambda: bench.site.requests, "the list to be asked for")
    bench.site.answers[LIST] = page(check_document("new"))
    bench.site.answers[only(check_document("new"))] = page(check_document("new"))
    await listing
    assert bench.names == ["new"]


async def test_what_the_watch_sees_while_a_list_is_under_way_is_newer_than_the_list(bench: Bench) -> None:
    await bench.see(seen(check_document("deleted-meanwhile")))
    bench.site.answers[LIST] = Answer(body=page(check_document("deleted-meanwhile")).body, delay=1.0)
    listing = asyncio.create_task(bench.resync.once())
    await until(lambda: bench.site.requests, "the list to be asked for")
    await bench.see(
        seen(check_document("made-meanwhile")),
        seen(check_document("deleted-meanwhile"), deleted=True),
    )
    await listing
    assert bench.names == ["made-meanwhile"]


async def test_a_list_that_fails_half_way_prunes_nothing(bench: Bench) -> None:
    await bench.see(seen(check_document("one")), seen(check_document("two")))
    bench.site.answers[LIST] = page(check_document("one"), following="more")
    bench.site.answers[f"{LIST}&continue=more"] = refusal(410, "the list has expired")
    with pytest.raises(ClusterError, match="410"):
        await bench.resync.once()
    assert bench.names == ["one", "two"]
    assert bench.resync.age is None


def pool_document(name: str) -> dict[str, object]:
    metadata = {
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2016-11-08T20:00:00Z",
    }
    return {"metadata": metadata, "spec": {}}


@pytest.fixture
async def pools_bench() -> AsyncIterator[tuple[Bench, Pools]]:
    metrics, pools = ControlMetrics(), Pools(default_pool="default", recompile=lambda _key: None)
    async with scripted_cluster(metrics) as (cluster, site):
        yield Bench(cluster, site, metrics, followers=pools.followers), pools


POOLS_LIST = "/apis/pollwatch.dev/v1alpha1/probepools?limit=200"
NAMESPACES_LIST = "/api/v1/namespaces?limit=200"


async def test_objects_without_a_namespace_are_listed_and_pruned_too(
    pools_bench: tuple[Bench, Pools],
) -> None:
    bench, pools = pools_bench
    bench.site.answers[LIST] = bench.site.answers[NAMESPACES_LIST] = page()
    await bench.see(Change(resource=PROBE_POOLS, document=pool_document("gone")))
    assert pools.names() == ["gone"]
    bench.site.answers[POOLS_LIST] = page(pool_document("missed"))
    await bench.resync.once()
    assert pools.names() == ["missed"]
    assert sample(bench.metrics, "pollwatch_operator_pruned_objects_total", kind="ProbePool") == 1


async def test_a_kind_that_cannot_be_listed_keeps_no_other_from_being_listed(
    pools_bench: tuple[Bench, Pools],
) -> None:
    """As while the CRD of pools is deleted and applied again."""
    bench, pools = pools_bench
    await bench.see(Change(resource=PROBE_POOLS, document=pool_document("east")))
    bench.site.answers[LIST] = page(check_document("one"))
    bench.site.answers[NAMESPACES_LIST] = page()
    bench.site.answers[POOLS_LIST] = refusal(404, "the server could not find the requested resource")
    with pytest.raises(ClusterError, match="404"):
        await bench.resync.once()
    assert bench.names == ["one"]
    assert pools.names() == ["east"]
    assert bench.resync.age is None


async def test_a_secret_that_changed_unseen_is_read_again_and_the_list_holds_no_secret(bench: Bench) -> None:
    reference = Reference("Secret", "public-sites", "site")
    await bench.see(seen(check_document("one")))
    bench.store.refer(CheckKey("public-sites", "one"), frozenset({reference}))
    await bench.see(seen(secret_document("site", version=1)))
    bench.site.answers[LIST] = page(check_document("one"))
    bench.site.answer = page(secret_document("site", version=1))
    await bench.resync.once()
    assert bench.fetched == []
    bench.site.answer = page(secret_document("site", version=2))
    await bench.resync.once()
    assert bench.fetched == [reference]
    lists = [request for request in bench.site.requests if request.path.startswith("/api/v1/secrets?")]
    assert lists
    for request in lists:
        assert "as=PartialObjectMetadataList" in request.headers["accept"]
        assert "service-account-token" in request.path


async def test_the_inbox_takes_from_another_thread_all_there_is_in_its_order() -> None:
    inbox = Inbox(asyncio.get_running_loop())
    count = 5_000

    def write() -> None:
        for number in range(count):
            inbox.put(seen(check_document(str(number))))

    thread = threading.Thread(target=write)
    thread.start()
    taken: list[str] = []
    async with asyncio.timeout(60):
        while len(taken) < count:
            await inbox.wait()
            while (change := inbox.take()) is not None:
                taken.append(change.document["metadata"]["name"])
    thread.join()
    assert taken == [str(number) for number in range(count)]


class Fragile:
    """Holds ProbePools, and meets a defect at each one of a certain name."""

    namespaces = (None,)

    def __init__(self, breaks_at: str) -> None:
        self.uids: dict[ObjectName, str] = {}
        self.breaks_at = breaks_at
        self.was_listed = False

    def held(self) -> Mapping[ObjectName, str]:
        return dict(self.uids)

    def seen(self, document: Mapping[str, Any]) -> None:
        if document["metadata"]["name"] == self.breaks_at:
            raise ZeroDivisionError("a defect")
        self.uids[name_of(document)] = document["metadata"]["uid"]

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        if name.name == self.breaks_at:
            raise ZeroDivisionError("a defect")
        return self.uids.pop(name, None) == uid

    def listed(self) -> None:
        self.was_listed = True

    def names(self) -> list[str]:
        return sorted(name.name for name in self.uids)


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "1"}}


POOL_LIST = "/apis/pollwatch.dev/v1alpha1/probepools?limit=200"


async def test_an_object_at_which_our_code_breaks_stops_neither_the_watch_nor_the_list() -> None:
    metrics, fragile = ControlMetrics(), Fragile("broken")
    async with scripted_cluster(metrics) as (cluster, site):
        bench = Bench(cluster, site, metrics, followers={PROBE_POOLS: fragile})
        with capture_logs() as logs:
            await bench.see(
                *(Change(resource=PROBE_POOLS, document=named(name)) for name in ("a", "broken", "gone"))
            )
            assert fragile.names() == ["a", "gone"]
            site.answers[POOL_LIST] = page(named("broken"), named("b"))
            site.answers[LIST] = page(check_document("front-page"))
            await bench.resync.once()
        assert fragile.names() == ["b"]
        assert fragile.was_listed
        assert bench.names == ["front-page"]
        told = [(entry["kind"], entry["name"]) for entry in logs if entry["log_level"] == "error"]
        assert told == [("ProbePool", "broken")] * 2
        assert sample(metrics, "pollwatch_operator_reconcile_errors_total") == 2
        assert sample(metrics, "pollwatch_operator_resyncs_total", outcome="succeeded") == 1


async def test_nor_does_one_that_cannot_be_taken_away() -> None:
    metrics, fragile = ControlMetrics(), Fragile("")
    async with scripted_cluster(metrics) as (cluster, site):
        bench = Bench(cluster, site, metrics, followers={PROBE_POOLS: fragile})
        for name in ("broken", "gone", "stays"):
            fragile.seen(named(name))
        fragile.breaks_at = "broken"
        site.answers[POOL_LIST] = page(named("stays"))
        site.answers[LIST] = page()
        await bench.resync.once()
        assert fragile.names() == ["broken", "stays"]
        assert sample(metrics, "pollwatch_operator_pruned_objects_total", kind="ProbePool") == 1
