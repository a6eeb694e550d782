"""The pool that comes with an installation, on the real API server."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from pollwatch.control.cluster import Cluster, RefusedError
from pollwatch.control.credentials import load_credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.default_pool import DefaultPool
from pollwatch.control.settings import InstalledPool
from pollwatch.plan.clock import SystemClock
from tests.cluster.apiclient import ApiClient
from tests.cluster.controlplane import ControlPlane

POOL = "from-the-chart"
PATH = f"/apis/pollwatch.dev/v1alpha1/probepools/{POOL}"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.fixture
async def cluster(control_plane: ControlPlane) -> AsyncIterator[Cluster]:
    clock = SystemClock()
    credentials = await load_credentials(str(control_plane.kubeconfig()), clock=clock)
    cluster = Cluster(credentials, metrics=ControlMetrics(), clock=clock)
    yield cluster
    await cluster.close()


@pytest.fixture
def admin(control_plane: ControlPlane) -> Iterator[ApiClient]:
    yield control_plane.admin
    if any(
        one["metadata"]["name"] == POOL for one in control_plane.admin.get(PATH.rpartition("/")[0])["items"]
    ):
        control_plane.admin.delete(PATH)


@pytest.fixture
def owner(control_plane: ControlPlane) -> Iterator[dict[str, Any]]:
    role = control_plane.admin.post(ROLES, {"metadata": {"generateName": "installation-"}})
    yield role
    control_plane.admin.delete(f"{ROLES}/{role['metadata']['name']}")


def installation(cluster: Cluster, *, owner: str | None = None, **spec: Any) -> DefaultPool:
    document = {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "ProbePool",
        "metadata": {"name": POOL, "labels": {"app.kubernetes.io/managed-by": "Helm"}},
        "spec": spec,
    }
    return DefaultPool(cluster, InstalledPool(document=document, owner=owner), random=lambda: 0.5)


async def test_it_is_made_as_the_installation_has_it(cluster: Cluster, admin: ApiClient) -> None:
    await installation(cluster, replicas=2, labels={"location": "halifax"}).ensure()

    made = admin.get(PATH)
    assert made["spec"]["replicas"] == 2
    assert made["spec"]["labels"] == {"location": "halifax"}
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert "ownerReferences" not in made["metadata"]


async def test_it_goes_with_the_role_that_lets_it_be_made(
    cluster: Cluster, admin: ApiClient, owner: dict[str, Any]
) -> None:
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    await installation(cluster, owner=name, replicas=1).ensure()

    assert admin.get(PATH)["metadata"]["ownerReferences"] == [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": name, "uid": uid}
    ]


async def test_without_that_role_it_is_not_made(cluster: Cluster, admin: ApiClient) -> None:
    with pytest.raises(RefusedError, match="404"):
        await installation(cluster, owner="of-no-installation").ensure()

    assert not [one for one in admin.get(PATH.rpartition("/")[0])["items"] if one["metadata"]["name"] == POOL]


async def test_another_installation_of_the_same_name_takes_it_over(
    cluster: Cluster, admin: ApiClient, owner: dict[str, Any]
) -> None:
    name = owner["metadata"]["name"]
    await installation(cluster, owner=name, replicas=1).ensure()
    admin.delete(f"{ROLES}/{name}")
    uid = admin.post(ROLES, {"metadata": {"name": name}})["metadata"]["uid"]

    await installation(cluster, owner=name, replicas=1).ensure()

    assert [one["uid"] for one in admin.get(PATH)["metadata"]["ownerReferences"]] == [uid]


async def test_what_was_scaled_by_hand_stays_until_the_installation_says_something_else(
    cluster: Cluster, admin: ApiClient
) -> None:
    await installation(cluster, replicas=1).ensure()
    admin.patch(PATH, {"spec": {"replicas": 3}})

    await installation(cluster, replicas=1).ensure()
    assert admin.get(PATH)["spec"]["replicas"] == 3

    await installation(cluster, replicas=2).ensure()
    assert admin.get(PATH)["spec"]["replicas"] == 2


async def test_a_field_that_the_installation_no_longer_has_goes(cluster: Cluster, admin: ApiClient) -> None:
    await installation(cluster, replicas=2, labels={"location": "halifax"}).ensure()
    await installation(cluster, autosize={"max": 4}).ensure()

    spec = admin.get(PATH)["spec"]
    assert spec["autosize"]["max"] == 4
    assert not {"replicas", "labels"} & spec.keys()


async def test_a_pool_that_somebody_else_made_is_left(cluster: Cluster, admin: ApiClient) -> None:
    pool = {"apiVersion": "pollwatch.dev/v1alpha1", "kind": "ProbePool", "metadata": {"name": POOL}}
    admin.post(PATH.rpartition("/")[0], {**pool, "spec": {"replicas": 5}})

    await installation(cluster, replicas=1).ensure()

    assert admin.get(PATH)["spec"]["replicas"] == 5


async def test_nothing_is_written_while_all_is_as_it_should_be(cluster: Cluster, admin: ApiClient) -> None:
    await installation(cluster, replicas=1).ensure()
    version = admin.get(PATH)["metadata"]["resourceVersion"]

    await installation(cluster, replicas=1).ensure()

    assert admin.get(PATH)["metadata"]["resourceVersion"] == version


async def test_it_is_made_again_when_it_was_deleted(cluster: Cluster, admin: ApiClient) -> None:
    pool = installation(cluster, replicas=1)
    await pool.ensure()
    admin.delete(PATH)

    await pool.ensure()

    assert admin.get(PATH)["spec"]["replicas"] == 1
