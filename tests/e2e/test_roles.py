"""Who may do what: roles that the controller manager aggregates to view, edit and admin."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.cluster.apiclient import documents_in
from tests.cluster.crds import establish
from tests.cluster.node.images import TREE
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.node.node import OneNode

_RBAC = TREE / "manifests" / "rbac"


@pytest.fixture
def member(node: OneNode, namespace: str) -> Callable[[str], str]:
    """Makes a user who has one of Kubernetes' own roles in the test's namespace."""
    establish(node.admin, documents_in(TREE / "manifests" / "crds"))
    for roles in (_RBAC / "user-roles.yaml", _RBAC / "pools" / "user-roles.yaml"):
        node.admin.apply(documents_in(roles))

    def with_role(role: str) -> str:
        user = f"{role}-of-{namespace}"
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        }
        node.admin.apply([binding], namespace=namespace)
        return user

    return with_role


def _may(node: OneNode, user: str, verb: str, resource: str, namespace: str = "") -> bool:
    attributes = {"group": "pollwatch.dev", "resource": resource, "verb": verb, "namespace": namespace}
    review = node.admin.post(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {"user": user, "resourceAttributes": attributes}},
    )
    return bool(review["status"]["allowed"])


def test_who_edits_a_namespace_edits_its_checks_and_those_of_no_other(
    node: OneNode, namespace: str, member: Callable[[str], str]
) -> None:
    user = member("edit")

    # Roles are aggregated a moment after they are there.
    wait_until(partial(_may, node, user, "create", "checks", namespace), what="the right to create Checks")
    assert _may(node, user, "list", "checks", namespace)
    assert not _may(node, user, "create", "checks", "default")
    assert not _may(node, user, "patch", "checks/status", namespace)


def test_who_views_a_namespace_sees_its_checks(
    node: OneNode, namespace: str, member: Callable[[str], str]
) -> None:
    user = member("view")

    wait_until(partial(_may, node, user, "list", "checks", namespace), what="the right to list Checks")
    assert not _may(node, user, "create", "checks", namespace)


def test_who_administers_a_namespace_writes_no_pools(
    node: OneNode, namespace: str, member: Callable[[str], str]
) -> None:
    user = member("admin")

    wait_until(partial(_may, node, user, "create", "checks", namespace), what="the right to create Checks")
    assert not _may(node, user, "create", "probepools")
    assert not _may(node, user, "patch", "probepools")
