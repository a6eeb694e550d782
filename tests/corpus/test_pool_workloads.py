"""What is valid in a pool makes workloads that the API server takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pollwatch.compile.egress import pool_policy
from pollwatch.control.pools.network_policy import network_policy
from pollwatch.control.pools.workloads import Maker
from tests.cluster.apiclient import ApiError
from tests.corpus.corpus import GOOD, load_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.controlplane import ControlPlane

POOLS = [file for file in GOOD if load_file(file).pools]


@pytest.fixture
def restricted(control_plane: ControlPlane, namespace: str) -> str:
    """A namespace that takes restricted pods only."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    path = f"/api/v1/namespaces/{namespace}"
    control_plane.admin.patch(path, {"metadata": {"labels": labels}})
    # No controller makes it here.
    control_plane.admin.post(f"{path}/serviceaccounts", {"metadata": {"name": "default"}})
    return namespace


@pytest.mark.parametrize("file", POOLS, ids=lambda file: file.stem)
def test_a_good_pool_makes_workloads_that_the_api_server_takes(
    control_plane: ControlPlane, restricted: str, file: Path
) -> None:
    (sourced,) = load_file(file).pools
    metadata = sourced.pool.metadata.model_copy(update={"uid": "b3a1"})
    pool = sourced.pool.model_copy(update={"metadata": metadata})
    maker = Maker(pool=pool, image="registry.example/pollwatch:1")
    stateful_set = maker.stateful_set(0)
    policy = pool_policy(pool.spec.egress, cluster_addresses=["10.96.0.1", "2001:db8::1"])
    pod = {"metadata": {"name": "worker"}, "spec": stateful_set["spec"]["template"]["spec"]}
    for path, document in {
        f"/apis/apps/v1/namespaces/{restricted}/statefulsets": stateful_set,
        f"/apis/networking.k8s.io/v1/namespaces/{restricted}/networkpolicies": network_policy(
            pool.name, policy, maker.owner
        ),
        f"/api/v1/namespaces/{restricted}/pods": pod,
    }.items():
        try:
            control_plane.admin.post(path, document, dryRun="All", fieldValidation="Strict")
        except ApiError as error:
            pytest.fail(str(error), pytrace=False)
