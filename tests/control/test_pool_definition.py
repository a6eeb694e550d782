"""The definition of ProbePool is deleted and applied again while workers probe."""

import time
from pathlib import Path

from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import establish
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.control.pool_stage import Pools
from tests.support.counting_site import CountingSite
from tests.support.punctuality import distance, phase

CRDS = Path(__file__).parents[2] / "manifests" / "crds"
PERIOD = 2


def is_gone(cluster: ControlPlane, path: str) -> bool:
    try:
        cluster.admin.get(path)
    except ApiError as error:
        return error.status == 404
    return False


def is_created(pools: Pools, name: str) -> bool:
    try:
        pools.create(name)
    except ApiError as error:
        if error.status not in (404, 429):
            raise
        return False
    return True


def test_a_pool_that_goes_with_its_definition_is_as_it_was_when_both_are_applied_again(
    cluster: ControlPlane, start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    names = [f"check-{number}" for number in range(10)]
    pools.create("east")
    for name in names:
        url = counted.url(f"/{name}")
        checks.create(name, pool="east", periodSeconds=PERIOD, timeoutSeconds=1, http={"url": url})
    operators = [start_pooled(), start_pooled()]
    for name in names:
        checks.wait_verdict(name, "Up")
    wait_until(lambda: all(len(counted.times(f"/{name}")) >= 4 for name in names), what="some probes")
    (definition,) = (one for one in documents_in(CRDS) if one["spec"]["names"]["kind"] == "ProbePool")
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    cluster.admin.delete(path)
    try:
        wait_until(lambda: is_gone(cluster, path), what="the definition to be gone")
        # That it is gone is all the pool's Checks say: what was found last is what is known of them.
        checks.wait_reason(names[0], "Accepted", "PoolNotFound")
        assert checks.verdict(names[0]) == "Up"
    finally:
        establish(cluster.admin, [definition])
    wait_until(lambda: is_created(pools, "east"), what="pools to be accepted again")
    again = time.monotonic()
    pools.wait_ready("east")
    wait_until(
        lambda: all(len(counted.times(f"/{name}", since=again)) >= 4 for name in names), what="more probes"
    )
    for name in names:
        assert checks.verdict(name) == "Up"
        assert not [event for event in checks.events(name) if event["action"] == "Judge"]
        before, after = (
            counted.times(f"/{name}"),
            counted.times(f"/{name}", since=again),
        )
        assert distance(phase(before[1:4], PERIOD), phase(after[1:], PERIOD)) < 0.2, name
    assert [operator.leads() for operator in operators].count(True) == 1
