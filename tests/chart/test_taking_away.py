"""What a release is not to write any more goes with the upgrade that says so, by the rights of the chart."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    OWN_KINDS,
    PROMETHEUS_RULES,
    RULE_KINDS,
    SERVICE_MONITORS,
)
from tests.chart.helm import CHART, NAMESPACE, RELEASE, arguments_of
from tests.cluster.apifiles import read_crds
from tests.cluster.crds import establish
from tests.cluster.waiting import wait_until
from tests.control.operators import running_operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pollwatch.control.cluster import Resource
    from tests.chart.helm import Helm, Object, Values
    from tests.cluster.controlplane import ControlPlane
    from tests.cluster.tools import Toolbox
    from tests.control.operators import RunningOperator

CHECK = {
    "apiVersion": "pollwatch.dev/v1alpha1",
    "kind": "Check",
    "metadata": {"name": "front-page", "namespace": "default"},
    "spec": {"http": {"url": "http://127.0.0.1:9/"}},
}

WROTE = {
    PROMETHEUS_RULES: "default",
    GRAFANA_FOLDERS: "default",
    GRAFANA_RULE_GROUPS: "default",
    SERVICE_MONITORS: NAMESPACE,
    GRAFANA_DASHBOARDS: NAMESPACE,
}
"""The kinds that an embedded operator writes, and where."""

NO_RULES: Values = {"alerts": {"prometheusRules": "never", "grafanaRules": "never"}}
NOTHING: Values = {**NO_RULES, "monitors": "never", "grafana": {"dashboardObjects": "never"}}


@pytest.fixture(scope="module")
def cluster(bare_cluster: ControlPlane, toolbox: Toolbox) -> ControlPlane:
    """A cluster with the definitions of Prometheus Operator and grafana-operator."""
    kinds = {resource.kind for resource in (*RULE_KINDS, *OWN_KINDS)}
    for others in ("prometheus-operator", "grafana-operator"):
        definitions = read_crds(toolbox.api_files().crds(others))
        establish(bare_cluster.admin, [one for one in definitions if one["spec"]["names"]["kind"] in kinds])
    return bare_cluster


def is_ours(metadata: Object) -> bool:
    return bool(metadata["labels"]["app.kubernetes.io/managed-by"] == "pollwatch")


class Installed:
    """A release and its operator, under the chart's service account."""

    def __init__(self, helm: Helm, cluster: ControlPlane, folder: Path) -> None:
        self._helm = replace(helm, kubeconfig=cluster.kubeconfig())
        self._cluster = cluster
        self._folder = folder
        self._started = 0

    @contextmanager
    def running(self, values: Values) -> Iterator[RunningOperator]:
        """Install or upgrade the release, and run its operator as the chart has it."""
        self._helm(*("upgrade", "--install", RELEASE, CHART), f"--namespace={NAMESPACE}", values=values)
        wait_until(self._serves_checks, what="Checks to be served")
        token = self._cluster.service_account_token(NAMESPACE, "pollwatch")
        ours = ("operator", "--embedded", "--listen", "--system-namespace")
        told = [one for one in arguments_of(self._helm.objects(values)) if one.partition("=")[0] not in ours]
        self._started += 1
        folder = self._folder / f"operator-{self._started}"
        folder.mkdir()
        with running_operator(
            self._cluster.kubeconfig(token), folder, "--resync-period=1", *told
        ) as operator:
            yield operator

    def _serves_checks(self) -> bool:
        served = self._cluster.admin.get("/apis")["groups"]
        if not any(group["name"] == "pollwatch.dev" for group in served):
            return False
        kinds = self._cluster.admin.get("/apis/pollwatch.dev/v1alpha1")["resources"]
        return any(resource["kind"] == "Check" for resource in kinds)

    def watch_something(self) -> None:
        """Have a Check in another namespace than the operator's."""
        self._cluster.admin.apply([CHECK])

    def names(self, resource: Resource) -> list[str]:
        """What there is of a kind that the operator has written."""
        listed = self._cluster.admin.get(resource.path(WROTE[resource]))["items"]
        return [metadata["name"] for one in listed if is_ours(metadata := one["metadata"])]

    def wait_there(self, *resources: Resource) -> None:
        wait_until(
            lambda: all(self.names(resource) for resource in resources), what="each kind", within_seconds=90
        )

    def wait_gone(self, *resources: Resource) -> None:
        wait_until(
            lambda: not any(self.names(resource) for resource in resources),
            what="each object to be gone",
            within_seconds=60,
        )

    def uninstall(self) -> None:
        """Take everything away, also what Kubernetes would take away with its owner."""
        self._helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found")
        for resource, namespace in WROTE.items():
            for name in self.names(resource):
                self._cluster.admin.delete(resource.path(namespace, name))


@pytest.fixture
def installed(helm: Helm, cluster: ControlPlane, tmp_path: Path) -> Iterator[Installed]:
    """A release that is not installed yet."""
    installed = Installed(helm, cluster, tmp_path)
    yield installed
    installed.uninstall()


def test_rules_that_are_not_wanted_any_more_go_while_monitors_and_dashboards_stay(
    installed: Installed,
) -> None:
    with installed.running({}):
        installed.watch_something()
        installed.wait_there(*WROTE)

    with installed.running(NO_RULES) as operator:
        installed.wait_gone(PROMETHEUS_RULES, GRAFANA_RULE_GROUPS, GRAFANA_FOLDERS)
        assert installed.names(SERVICE_MONITORS)
        assert installed.names(GRAFANA_DASHBOARDS)
        assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_monitors_and_dashboards_go_where_those_of_the_chart_take_their_place(installed: Installed) -> None:
    with installed.running({}):
        installed.watch_something()
        installed.wait_there(*WROTE)

    of_chart = {"serviceMonitor": {"enabled": True}, "grafana": {"dashboards": {"enabled": True}}}
    with installed.running(of_chart) as operator:
        installed.wait_gone(SERVICE_MONITORS, GRAFANA_DASHBOARDS)
        assert installed.names(PROMETHEUS_RULES)
        assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_all_of_it_goes_where_an_operator_of_a_few_namespaces_has_no_role_that_owns_it(
    installed: Installed,
) -> None:
    with installed.running({"rbac": {"namespaces": ["default"]}}):
        installed.watch_something()
        installed.wait_there(*WROTE)

    with installed.running({"rbac": {"namespaces": ["default"]}, **NOTHING}) as operator:
        installed.wait_gone(*WROTE)
        assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')
