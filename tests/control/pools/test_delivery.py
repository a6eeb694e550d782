"""Plans reach Secrets on the real API server: when they changed, and never over what is newer."""

import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pollwatch.control.cluster import Cluster
from pollwatch.control.credentials import load_credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.delivery import Delivery, Outcome, OvertakenError
from pollwatch.control.pools.owned import SECRETS, OwnedObjects
from pollwatch.control.pools.shards import Shard
from pollwatch.plan.checks import CheckPlan, HttpProbe
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.codec import MAX_REVISION, PlanTooLargeError
from tests.control.pools.bench import Stage, eventually, fleet_on, leading_fleet
from tests.support.plans import make_check

NOISE = random.Random(2016)  # noqa: S311 - nothing is secret here


def big_check(name: str) -> CheckPlan:
    """A Check that does not pack below 600 kB."""
    return make_check(name, probe=HttpProbe(url="http://a.example/", body=NOISE.randbytes(600_000)))


class Leader:
    """What one leader knows and writes."""

    def __init__(self, stage: Stage, cluster: Cluster) -> None:
        self._owner = {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "ProbePool",
            "name": stage.pool,
            "uid": "33a6a0a4-3a1c-4b5c-8f6e-000000000000",
        }
        self._stage = stage
        self.owned = OwnedObjects(stage.namespace)
        self.delivery = Delivery(cluster, self.owned, now=SystemClock().time)
        self.shard = Shard(stage.pool, 0)

    def learn(self) -> None:
        """See all Secrets, as the watch would."""
        for document in self._stage.admin.get(self._stage.path("secrets"))["items"]:
            self.owned[SECRETS].seen(document)

    async def deliver(self, *checks: CheckPlan, live_revision: int = 0) -> Outcome:
        before = {check.key: None for check in self.shard.book.checks()}
        self.shard.book.update({**before, **{check.key: check for check in checks}})
        return await self.delivery.deliver(self.shard, owner=self._owner, live_revision=live_revision)


@pytest.fixture
async def cluster(stage: Stage) -> AsyncIterator[Cluster]:
    clock = SystemClock()
    credentials = await load_credentials(str(stage.control_plane.kubeconfig()), clock=clock)
    cluster = Cluster(credentials, metrics=ControlMetrics(), clock=clock)
    yield cluster
    await cluster.close()


def held(stage: Stage) -> dict[str, Any]:
    return stage.get("secrets", f"{stage.base}-0-plan") or {}


def header(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(held(stage)["data"]["plan.json"]))
    return found


async def test_a_plan_that_did_not_change_is_not_written_again(stage: Stage, cluster: Cluster) -> None:
    leader = Leader(stage, cluster)
    first = await leader.deliver(make_check("a"))
    version = held(stage)["metadata"]["resourceVersion"]
    again = await leader.deliver(make_check("a"))
    assert (first.wrote, again.wrote) == (True, False)
    assert (first.revision, again.revision) == (1, 1)
    assert held(stage)["metadata"]["resourceVersion"] == version


async def test_the_next_leader_adopts_what_kubernetes_holds_and_goes_on_from_its_revision(
    stage: Stage, cluster: Cluster
) -> None:
    before = Leader(stage, cluster)
    await before.deliver(make_check("a"))
    await before.deliver(make_check("a"), make_check("b"))
    after = Leader(stage, cluster)
    after.learn()
    adopted = await after.deliver(make_check("a"), make_check("b"))
    assert (adopted.wrote, adopted.revision, adopted.edited) == (False, 2, ())
    assert (await after.deliver(make_check("a"))).revision == 3


async def test_a_worker_cannot_drive_revisions_to_where_no_plan_is_taken_any_more(
    stage: Stage, cluster: Cluster
) -> None:
    leader = Leader(stage, cluster)
    await leader.deliver(make_check("a"))
    outcome = await leader.deliver(make_check("b"), live_revision=MAX_REVISION)
    assert outcome.revision == 2
    assert header(stage)["revision"] == 2


async def test_a_leader_that_was_replaced_without_knowing_it_is_turned_away(
    stage: Stage, cluster: Cluster
) -> None:
    stale, leader = Leader(stage, cluster), Leader(stage, cluster)
    await stale.deliver(make_check("a"))
    leader.learn()
    await leader.deliver(make_check("a"), make_check("b"))
    written = held(stage)
    with pytest.raises(OvertakenError):
        await stale.deliver(make_check("c"))
    assert held(stage) == written


async def test_two_that_both_think_there_is_no_plan_yet_do_not_overwrite_each_other(
    stage: Stage, cluster: Cluster
) -> None:
    one, other = Leader(stage, cluster), Leader(stage, cluster)
    await one.deliver(make_check("a"))
    written = held(stage)
    with pytest.raises(OvertakenError):
        await other.deliver(make_check("b"))
    assert held(stage) == written
    # It has learned from that, should it be the one who leads.
    assert (await other.deliver(make_check("b"))).revision == 2


async def test_a_plan_goes_above_what_a_worker_probes_by_when_etcd_was_restored(
    stage: Stage, cluster: Cluster
) -> None:
    leader = Leader(stage, cluster)
    await leader.deliver(make_check("a"))
    outcome = await leader.deliver(make_check("a"), live_revision=41)
    assert (outcome.wrote, outcome.revision) == (True, 42)


async def test_a_revision_that_somebody_wiped_out_is_gone_above_by_a_leader_that_has_not_heard_of_it(
    stage: Stage, cluster: Cluster
) -> None:
    leader = Leader(stage, cluster)
    for name in "abcd":
        await leader.deliver(make_check(name))
    spoiled = {"data": {"plan.json": base64.b64encode(b"{}").decode()}}
    stage.admin.patch(stage.path("secrets", f"{stage.base}-0-plan"), spoiled)
    other = Leader(stage, cluster)
    other.learn()
    outcome = await other.deliver(make_check("d"))
    assert outcome.wrote
    assert outcome.revision > 4
    assert outcome.edited == (f"{stage.base}-0-plan",)


async def test_a_big_plan_is_split_over_secrets_and_joined_again_when_it_shrinks(
    stage: Stage, cluster: Cluster
) -> None:
    leader = Leader(stage, cluster)
    await leader.deliver(*(big_check(name) for name in "abc"))
    base = f"{stage.base}-0-plan"
    assert stage.names("secrets") == [base, f"{base}-1", f"{base}-2"]
    assert header(stage)["parts"] == 3
    await leader.deliver(make_check("a"))
    assert stage.names("secrets") == [base]


async def test_of_a_big_plan_only_the_secrets_that_changed_are_written(
    stage: Stage, cluster: Cluster
) -> None:
    leader = Leader(stage, cluster)
    checks = [big_check(name) for name in "abc"]
    await leader.deliver(*checks)
    before = stage.admin.get(stage.path("secrets"))["items"]
    payload = [{name: value for name, value in one["data"].items() if name != "plan.json"} for one in before]
    await leader.deliver(*checks, live_revision=7)
    after = stage.admin.get(stage.path("secrets"))["items"]
    assert payload == [
        {name: value for name, value in one["data"].items() if name != "plan.json"} for one in after
    ]
    versions = [one["metadata"]["resourceVersion"] for one in before]
    assert [one["metadata"]["resourceVersion"] for one in after][1:] == versions[1:]


async def test_a_plan_that_no_worker_can_hold_says_what_to_do(stage: Stage, cluster: Cluster) -> None:
    leader = Leader(stage, cluster)
    with pytest.raises(PlanTooLargeError, match="give the pool more workers"):
        await leader.deliver(*(big_check(f"check-{number}") for number in range(14)))
    assert stage.names("secrets") == []


async def test_a_secret_that_somebody_made_immutable_is_made_again(stage: Stage, cluster: Cluster) -> None:
    leader = Leader(stage, cluster)
    await leader.deliver(make_check("a"))
    stage.admin.patch(stage.path("secrets", f"{stage.base}-0-plan"), {"immutable": True})
    leader.learn()
    with pytest.raises(OvertakenError):
        await leader.deliver(make_check("b"))
    await leader.deliver(make_check("b"))
    assert not held(stage).get("immutable")
    assert header(stage)["revision"] == 2


async def test_a_rush_of_changes_is_few_writes(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        await eventually(lambda: held(stage), "the plan")
        writes = running.metrics.plan_writes.labels(stage.pool)
        before = writes._value.get()
        for number in range(200):
            running.probe(f"check-{number}")
        await eventually(
            lambda: sum(block.get("checks", 0) for block in header(stage).get("blocks", [])) == 200,
            "all of it to be written",
        )
        assert writes._value.get() - before <= 2


async def test_a_plan_that_was_edited_by_hand_is_put_right_and_that_is_said(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        running.probe("front-page")
        await eventually(lambda: held(stage) and header(stage).get("blocks"), "the plan")
        right = header(stage)
        name = f"{stage.base}-0-plan"
        stage.admin.patch(stage.path("secrets", name), {"data": {"part-000": "AAAA", "mine": "AAAA"}})
        await eventually(lambda: "mine" not in held(stage)["data"], "the edit to be undone")
        again = header(stage)
        assert again["digest"] == right["digest"]
        assert again["revision"] > right["revision"]
        await eventually(lambda: events(stage), "an Event about it")
        (event,) = events(stage)
        assert (event["type"], event["reason"]) == ("Warning", "PlanEdited")
        assert name in event["note"]
        assert "change Checks and the ProbePool instead" in event["note"]


def events(stage: Stage) -> list[dict[str, Any]]:
    found = stage.admin.get("/apis/events.k8s.io/v1/namespaces/default/events")["items"]
    return [event for event in found if event["regarding"].get("name") == stage.pool]


async def test_a_plan_that_was_edited_while_nobody_led_is_put_right_too(stage: Stage) -> None:
    stage.create()
    async with fleet_on(stage) as running:
        running.probe("front-page")
        async with running.leading():
            await eventually(lambda: held(stage) and header(stage).get("blocks"), "the plan")
        stage.admin.patch(stage.path("secrets", f"{stage.base}-0-plan"), {"data": {"part-000": "AAAA"}})
        async with running.leading():
            await eventually(lambda: held(stage)["data"]["part-000"] != "AAAA", "the edit to be undone")
            await eventually(lambda: events(stage), "an Event about it")


async def test_followers_write_nothing(stage: Stage) -> None:
    stage.create()
    async with fleet_on(stage) as running:
        running.probe("front-page")
        await eventually(lambda: running.pools.get(stage.pool), "the pool to be seen")
        assert stage.made() == []
        async with running.leading():
            await eventually(lambda: held(stage), "the plan")
