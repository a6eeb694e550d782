"""What a real API server refuses is said on the Checks, and is done once it is allowed."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from pollwatch.control.alerting.apis import PROMETHEUS_RULES
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.control.alerting.conftest import Objects
from tests.control.conftest import RBAC, Checks, StartOperator
from tests.support.sites import Site

pytestmark = pytest.mark.usefixtures("both_operators")

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
MESSAGE = "alert rules need the label team"


@pytest.fixture
def policy(cluster: ControlPlane) -> Iterator[str]:
    """An admission policy of the cluster: no PrometheusRule without a label `team`."""
    documents = [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "teams"},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": ["monitoring.coreos.com"],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE", "UPDATE"],
                            "resources": ["prometheusrules"],
                        }
                    ]
                },
                "validations": [
                    {
                        "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
                        "message": MESSAGE,
                    }
                ],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "teams"},
            "spec": {"policyName": "teams", "validationActions": ["Deny"]},
        },
    ]
    cluster.admin.apply(documents)
    probe = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "probe", "labels": {}},
        "spec": {"groups": []},
    }

    def in_force() -> bool:
        try:
            cluster.admin.post(PROMETHEUS_RULES.path("default"), probe, dryRun="All")
        except ApiError as error:
            return MESSAGE in str(error)
        return False

    wait_until(in_force, what="the policy to be in force", within_seconds=60)
    path = f"{ADMISSION}/validatingadmissionpolicybindings/teams"
    yield path
    for document in documents:
        with suppress(ApiError):
            cluster.admin.delete(cluster.admin.path_of(document))


def test_what_an_admission_policy_refuses_is_said_in_its_words_until_it_allows_it(
    cluster: ControlPlane,
    policy: str,
    start: StartOperator,
    checks: Checks,
    objects: Objects,
    site: Site,
) -> None:
    start()
    checks.create("front-page", http={"url": site.url})
    condition = checks.wait_reason("front-page", "AlertsRendered", "Refused")
    assert condition["status"] == "False"
    assert MESSAGE in condition["message"]
    assert "In force are the GrafanaAlertRuleGroups." in condition["message"]
    assert checks.wait_verdict("front-page", "Up")
    assert checks.condition("front-page", "Ready")["status"] == "True"

    cluster.admin.delete(policy)
    assert objects.wait(PROMETHEUS_RULES)
    wait_until(
        lambda: checks.condition("front-page", "AlertsRendered")["reason"] == "Rendered",
        what="the rules to be in force",
        within_seconds=90,
    )


def test_rights_that_are_missing_are_named_with_the_manifest_that_grants_them(
    cluster: ControlPlane, start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    binding = next(one for one in documents_in(RBAC / "alerts") if one["kind"] == "ClusterRoleBinding")
    cluster.admin.delete(cluster.admin.path_of(binding))
    try:
        start()
        checks.create("front-page", http={"url": site.url})
        condition = checks.wait_reason("front-page", "AlertsRendered", "Refused")
        assert "cannot list resource" in condition["message"]
        assert "kubectl apply -f manifests/rbac/alerts/ grants it" in condition["message"]
        assert checks.wait_verdict("front-page", "Up")
    finally:
        cluster.admin.apply([binding])
    objects.wait(PROMETHEUS_RULES)
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
