"""What the chart renders is what a real API server takes, whatever values are set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pollwatch.api.pool import parse_pool
from pollwatch.cli.operate import command
from tests.chart.helm import NAMESPACE, arguments_of, one_of
from tests.chart.matrix import of_each
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.apifiles import read_crds
from tests.cluster.crds import establish
from tests.cluster.fixtures import CRDS

if TYPE_CHECKING:
    from tests.chart.helm import Helm, Values
    from tests.cluster.controlplane import ControlPlane
    from tests.cluster.tools import Toolbox

KINDS = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "GrafanaDashboard"}
"""What the chart may bring of other people's kinds."""

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"


@pytest.fixture(scope="module")
def cluster(bare_cluster: ControlPlane, toolbox: Toolbox) -> ControlPlane:
    """A cluster with the definitions of Pollwatch, Prometheus Operator and grafana-operator."""
    api_files = toolbox.api_files()
    establish(bare_cluster.admin, documents_in(CRDS))
    for others in ("prometheus-operator", "grafana-operator"):
        definitions = read_crds(api_files.crds(others))
        establish(bare_cluster.admin, [one for one in definitions if one["spec"]["names"]["kind"] in KINDS])
    return bare_cluster


@of_each
def test_every_object_is_taken(helm: Helm, cluster: ControlPlane, values: Values) -> None:
    objects = helm.objects(values)

    applied = cluster.admin.apply(objects, namespace=NAMESPACE, dry_run=True)
    assert [one["metadata"]["name"] for one in applied] == [one["metadata"]["name"] for one in objects]


@of_each
def test_the_operators_pod_is_admitted_where_pods_are_restricted(
    helm: Helm, cluster: ControlPlane, values: Values
) -> None:
    spec: dict[str, Any] = one_of(helm.objects(values), "Deployment")["spec"]["template"]["spec"]
    # The priority is looked up before the Pod is judged, and none is set up here but those of the system.
    account = {"metadata": {"name": spec["serviceAccountName"]}}
    try:
        cluster.admin.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    except ApiError as error:
        if error.status != 409:
            raise

    cluster.admin.post(PODS, {"metadata": {"name": "operator"}, "spec": spec}, dryRun="All")


@of_each
def test_the_operator_understands_what_it_is_told(helm: Helm, values: Values) -> None:
    arguments = [one for one in arguments_of(helm.objects(values)) if "default-pool-file" not in one]
    arguments = [one for one in arguments if "default-pool-owner" not in one]

    context = command.make_context("pollwatch operator", arguments[1:])
    assert context.params["namespaces"] == tuple(values.get("rbac", {}).get("namespaces", ()))


@of_each
def test_the_default_pool_is_one_that_the_operator_can_read(
    helm: Helm, cluster: ControlPlane, values: Values
) -> None:
    made = [one for one in helm.objects(values) if one["metadata"]["name"].endswith("-default-pool")]
    for config_map in (one for one in made if one["kind"] == "ConfigMap"):
        pool = yaml.safe_load(config_map["data"]["default-pool.yaml"])

        assert parse_pool(pool).name == values.get("defaultPool", {}).get("name", "default")
        cluster.admin.apply([pool], dry_run=True)
