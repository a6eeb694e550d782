"""Who may do what where there are pools: the operator, the platform team, application teams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.apiclient import documents_in
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.controlplane import ControlPlane

RBAC = Path(__file__).parents[2] / "manifests" / "rbac"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1"
SYSTEM = "pollwatch-system"
OPERATOR = "system:serviceaccount:pollwatch-system:pollwatch"

SPELLINGS = {
    "probepools": "pollwatch.dev",
    "checks": "pollwatch.dev",
    "statefulsets": "apps",
    "deployments": "apps",
    "poddisruptionbudgets": "policy",
    "networkpolicies": "networking.k8s.io",
    "leases": "coordination.k8s.io",
    "endpointslices": "discovery.k8s.io",
    "events": "events.k8s.io",
    "roles": "rbac.authorization.k8s.io",
}
"""API groups; all other resources are of the core group."""


class Authorizer:
    """Asks the API server what somebody may do."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._admin = control_plane.admin

    def may(self, user: str, right: str, namespace: str = "") -> bool:
        """Ask for a right such as `patch probepools/status` or `get services kubernetes`."""
        verb, resource, *name = right.split()
        plural, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": SPELLINGS.get(plural, ""),
            "resource": plural,
            "subresource": subresource,
            "namespace": namespace,
            "name": "".join(name),
        }
        review = self._admin.post(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {"user": user, "resourceAttributes": attributes}},
        )
        return bool(review["status"]["allowed"])

    def grants(self, user: str, right: str, namespace: str = "") -> bool:
        """Wait until somebody may do something: the API server learns of bindings by watching."""
        what = f"{user} to be allowed to {right}"
        return wait_until(lambda: self.may(user, right, namespace), what=what) is True


@pytest.fixture
def authorizer(cluster: ControlPlane, pool_rights: None) -> Authorizer:
    """Judges by `manifests/rbac` and `manifests/rbac/pools`."""
    del pool_rights
    return Authorizer(cluster)


@pytest.fixture
def bind(control_plane: ControlPlane) -> Iterator[Callable[..., str]]:
    """Binds a ClusterRole to a user of its own, in one namespace or everywhere."""
    made: list[str] = []

    def bind(role: str, namespace: str = "") -> str:
        user = f"user-of-{role}-{namespace or 'all'}"
        kind = "rolebindings" if namespace else "clusterrolebindings"
        path = f"{BINDINGS}/namespaces/{namespace}/{kind}" if namespace else f"{BINDINGS}/{kind}"
        document: dict[str, Any] = {
            "metadata": {"generateName": "test-"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}],
        }
        made.append(f"{path}/{control_plane.admin.post(path, document)['metadata']['name']}")
        return user

    yield bind
    for path in made:
        control_plane.admin.delete(path)


@pytest.mark.parametrize(
    "right",
    [
        *("get probepools", "list probepools", "watch probepools", "patch probepools/status"),
        *("list namespaces", "watch namespaces", "list checks", "watch checks", "patch checks/status"),
    ],
)
def test_the_operator_reads_pools_and_namespaces_and_writes_what_it_found(
    authorizer: Authorizer, right: str
) -> None:
    assert authorizer.grants(OPERATOR, right)


@pytest.mark.parametrize(
    "right",
    [
        *("patch probepools", "update probepools", "delete probepools"),
        *("patch probepools/scale", "patch namespaces", "patch checks", "delete checks", "list nodes"),
    ],
)
def test_the_operator_changes_nothing_that_people_write(authorizer: Authorizer, right: str) -> None:
    assert not authorizer.may(OPERATOR, right)


def test_the_operator_can_make_the_pool_that_comes_with_it(authorizer: Authorizer) -> None:
    """A right to create cannot be bound to a name; that to change a pool is, to the default pool's."""
    assert authorizer.grants(OPERATOR, "create probepools")


@pytest.mark.parametrize(
    "resource", ["statefulsets", "services", "poddisruptionbudgets", "networkpolicies", "secrets"]
)
@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
def test_the_operator_writes_workloads_in_its_own_namespace_only(
    authorizer: Authorizer, verb: str, resource: str
) -> None:
    assert authorizer.grants(OPERATOR, f"{verb} {resource}", SYSTEM)
    assert not authorizer.may(OPERATOR, f"{verb} {resource}", "default")
    assert not authorizer.may(OPERATOR, f"{verb} {resource}")


@pytest.mark.parametrize(
    "right",
    [
        *("create pods", "delete pods", "create pods/exec", "get pods/log", "patch deployments"),
        *("create serviceaccounts/token", "create roles", "deletecollection secrets"),
    ],
)
def test_the_operator_cannot_make_itself_more_than_it_is(authorizer: Authorizer, right: str) -> None:
    assert not authorizer.may(OPERATOR, right, SYSTEM)


def test_the_operator_has_one_lease(authorizer: Authorizer) -> None:
    assert authorizer.grants(OPERATOR, "create leases", SYSTEM)
    assert authorizer.grants(OPERATOR, "update leases pollwatch", SYSTEM)
    assert not authorizer.may(OPERATOR, "update leases another", SYSTEM)
    assert not authorizer.may(OPERATOR, "create leases", "kube-system")


@pytest.mark.parametrize("resource", ["services", "endpointslices"])
def test_the_operator_learns_where_the_api_server_is_and_nothing_else_of_default(
    authorizer: Authorizer, resource: str
) -> None:
    assert authorizer.grants(OPERATOR, f"get {resource} kubernetes", "default")
    assert not authorizer.may(OPERATOR, f"get {resource} another", "default")
    assert not authorizer.may(OPERATOR, f"list {resource}", "default")


def test_the_operator_posts_events_about_pools_where_kubernetes_has_them(authorizer: Authorizer) -> None:
    (role, _) = documents_in(RBAC / "pools" / "default-namespace.yaml")

    assert {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]} in role["rules"]
    assert authorizer.grants(OPERATOR, "create events", "default")


@pytest.mark.parametrize("verb", ["create", "patch", "update", "delete", "get", "list", "watch"])
def test_a_platform_team_keeps_pools(authorizer: Authorizer, bind: Callable[..., str], verb: str) -> None:
    team = bind("pollwatch-pools-edit")

    assert authorizer.grants(team, f"{verb} probepools")
    assert authorizer.grants(team, "patch probepools/scale")
    assert not authorizer.may(team, "patch probepools/status")


def test_who_administers_a_namespace_does_not_reach_pools(
    authorizer: Authorizer, bind: Callable[..., str], namespace: str
) -> None:
    admin = bind("pollwatch-pools-edit", namespace)

    assert not authorizer.may(admin, "patch probepools")


def test_an_application_team_keeps_its_checks_and_sees_pools_where_it_is_let(
    authorizer: Authorizer, bind: Callable[..., str], namespace: str
) -> None:
    team, viewer = bind("pollwatch-checks-edit", namespace), bind("pollwatch-pools-view")

    assert authorizer.grants(team, "create checks", namespace)
    assert not authorizer.may(team, "create checks", "default")
    assert not authorizer.may(team, "list probepools")
    assert authorizer.grants(viewer, "list probepools")
    assert not authorizer.may(viewer, "patch probepools")


def test_kubernetes_own_roles_take_ours_in() -> None:
    aggregated = {
        role["metadata"]["name"]: {
            label.rpartition("-")[2]
            for label, value in role["metadata"]["labels"].items()
            if "/aggregate-to-" in label and value == "true"
        }
        for path in (RBAC, RBAC / "pools")
        for role in documents_in(path / "user-roles.yaml")
    }

    assert aggregated == {
        "pollwatch-checks-edit": {"admin", "edit"},
        "pollwatch-checks-view": {"admin", "edit", "view"},
        "pollwatch-pools-edit": {"admin"},
        "pollwatch-pools-view": {"admin", "edit", "view"},
    }
