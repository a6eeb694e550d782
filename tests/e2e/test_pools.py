"""Pools of workers, from the shipped manifests to what each side sees, on real kubelet and real RBAC."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.cluster.apiclient import ApiError
from tests.cluster.node.images import TREE
from tests.cluster.node.network import (
    API_SERVER_ADDRESS,
    API_SERVICE_ADDRESS,
    NODE_ADDRESS,
    POD_GATEWAY_ADDRESS,
)
from tests.cluster.waiting import wait_until
from tests.e2e.checks import check, status_of, wait_for_verdict
from tests.e2e.pools import (
    SYSTEM,
    delete_pool,
    in_worker,
    leader,
    owned_by,
    pool,
    status_of_pool,
    wait_for_condition,
    wait_for_pool,
)
from tests.e2e.website import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode

pytestmark = pytest.mark.usefixtures("_operators")

POOL = "east"
PODS = ("probepool-east-0-0", "probepool-east-1-0")
CHECKS = tuple(f"page-{number}" for number in range(6))
NAMESPACE = "shop"
SITES = 3
PLAN = "/etc/pollwatch/plan"


@pytest.fixture(scope="module")
def _operators(node: OneNode, kit: Kit) -> Iterator[None]:
    """Two operators, one of which leads."""
    node.kubectl("apply", "--server-side", "-f", str(TREE / "manifests" / "install-pools.yaml"))
    node.kubectl("rollout", "status", "deployment/pollwatch", f"--namespace={SYSTEM}", "--timeout=90s")
    yield
    listing = node.kubectl("get", "probepools,checks,leases", "--all-namespaces", "--output=yaml")
    (kit.folder / "pools.yaml").write_text(listing, encoding="utf-8")


@pytest.fixture(scope="module")
def site(node: OneNode, _operators: None) -> Site:
    """A site of three pods, and the pool of two workers that watches it by several Checks."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    node.admin.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    site = Site(node=node, namespace=NAMESPACE, replicas=SITES)
    site.start()
    node.admin.apply([pool(POOL, replicas=len(PODS), labels={"location": "halifax"})])
    node.admin.apply([check(name, site.url + name, pool=POOL) for name in CHECKS], namespace=NAMESPACE)
    for name in CHECKS:
        wait_for_verdict(node, NAMESPACE, name, "Up", f"{SITES}/{SITES}")
    return site


@pytest.fixture
def spare(node: OneNode) -> Iterator[str]:
    """The name of a pool that is gone after the test."""
    yield "spare"
    delete_pool(node, "spare")


def _pod(node: OneNode, name: str) -> dict[str, str]:
    """Uid, address and readiness of a worker's pod; empty while it is not there."""
    try:
        found = node.admin.get(f"/api/v1/namespaces/{SYSTEM}/pods/{name}")
    except ApiError:
        return {}
    conditions = {each["type"]: each["status"] for each in found["status"].get("conditions", [])}
    return {
        "uid": found["metadata"]["uid"],
        "address": found["status"].get("podIP", ""),
        "ready": conditions.get("Ready", "False"),
    }


def _told(node: OneNode, name: str) -> list[tuple[str, str]]:
    """The transitions that Events of a Check tell: what it was before, and what it is."""
    path = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    events = node.admin.get(path, fieldSelector=f"regarding.name={name}")["items"]
    notes = [re.match(r"(\w+) \(was (\w+)\)", each["note"]) for each in events]
    return [(found[2], found[1]) for found in notes if found]


def _balanced(transitions: list[tuple[str, str]]) -> bool:
    """Whether each verdict was come to as often as it was left."""
    return Counter(old for old, _ in transitions) == Counter(new for _, new in transitions)


def _wait_until_probed(site: Site) -> None:
    """Return when every Check was probed again and again, as the site itself has counted."""
    begin = site.asked(0)
    wait_until(
        lambda: all((site.asked(0) - begin)[f"/{name}"] >= 2 for name in CHECKS),
        what="every Check to be probed",
        within_seconds=90,
    )


def _evict(node: OneNode, pod: str) -> None:
    """Ask for what `kubectl drain` asks for."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SYSTEM}}
    node.admin.post(f"/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction", eviction)


@pytest.mark.usefixtures("site")
def test_workers_run_where_pods_are_restricted_and_hold_no_credentials(node: OneNode) -> None:
    namespace = node.admin.get(f"/api/v1/namespaces/{SYSTEM}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    wait_for_pool(node, POOL, "Ready", "Ready")

    for pod in PODS:
        assert _pod(node, pod)["ready"] == "True"
        assert in_worker(node, pod, "sh", "-c", "ls /var/run/secrets 2>/dev/null | wc -l").strip() == "0"
        assert (
            in_worker(node, pod, "sh", "-c", "touch /tmp/file 2>&1 || true")
            .strip()
            .endswith("Read-only file system")
        )


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("shard", range(len(PODS)))
def test_a_worker_has_the_plan_of_its_shard_from_a_volume_that_the_kubelet_mounts(
    node: OneNode, shard: int
) -> None:
    secret = node.admin.get(f"/api/v1/namespaces/{SYSTEM}/secrets/probepool-{POOL}-{shard}-plan")
    header = json.loads(base64.b64decode(secret["data"]["plan.json"]))

    read = partial(in_worker, node, PODS[shard], "cat", f"{PLAN}/plan.json")
    wait_until(lambda: json.loads(read()) == header, what="the Secret's plan in the volume")

    assert header["worker"] == f"{POOL}-{shard}"
    assert in_worker(node, PODS[shard], "ls", PLAN).split() == ["keys.json", "part-000", "plan.json"]


@pytest.mark.usefixtures("site")
def test_kubectl_shows_checks_and_pools_to_who_is_on_call(node: OneNode) -> None:
    wait_for_pool(node, POOL, "Delivered", "Delivered")
    wait_until(
        lambda: status_of_pool(node, POOL).get("targets") == SITES * len(CHECKS),
        what="the numbers of the pool",
        within_seconds=90,
    )

    checks = node.kubectl("get", "checks", "--all-namespaces", "--no-headers").splitlines()
    pools = node.kubectl("get", "probepools", POOL, "--no-headers").split()

    assert [line.split()[:4] for line in checks] == [
        [NAMESPACE, name, "Up", f"{SITES}/{SITES}"] for name in CHECKS
    ]
    assert pools[:5] == [POOL, "True", f"{len(PODS)}/{len(PODS)}", str(len(CHECKS)), str(SITES * len(CHECKS))]


@pytest.mark.usefixtures("site")
def test_series_say_from_which_pool_and_place_they_are(node: OneNode) -> None:
    texts = [
        httpx.get(f"http://{_pod(node, pod)['address']}:9877/metrics", trust_env=False).text for pod in PODS
    ]

    series = [line for text in texts for line in text.splitlines() if line.startswith("probe_success{")]
    assert len(series) == SITES * len(CHECKS)
    assert all('pool="east"' in line and 'location="halifax"' in line for line in series)
    # Both have a share.
    assert all("probe_success{" in text for text in texts)


@pytest.mark.usefixtures("site")
def test_a_pool_has_a_service_a_disruption_budget_and_a_network_policy(node: OneNode) -> None:
    found = owned_by(node, POOL)

    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        assert f"{kind}/probepool-{POOL}" in found
    for shard in range(len(PODS)):
        assert f"StatefulSet/probepool-{POOL}-{shard}" in found
    budget = node.admin.get(f"/apis/policy/v1/namespaces/{SYSTEM}/poddisruptionbudgets/probepool-{POOL}")
    assert budget["status"]["currentHealthy"] == len(PODS)


def test_one_backend_that_fails_makes_its_checks_degraded_until_it_is_mended(
    node: OneNode, site: Site
) -> None:
    site.answer(1, 500)
    for name in CHECKS:
        status = wait_for_verdict(node, NAMESPACE, name, "Degraded", f"{SITES - 1}/{SITES}")
        assert (status["reason"], status["address"]) == ("UnexpectedStatus", site.address(1))

    site.answer(1, 200)

    for name in CHECKS:
        wait_for_verdict(node, NAMESPACE, name, "Up", f"{SITES}/{SITES}")


def test_a_worker_that_is_killed_probes_again_by_the_plan_in_its_volume(node: OneNode, site: Site) -> None:
    uid = _pod(node, PODS[0])["uid"]

    node.kubectl("delete", "pod", PODS[0], f"--namespace={SYSTEM}", "--grace-period=0", "--force")

    wait_until(lambda: _pod(node, PODS[0]).get("uid", uid) != uid, what="another pod of the worker")
    _wait_until_probed(site)
    wait_for_pool(node, POOL, "Ready", "Ready")
    site.answer(2, 500)
    for name in CHECKS:
        wait_for_verdict(node, NAMESPACE, name, "Degraded", f"{SITES - 1}/{SITES}")
    site.answer(2, 200)
    for name in CHECKS:
        wait_for_verdict(node, NAMESPACE, name, "Up", f"{SITES}/{SITES}")


def test_another_operator_leads_when_the_leader_is_deleted_and_each_transition_is_told_once(
    node: OneNode, site: Site
) -> None:
    first = leader(node)
    assert first
    workers = [_pod(node, pod)["uid"] for pod in PODS]
    node.admin.apply([check("later", site.url, pool=POOL)], namespace=NAMESPACE)
    wait_for_verdict(node, NAMESPACE, "later", "Up", f"{SITES}/{SITES}")

    site.answer(0, 503)
    node.kubectl("delete", "pod", first, f"--namespace={SYSTEM}", "--wait=false")

    wait_until(lambda: leader(node) not in {"", first}, what="another leader", within_seconds=60)
    wait_for_verdict(node, NAMESPACE, "later", "Degraded", f"{SITES - 1}/{SITES}")
    site.answer(0, 200)
    wait_for_verdict(node, NAMESPACE, "later", "Up", f"{SITES}/{SITES}")
    # From Up to Up, it has come to each verdict as often as it has left it: were a transition lost or
    # told twice, it would not be so.
    wait_until(lambda: _balanced(_told(node, "later")), what="an Event of each transition", within_seconds=60)
    assert ("Up", "Degraded") in _told(node, "later")
    assert [_pod(node, pod)["uid"] for pod in PODS] == workers
    node.kubectl("delete", "check", "later", f"--namespace={NAMESPACE}")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("url", "condition"),
    [
        # The Service `kubernetes` and what is behind it: the operator knows that before anything is probed.
        (f"https://{API_SERVICE_ADDRESS}/healthz", "Accepted"),
        (f"https://{API_SERVER_ADDRESS}:6443/healthz", "Accepted"),
        # By its name, and the kubelet, whose address the downward API tells: known when it is dialled.
        ("https://kubernetes.default.svc.cluster.local/healthz", "Ready"),
        (f"https://{NODE_ADDRESS}:10250/healthz", "Ready"),
        # The same kubelet, where pods have their default gateway: their routes tell that.
        (f"https://{POD_GATEWAY_ADDRESS}:10250/healthz", "Ready"),
    ],
)
def test_workers_reach_neither_the_api_server_nor_their_node(
    node: OneNode, url: str, condition: str, namespace: str
) -> None:
    node.admin.apply([check("inside", url, pool=POOL)], namespace=namespace)

    path = f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks/inside"
    denied = wait_for_condition(node, path, condition, "EgressDenied")

    assert denied["status"] == "False"
    assert status_of(node, namespace, "inside")["verdict"] == "Unknown"


def test_a_plan_that_is_edited_by_hand_is_put_right_and_probing_goes_on(node: OneNode, site: Site) -> None:
    path = f"/api/v1/namespaces/{SYSTEM}/secrets/probepool-{POOL}-0-plan"
    before = node.admin.get(path)["data"]["part-000"]

    node.admin.patch(path, {"data": {"part-000": base64.b64encode(b"not a plan").decode()}})

    wait_until(lambda: node.admin.get(path)["data"]["part-000"] == before, what="the plan to be put right")
    _wait_until_probed(site)
    wait_for_pool(node, POOL, "Delivered", "Delivered")
    assert all(status_of(node, NAMESPACE, name)["verdict"] == "Up" for name in CHECKS)


def test_a_pool_whose_image_cannot_be_had_says_so_and_runs_when_it_is_mended(
    node: OneNode, spare: str
) -> None:
    image = "localhost/not-there:1"
    node.admin.apply([pool(spare, template={"image": image, "imagePullPolicy": "Never"})])
    assert image in wait_for_pool(node, spare, "Ready", "ImageUnavailable")["message"]

    node.admin.apply([pool(spare)])

    wait_for_pool(node, spare, "Ready", "Ready")


def test_a_pool_that_no_node_can_run_says_so_and_runs_when_it_is_mended(node: OneNode, spare: str) -> None:
    node.admin.apply([pool(spare, template={"nodeSelector": {"example.com/place": "the-moon"}})])
    assert "node" in wait_for_pool(node, spare, "Ready", "Unschedulable")["message"]

    node.admin.apply([pool(spare)])

    wait_for_pool(node, spare, "Ready", "Ready")


@pytest.mark.usefixtures("site")
def test_a_node_is_drained_one_worker_at_a_time(node: OneNode) -> None:
    wait_for_pool(node, POOL, "Ready", "Ready")
    before = [_pod(node, pod)["uid"] for pod in PODS]
    _evict(node, PODS[0])

    with pytest.raises(ApiError, match="disruption budget"):
        _evict(node, PODS[1])

    wait_until(
        lambda: _pod(node, PODS[0]).get("uid", before[0]) != before[0], what="another pod of the worker"
    )
    wait_for_pool(node, POOL, "Ready", "Ready")
    assert _pod(node, PODS[1])["uid"] == before[1]


@pytest.mark.usefixtures("site")
def test_a_pool_that_is_deleted_leaves_nothing_and_its_checks_keep_what_was_known(node: OneNode) -> None:
    name = CHECKS[0]
    before = status_of(node, NAMESPACE, name)

    delete_pool(node, POOL)

    path = f"/apis/pollwatch.dev/v1alpha1/namespaces/{NAMESPACE}/checks/{name}"
    condition = wait_for_condition(node, path, "Accepted", "PoolNotFound")
    assert (condition["status"], POOL in condition["message"]) == ("False", True)
    after = status_of(node, NAMESPACE, name)
    kept = ("verdict", "targets", "lastTransitionTime")
    assert {field: after[field] for field in kept} == {field: before[field] for field in kept}
