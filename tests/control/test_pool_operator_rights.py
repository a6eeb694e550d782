"""With pools it works with exactly the rights of `manifests/rbac` and `manifests/rbac/pools`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.process import Program
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.waiting import wait_until
from tests.control.conftest import RBAC, Checks, StartOperator
from tests.control.operators import POLLWATCH, POOLED, RunningOperator, running_operator
from tests.control.pool_stage import Pools
from tests.support.counting_site import CountingSite


def wait_gone(pools: Pools, pool: str) -> None:
    """Wait until nothing is there that was made of a pool."""
    wait_until(lambda: not pools.made(pool), what=f"all of {pool} to be gone", within_seconds=60)


def live_a_life(pools: Pools, checks: Checks, site: CountingSite) -> None:
    """Have a pool made, changed, scaled, spoiled and deleted, with a Check in it."""
    pools.create("east", replicas=2)
    checks.create("front-page", pool="east", http={"url": site.url("/")})
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    pools.spoil_secret("probepool-east-0-plan", **{"plan.json": b"{}"})
    wait_until(
        lambda: pools.secret("probepool-east-0-plan")["plan.json"] != b"{}", what="the plan to be mended"
    )
    pools.delete_made("networkpolicies/probepool-east")
    wait_until(lambda: "networkpolicies/probepool-east" in pools.made("east"), what="the policy to be back")
    pools.change("east", replicas=1, template={"annotations": {"note": "another"}})
    pools.wait_workers("east", 1)
    pools.delete("east")
    checks.wait_reason("front-page", "Accepted", "PoolNotFound")
    wait_gone(pools, "east")


def refusals(operator: RunningOperator) -> dict[str, float]:
    """Requests that the API server forbade, by series."""
    return operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_it_never_uses_a_right_that_it_was_not_granted(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    operator = start_pooled("--resync-period=1")
    live_a_life(pools, checks, counted)

    assert refusals(operator) == {}


@pytest.fixture
def namespaced(cluster: ControlPlane, pool_rights: None, namespace: str) -> Iterator[Path]:
    """The kubeconfig of an operator that may serve one namespace, and run pools."""
    del pool_rights
    admin = cluster.admin
    subject = {"kind": "ServiceAccount", "name": "with-pools", "namespace": namespace}
    admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "with-pools"}})
    bindings = [one for one in documents_in(RBAC / "pools") if one["kind"].endswith("Binding")]
    for binding in bindings:
        binding["metadata"]["name"] += f"-{namespace}"
    in_namespace = documents_in(RBAC / "namespaced")
    for document in (*bindings, *in_namespace):
        if "subjects" in document:
            document["subjects"] = [subject]
    admin.apply(in_namespace, namespace=namespace)
    admin.apply(bindings)
    yield cluster.kubeconfig(cluster.service_account_token(namespace, "with-pools"))
    for binding in bindings:
        admin.delete(admin.path_of(binding))


def test_with_a_role_in_the_namespace_that_it_serves_it_runs_pools_too(
    namespaced: Path,
    node: LocalNode,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    tmp_path: Path,
) -> None:
    del node  # It runs the workers.
    arguments = (f"--namespace={checks.namespace}", "--resync-period=1")
    with running_operator(namespaced, tmp_path, *arguments, mode=POOLED) as operator:
        live_a_life(pools, checks, counted)

        assert refusals(operator) == {}


def test_without_the_rights_for_pools_it_says_which_are_missing_and_what_to_apply(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig = cluster.kubeconfig(cluster.service_account_token("pollwatch-system", "pollwatch"))
    arguments = (*POOLED, "--listen=127.0.0.1:0", f"--kubeconfig={kubeconfig}")
    program = Program("operator", [POLLWATCH, "operator", *arguments], log=tmp_path / "operator.log")
    try:
        code, said = program.wait(60), program.log.read_text(encoding="utf-8")
    finally:
        program.stop()

    assert (code, len(said.splitlines())) == (1, 1)
    assert "get, list, watch probepools.pollwatch.dev in all namespaces" in said
    assert "list, watch, create, patch, delete statefulsets.apps in namespace pollwatch-system" in said
    # Without this, workers would not know which addresses are the API server's, and probe them.
    assert "get services/kubernetes in namespace default" in said
    assert "kubectl apply -f manifests/rbac/pools/" in said
