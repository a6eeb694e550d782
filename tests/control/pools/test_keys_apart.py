"""Each worker has keys of its own, and they open nothing of its neighbours': with real processes."""

import json

import httpx

from pollwatch.control.links import feed_client
from pollwatch.control.plan_push import PushOutcome, push_plan
from pollwatch.control.pools.keys import ROTATED
from pollwatch.worker.keys import Keys, authorization
from tests.cluster.processes.local_node import LocalNode
from tests.control.pools.bench import Stage, eventually, leading_fleet
from tests.support.plan_folders import encode

LONG_AGO = "2016-11-08T00:00:00Z"


def is_live(stage: Stage) -> bool:
    """Whether all workers run, and probe by their newest plans."""
    return (stage.reason("Ready"), stage.reason("Delivered")) == ("Ready", "Delivered")


def mounted_keys(node: LocalNode, pod: str) -> Keys:
    """What a worker has been given, as whoever took it over would read it."""
    return Keys.parse((node.pod(pod).volume("pollwatch-plan") / "keys.json").read_bytes())


async def read_feed(client: httpx.AsyncClient, url: str, keys: Keys) -> int:
    answer = await client.get(f"{url}/feed", headers=authorization(keys.feed_tokens[0]))
    return answer.status_code


async def test_a_worker_lets_nobody_in_who_has_the_keys_of_its_neighbour(
    stage: Stage, node: LocalNode
) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage):
        await eventually(lambda: is_live(stage), "both workers to run by their plans")
    pods = [f"{stage.base}-{shard}-0" for shard in range(2)]
    theirs, own = (mounted_keys(node, pod) for pod in pods)
    url, plan = node.pod(pods[1]).url, encode(pool=stage.pool, worker=f"{stage.pool}-1")
    async with feed_client() as client:
        assert await read_feed(client, url, theirs) == httpx.codes.UNAUTHORIZED
        for token, plan_key in (
            (theirs.feed_tokens[0], theirs.plan_keys[0]),
            (own.feed_tokens[0], theirs.plan_keys[0]),
            (theirs.feed_tokens[0], own.plan_keys[0]),
        ):
            pushed = await push_plan(client, url, plan, 1000, token=token, plan_key=plan_key)
            assert pushed.outcome is PushOutcome.UNAUTHORIZED
        assert await read_feed(client, url, own) == httpx.codes.OK
        pushed = await push_plan(client, url, plan, 1000, token=own.feed_tokens[0], plan_key=own.plan_keys[0])
        assert pushed.outcome is PushOutcome.LIVE


async def test_keys_are_exchanged_worker_by_worker_and_none_is_out_of_reach_meanwhile(
    stage: Stage, node: LocalNode
) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage) as running:
        await eventually(lambda: is_live(stage), "both workers to run by their plans")
        pods = [f"{stage.base}-{shard}-0" for shard in range(2)]
        before = [mounted_keys(node, pod) for pod in pods]
        node.sync_volumes_after(None)
        for shard in range(2):
            make_old(stage, shard)
        exchanged = await eventually(lambda: newest_keys(stage, before), "new keys for both")
        assert len({keys.feed_tokens[0] for keys in exchanged}) == 2
        assert len({keys.plan_keys[0] for keys in exchanged}) == 2
        # The kubelet has not brought them: the plan must reach the worker under those before.
        running.probe("front-page")
        await eventually(
            lambda: (
                [worker["checks"] for worker in stage.status()["workers"]] in ([0, 1], [1, 0])
                and stage.reason("Delivered") == "Delivered"
            ),
            "the plan to be live",
        )
        assert [mounted_keys(node, pod) for pod in pods] == before


def make_old(stage: Stage, shard: int) -> None:
    """Have the keys of a worker be due for exchange."""
    stage.admin.patch(
        stage.path("secrets", f"{stage.base}-{shard}-keys"),
        {"metadata": {"annotations": {ROTATED: LONG_AGO}}},
    )


async def test_keys_are_not_exchanged_again_before_the_worker_has_those_of_the_last_time(
    stage: Stage, node: LocalNode
) -> None:
    stage.create()
    async with leading_fleet(stage):
        await eventually(lambda: is_live(stage), "the worker to run by its plan")
        mounted = mounted_keys(node, f"{stage.base}-0-0")
        node.sync_volumes_after(None)
        make_old(stage, 0)
        await eventually(lambda: stage.keys(0).feed_tokens[1:] == mounted.feed_tokens, "new keys")
    exchanged = stage.keys(0)
    # Another one leads, by whose clock it is time again: that of the one before was days ahead.
    make_old(stage, 0)
    async with leading_fleet(stage) as running:
        running.probe("front-page")
        await eventually(
            lambda: [worker["checks"] for worker in stage.status()["workers"]] == [1] and is_live(stage),
            "the plan to be live",
        )
        assert stage.keys(0) == exchanged
        node.sync_volumes_after(0.0)
        await eventually(
            lambda: stage.keys(0).feed_tokens[1:] == exchanged.feed_tokens[:1], "new keys once they are there"
        )


def newest_keys(stage: Stage, before: list[Keys]) -> list[Keys]:
    """The keys of both Secrets, once each has a new one beside the one before."""
    found = [stage.keys(shard) for shard in range(2)]
    exchanged = all(
        new.feed_tokens[1:] == old.feed_tokens and new.plan_keys[1:] == old.plan_keys
        for new, old in zip(found, before, strict=True)
    )
    return found if exchanged else []


async def test_keys_that_are_deleted_or_spoiled_are_made_anew_and_those_of_others_stay(stage: Stage) -> None:
    stage.create(replicas=3)
    async with leading_fleet(stage):
        await eventually(lambda: len(stage.names("statefulsets")) == 3, "three workers")
        before = [stage.keys(shard) for shard in range(3)]
        stage.admin.delete(stage.path("secrets", f"{stage.base}-0-keys"))
        spoiled = {"data": {"keys.json": "bm90IEpTT04="}}
        stage.admin.patch(stage.path("secrets", f"{stage.base}-1-keys"), spoiled)

        def made_anew(shard: int) -> bool:
            held = stage.get("secrets", f"{stage.base}-{shard}-keys")
            return held is not None and held["data"] != spoiled["data"] and stage.keys(shard) != before[shard]

        await eventually(lambda: made_anew(0) and made_anew(1), "new keys for both")
        assert stage.keys(2) == before[2]


async def test_keys_that_cannot_be_put_right_keep_back_neither_plan_nor_worker(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        await eventually(lambda: len(stage.names("statefulsets")) == 1, "the worker")
        spoiled = {"data": {"keys.json": "bm90IEpTT04="}, "immutable": True}
        stage.admin.patch(stage.path("secrets", f"{stage.base}-0-keys"), spoiled)

        def plan() -> object:
            return (stage.get("secrets", f"{stage.base}-0-plan") or {})["data"]

        before = plan()
        await eventually(lambda: "immutable" in json.dumps(stage.status()), "the pool to say what is wrong")
        running.probe("front-page")
        await eventually(lambda: plan() != before, "the plan to be written")
        stage.change(replicas=2)
        await eventually(lambda: len(stage.names("statefulsets")) == 2, "another worker")
