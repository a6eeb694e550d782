"""What is wrong is one clear condition on the object that a person looks at first, with what to do."""

import json
from pathlib import Path

from cryptography.fernet import Fernet

from tests.cluster.processes.local_node import LocalNode
from tests.cluster.waiting import wait_until
from tests.control.conftest import EXAMPLE_HOST, Checks, StartOperator
from tests.control.pool_stage import WORKER_IMAGE, Pools, worker_image
from tests.support.counting_site import CountingSite

STRANGE = "a-feed-token-of-somebody-else"


def test_a_pool_that_no_node_can_take_is_unschedulable_and_so_say_its_checks_until_it_is_mended(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east", template={"nodeSelector": {"disk": "of-gold"}})
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    condition = pools.wait_reason("east", "Ready", "Unschedulable")
    assert condition["status"] == "False"
    assert "didn't match Pod's node affinity/selector" in condition["message"]
    assert "east" in checks.wait_reason("front-page", "Ready", "PoolNotReady")["message"]
    assert checks.condition("front-page", "Accepted")["status"] == "True"
    pools.change("east", template=None)
    pools.wait_ready("east")
    checks.wait_verdict("front-page", "Up")


def test_an_image_that_is_not_there_is_said_with_its_name(
    start_pooled: StartOperator, pools: Pools, node: LocalNode
) -> None:
    pools.create("east", template={"image": "registry.example/pollwatch:typo"})
    start_pooled()
    condition = pools.wait_reason("east", "Ready", "ImageUnavailable")
    assert "registry.example/pollwatch:typo" in condition["message"]
    pools.change("east", template={"image": WORKER_IMAGE})
    pools.wait_ready("east")
    assert set(node.pods()) == {"probepool-east-0-0"}


def test_an_image_that_does_not_start_is_said_with_where_to_look(
    start_pooled: StartOperator, pools: Pools, node: LocalNode, tmp_path: Path
) -> None:
    broken = worker_image(tmp_path / "broken")
    (broken / "pollwatch").write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    node.set_image("broken:1", broken)
    pools.create("east", template={"image": "broken:1"})
    start_pooled()
    condition = pools.wait_reason("east", "Ready", "WorkersFailing")
    assert "probepool-east-0-0" in condition["message"]


def test_a_pool_that_admits_no_namespace_says_so_and_a_check_says_that_it_is_not_admitted(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east", allowedNamespaces={"matchLabels": {"pollwatch.example/tenant": "nobody"}})
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    assert pools.wait_reason("east", "Accepted", "NoNamespaceAdmitted")["status"] == "False"
    condition = checks.wait_reason("front-page", "Accepted", "NamespaceNotAdmitted")
    assert "east" in condition["message"]
    assert not counted.times("/")
    pools.change("east", allowedNamespaces=None)
    checks.wait_verdict("front-page", "Up")
    assert pools.condition("east", "Accepted")["status"] == "True"


def test_a_check_that_names_no_pool_there_is_says_so_until_there_is_one(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    checks.create("front-page", pool="nowhere", http={"url": counted.url("/")})
    start_pooled()
    assert "nowhere" in checks.wait_reason("front-page", "Accepted", "PoolNotFound")["message"]
    pools.create("nowhere")
    checks.wait_verdict("front-page", "Up")


def test_a_target_that_the_pool_may_not_reach_is_refused_on_the_check_and_never_connected_to(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east", egress={"default": "Allow"})
    checks.create("literal", pool="east", http={"url": counted.url("/literal")})
    checks.create("named", pool="east", http={"url": f"http://{EXAMPLE_HOST}:{counted.port}/named"})
    start_pooled()
    condition = checks.wait_reason("literal", "Accepted", "EgressDenied")
    assert "127.0.0.1" in condition["message"]
    named = checks.wait_reason("named", "Ready", "EgressDenied")
    assert named["status"] == "False"
    assert checks.verdict("named") == "Unknown"
    assert not counted.hits()


def test_a_plan_secret_that_is_edited_by_hand_is_refused_said_and_repaired(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    name = "probepool-east-0-plan"
    before = pools.secret(name)
    document = json.loads(before["plan.json"])
    pools.spoil_secret(name, **{"plan.json": json.dumps(document | {"digest": "0" * 64}).encode()})

    def repaired() -> bool:
        return bool(json.loads(pools.secret(name)["plan.json"])["digest"] == document["digest"])

    wait_until(repaired, what="the Secret to be repaired")
    pools.wait_reason("east", "Delivered", "Delivered")
    wait_until(
        lambda: f"Secret {name} was edited by hand" in pools.condition("east", "Delivered")["message"],
        what="the pool to say so",
    )
    probes = len(counted.times("/"))
    wait_until(lambda: len(counted.times("/")) > probes + 3, what="more probes")
    assert checks.verdict("front-page") == "Up"
    assert node.pod("probepool-east-0-0").restarts == 0


def test_a_plan_that_was_wiped_out_while_no_operator_ran_is_whole_again_in_its_worker_too(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    operator = start_pooled()
    for number in range(3):
        checks.create(f"check-{number}", pool="east", http={"url": counted.url(f"/{number}")})
        checks.wait_verdict(f"check-{number}", "Up")
    pools.wait_ready("east")
    operator.stop()
    pools.spoil_secret("probepool-east-0-plan", **{"plan.json": b"{}"})
    checks.change("check-0", http={"url": counted.url("/changed")})
    start_pooled()
    wait_until(lambda: counted.times("/changed"), what="the change to be live", within_seconds=60)
    pools.wait_reason("east", "Delivered", "Delivered")
    assert node.pod("probepool-east-0-0").restarts == 0


def test_a_mounted_plan_that_is_damaged_is_refused_and_the_last_good_one_runs_on(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    pod = "probepool-east-0-0"
    node.damage(pod, "pollwatch-plan", lambda files: files | {"plan.json": files["plan.json"][:-9]})
    condition = pools.wait_reason("east", "Delivered", "PlanRefused")
    assert "east-0" in condition["message"]
    assert pools.status("east")["workers"][0]["problem"]
    probes = len(counted.times("/"))
    wait_until(lambda: len(counted.times("/")) > probes + 3, what="probes by the last good plan")
    node.sync_volumes()
    pools.wait_reason("east", "Delivered", "Delivered")


def test_keys_that_a_worker_does_not_know_are_a_token_mismatch_until_it_has_them(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    strange = json.dumps({"feed": [STRANGE], "plan": [Fernet.generate_key().decode()]}).encode()
    node.damage("probepool-east-0-0", "pollwatch-plan", lambda files: files | {"keys.json": strange})
    condition = pools.wait_reason("east", "Delivered", "TokenMismatch")
    assert "east-0" in condition["message"]
    assert STRANGE not in json.dumps(pools.get("east"))
    node.sync_volumes()
    pools.wait_reason("east", "Delivered", "Delivered")
    counted.answer(500, "/")
    checks.wait_verdict("front-page", "Down")


def test_a_deleted_object_of_a_pool_is_made_again(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    everything = set(pools.made("east"))
    for name in (
        "services/probepool-east",
        "networkpolicies/probepool-east",
        "statefulsets/probepool-east-0",
    ):
        pools.delete_made(name)
        wait_until(lambda: set(pools.made("east")) == everything, what=f"{name} to be made again")
    pools.wait_ready("east")
    counted.answer(500, "/")
    checks.wait_verdict("front-page", "Down")
