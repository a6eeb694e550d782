"""What is made of a pool stays as it must be, changes shard by shard, and goes with the pool."""

import random
from typing import Any

from pollwatch.control.pools.workloads import SPEC_DIGEST
from pollwatch.plan.checks import HttpProbe
from tests.control.pool_stage import POOLS
from tests.control.pools.bench import Stage, eventually, fleet_on, labelled, leading_fleet


def image(stage: Stage, shard: int) -> str:
    found = stage.get("statefulsets", f"{stage.base}-{shard}") or {}
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


async def all_made(stage: Stage, workers: int) -> None:
    await eventually(lambda: len(stage.names("statefulsets")) == workers, f"{workers} StatefulSets")
    await eventually(lambda: stage.reason("Ready"), "a status")


async def test_what_somebody_deletes_or_changes_is_made_again_as_it_was(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage):
        await all_made(stage, 1)
        made = stage.made()
        stage.admin.delete(stage.path("services", stage.base))
        stage.admin.delete(stage.path("secrets", f"{stage.base}-0-plan"))
        stage.admin.delete(stage.path("secrets", f"{stage.base}-0-keys"))
        stage.admin.patch(stage.path("statefulsets", f"{stage.base}-0"), {"spec": {"replicas": 0}})
        stage.admin.patch(
            stage.path("networkpolicies", stage.base), {"spec": {"policyTypes": ["Ingress"], "egress": []}}
        )
        await eventually(lambda: stage.made() == made, "all objects to be there again")
        await eventually(
            lambda: (stage.get("statefulsets", f"{stage.base}-0") or {})["spec"]["replicas"] == 1,
            "the worker to be wanted again",
        )
        await eventually(
            lambda: "Egress" in (stage.get("networkpolicies", stage.base) or {})["spec"]["policyTypes"],
            "the fence to be up again",
        )


async def test_what_the_user_adds_stays(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage):
        await all_made(stage, 1)
        path = stage.path("services", stage.base)
        stage.admin.patch(path, {"metadata": {"annotations": {"example.org/scrape": "yes"}}})
        stage.change(template={"labels": {"team": "platform"}})
        await eventually(
            lambda: (
                "team"
                in (stage.get("statefulsets", f"{stage.base}-0") or {})["spec"]["template"]["metadata"][
                    "labels"
                ]
            ),
            "the change of the template",
        )
        assert stage.admin.get(path)["metadata"]["annotations"] == {"example.org/scrape": "yes"}


async def test_nothing_is_written_while_nothing_changes(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        await all_made(stage, 1)
        stage.play_stateful_sets()
        # There are no pods here: in the end the status says so.
        await eventually(lambda: stage.reason("Delivered") == "Pending", "the plan to be missed")

        def versions() -> list[str]:
            return [
                (stage.get(*one.split("/")) or {})["metadata"]["resourceVersion"] for one in stage.made()
            ] + [stage.admin.get(f"{POOLS}/{stage.pool}")["metadata"]["resourceVersion"]]

        settled: list[str] = []

        def is_settled() -> bool:
            nonlocal settled
            before, settled = settled, versions()
            return before == settled

        await eventually(is_settled, "writes to end")
        for _ in range(3):
            await running.resync()
            running.fleet._stir(stage.pool)
            await eventually(lambda: not running.fleet._moved, "the pool to be looked at")
        assert versions() == settled


async def test_a_new_template_goes_from_shard_to_shard_as_each_is_ready(stage: Stage) -> None:
    stage.create(replicas=3)
    async with leading_fleet(stage):
        await all_made(stage, 3)
        stage.play_stateful_sets()
        await eventually(lambda: stage.reason("Ready") != "Scaling" or stage.status(), "the workers to run")
        stage.change(template={"image": "pollwatch:next"})
        await eventually(lambda: changed(stage) == 1, "the first worker to be changed")
        (first,) = [shard for shard in range(3) if image(stage, shard) == "pollwatch:next"]
        stage.play_stateful_set(f"{stage.base}-{first}", ready=0)
        stage.admin.patch(f"{POOLS}/{stage.pool}", {"metadata": {"annotations": {"example.org/x": "y"}}})
        assert changed(stage) == 1
        stage.play_stateful_set(f"{stage.base}-{first}")
        await eventually(lambda: changed(stage) == 2, "the second worker to be changed")
        stage.play_stateful_sets()
        await eventually(lambda: changed(stage) == 3, "the third worker to be changed")


def changed(stage: Stage) -> int:
    return sum(image(stage, shard) == "pollwatch:next" for shard in range(3))


async def test_a_template_that_does_not_start_is_mended_where_it_was_tried(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage):
        await all_made(stage, 2)
        stage.play_stateful_sets()
        stage.change(template={"image": "pollwatch:broken"})
        await eventually(
            lambda: "pollwatch:broken" in {image(stage, 0), image(stage, 1)}, "the first to be changed"
        )
        broken = 0 if image(stage, 0) == "pollwatch:broken" else 1
        stage.play_stateful_set(f"{stage.base}-{broken}", ready=0)
        stage.change(template={"image": "pollwatch:mended"})
        await eventually(lambda: image(stage, broken) == "pollwatch:mended", "it to be mended")
        assert image(stage, 1 - broken) == "pollwatch:test"


async def test_a_pool_that_is_deleted_leaves_nothing(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage) as running:
        running.probe("front-page")
        await all_made(stage, 2)
        stage.delete()
        await eventually(lambda: stage.made() == [], "all of it to be gone")


async def test_a_pool_that_was_deleted_while_no_operator_ran_leaves_nothing(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage):
        await all_made(stage, 2)
    stage.delete()
    async with leading_fleet(stage):
        await eventually(lambda: stage.made() == [], "all of it to be gone")


async def test_an_operator_that_has_not_heard_of_a_pool_does_not_delete_what_is_its(stage: Stage) -> None:
    stage.create()
    async with fleet_on(stage) as running:
        async with running.leading():
            await all_made(stage, 1)
        made = stage.made()
        held = running.pools.get(stage.pool)
        assert held is not None
        # As after a watch that fell behind: a deletion that never was.
        running.pools._pools.pop(stage.pool)
        async with running.leading():
            await eventually(lambda: running.pools.get(stage.pool), "the API server to be asked")
            assert stage.made() == made


async def test_a_pool_made_again_under_its_name_owns_what_is_made_of_it(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage):
        await all_made(stage, 1)
        stage.delete()
        uid = stage.create()["metadata"]["uid"]

        def owners() -> set[str]:
            found = [stage.get(*one.split("/")) or {} for one in stage.made()]
            return {owner["uid"] for one in found for owner in one["metadata"].get("ownerReferences", [])}

        await eventually(lambda: owners() == {uid}, "all to be the new one's")
        await all_made(stage, 1)


async def test_a_template_that_the_api_server_refuses_is_told_with_its_words(stage: Stage) -> None:
    bad: dict[str, Any] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    }
    stage.create(template={"affinity": bad})
    async with leading_fleet(stage):
        await eventually(lambda: stage.reason("Accepted") == "InvalidSpec", "the pool to be refused")
        condition = stage.condition("Accepted")
        assert condition["status"] == "False"
        assert "nodeSelectorTerms" in condition["message"]
        stage.change(template={"affinity": {"nodeAffinity": {"requiredDuringNothing": 1}}})
        await eventually(
            lambda: "requiredDuringNothing" in stage.condition("Accepted")["message"],
            "a field that there is not to be refused",
        )
        assert stage.reason("Accepted") == "InvalidSpec"
        stage.change(template={"affinity": None})
        await eventually(lambda: stage.reason("Accepted") == "Accepted", "the mended pool to be accepted")


async def test_a_selector_that_matches_no_namespace_is_told_and_ends_when_one_is_labelled(
    stage: Stage,
) -> None:
    stage.create(allowedNamespaces={"matchLabels": {"pool": stage.pool}})
    async with leading_fleet(stage):
        await eventually(
            lambda: stage.reason("Accepted") == "NoNamespaceAdmitted", "the selector to be questioned"
        )
        labelled(stage.control_plane, stage.namespace, {"pool": stage.pool})
        await eventually(lambda: stage.reason("Accepted") == "Accepted", "the pool to be accepted")


async def test_the_status_says_what_runs_and_what_is_asked_for(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage) as running:
        running.probe(*(f"check-{number}" for number in range(20)))

        def status() -> dict[str, Any]:
            found = stage.status()
            return found if found.get("checks") == 20 else {}

        found = await eventually(status, "the Checks to be counted")
        assert (found["summary"], found["replicas"], found["shards"]) == ("0/2", 2, 2)
        assert [worker["name"] for worker in found["workers"]] == [f"{stage.pool}-0", f"{stage.pool}-1"]
        assert sum(worker["checks"] for worker in found["workers"]) == 20
        assert {one["type"] for one in found["conditions"]} == {
            "Accepted",
            "Ready",
            "Delivered",
            "FeedIntact",
        }
        sets = [stage.get("statefulsets", name) or {} for name in stage.names("statefulsets")]
        assert all(SPEC_DIGEST in one["metadata"]["annotations"] for one in sets)


async def test_a_pool_sizes_itself_by_what_its_checks_cost_and_the_next_leader_goes_on_from_there(
    stage: Stage,
) -> None:
    stage.create(autosize={"targetUtilisationPercent": 10, "min": 1, "max": 3})
    names = [f"check-{number}" for number in range(500)]
    async with fleet_on(stage) as running:
        running.probe(*names, probe=HttpProbe(url="https://a.example/"), period=1.0)
        async with running.leading():
            await eventually(lambda: len(stage.names("statefulsets")) == 3, "three workers")
            await eventually(lambda: stage.status().get("summary") == "0/3", "the status to say so")
        running.drop(*names)
        async with running.leading():
            await eventually(lambda: stage.status().get("checks") == 0, "the next leader's status")
            # Nothing is to be probed, and that is no reason to take workers away at once.
            assert stage.status()["summary"] == "0/3"
            assert len(stage.names("statefulsets")) == 3


async def test_a_label_that_somebody_takes_away_is_put_back(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage):
        await all_made(stage, 1)
        without: dict[str, Any] = {"metadata": {"labels": {"pollwatch.dev/pool": None}}}
        objects = [f"services/{stage.base}", f"statefulsets/{stage.base}-0", f"secrets/{stage.base}-0-plan"]
        for one in objects:
            stage.admin.patch(stage.path(*one.split("/")), without)
        await eventually(
            lambda: all(
                (stage.get(*one.split("/")) or {})["metadata"]["labels"].get("pollwatch.dev/pool")
                == stage.pool
                for one in objects
            ),
            "all labels to be there again",
        )


async def test_a_plan_that_does_not_fit_is_told_with_what_to_do_until_it_fits(stage: Stage) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        running.probe("small")
        await all_made(stage, 1)
        big = [f"check-{number}" for number in range(14)]
        for name in big:
            body = random.Random(name).randbytes(600_000)  # noqa: S311 - nothing is secret here
            running.probe(name, probe=HttpProbe(url="http://a.example/", body=body))
        await eventually(lambda: stage.reason("Accepted") == "PlanTooLarge", "the plan to be refused")
        assert "give the pool more workers" in stage.condition("Accepted")["message"]
        assert stage.names("secrets") == [f"{stage.base}-0-keys", f"{stage.base}-0-plan"]
        running.drop(*big)
        await eventually(lambda: stage.reason("Accepted") == "Accepted", "the plan to fit again")
