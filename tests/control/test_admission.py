"""A Check that names a pool which does not admit its namespace is refused by the API server itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.documents import check_document, pool_document
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.waiting import wait_until
from tests.support.label_selectors import SELECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.controlplane import ControlPlane

POLICY = Path(__file__).parents[2] / "manifests" / "admission"
API = "/apis/pollwatch.dev/v1alpha1"

EVERYONE: dict[str, Any] = {}
NO_ONE = {"matchLabels": {"no": "namespace"}}
TEAM_WEB = {"matchLabels": {"team": "web"}}


class Tenants:
    """Pools, namespaces and Checks, as a platform team and its tenants handle them.

    The policy learns of pools and namespaces by watching: what was made or changed a moment ago
    it may not know yet, so tests wait for its judgement to change.
    """

    def __init__(self, control_plane: ControlPlane) -> None:
        self.admin = control_plane.admin
        self._pools: list[str] = []

    def pool(self, allowed: dict[str, Any] | None) -> str:
        """Make a pool, and return its name."""
        document = pool_document(allowedNamespaces=allowed)
        document["metadata"] = {"generateName": "test-"}
        made = self.admin.post(f"{API}/probepools", document)
        self._pools.append(made["metadata"]["name"])
        return self._pools[-1]

    def allow(self, pool: str, allowed: dict[str, Any]) -> None:
        """Replace whom a pool admits."""
        patch = [{"op": "add", "path": "/spec/allowedNamespaces", "value": allowed}]
        self.admin.patch(f"{API}/probepools/{pool}", patch, content_type="application/json-patch+json")

    def namespace(self, **labels: str) -> str:
        """Make a namespace, and return its name."""
        document = {"metadata": {"generateName": "test-", "labels": labels}}
        return str(self.admin.post("/api/v1/namespaces", document)["metadata"]["name"])

    def label(self, namespace: str, **labels: str | None) -> None:
        """Change labels of a namespace; `None` takes one away."""
        self.admin.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})

    def answer(self, namespace: str, **spec: Any) -> str:
        """Offer a Check without having it kept; return why it is refused, or nothing."""
        document = check_document(**spec)
        document["metadata"] = {"name": "offered"}
        try:
            self.admin.post(f"{API}/namespaces/{namespace}/checks", document, dryRun="All")
        except ApiError as error:
            if error.reason != "Forbidden":
                raise
            return error.message
        return ""

    def wait_refused(self, namespace: str, **spec: Any) -> str:
        """Wait until a Check is refused, and return why."""
        return str(wait_until(lambda: self.answer(namespace, **spec), what=f"{spec} to be refused"))

    def wait_admitted(self, namespace: str, **spec: Any) -> None:
        """Wait until a Check is admitted."""
        wait_until(lambda: not self.answer(namespace, **spec), what=f"{spec} to be admitted")

    def check(self, namespace: str, **spec: Any) -> str:
        """Make a Check that is kept, and return its path."""
        document = check_document(**spec)
        document["metadata"] = {"name": "front-page"}
        path = f"{API}/namespaces/{namespace}/checks"
        self.admin.post(path, document)
        return f"{path}/front-page"

    def clear(self) -> None:
        """Delete the pools: they are in no namespace of a test's own."""
        for pool in self._pools:
            self.admin.delete(f"{API}/probepools/{pool}")


@pytest.fixture(scope="module")
def policy(control_plane: ControlPlane) -> Iterator[None]:
    """`manifests/admission` in force, for the tests of this module only."""
    admin, documents = control_plane.admin, documents_in(POLICY)
    admin.apply(documents)
    yield
    for document in reversed(documents):
        admin.delete(admin.path_of(document))


@pytest.fixture
def tenants(control_plane: ControlPlane, policy: None) -> Iterator[Tenants]:
    """What a test makes, with the policy in force."""
    del policy
    tenants = Tenants(control_plane)
    yield tenants
    tenants.clear()


def test_a_check_in_a_namespace_that_its_pool_does_not_admit_is_refused_with_what_to_do(
    tenants: Tenants,
) -> None:
    pool, namespace = tenants.pool(TEAM_WEB), tenants.namespace(team="db")

    assert tenants.wait_refused(namespace, pool=pool).endswith(
        f"pool {pool} does not admit namespace {namespace}: name a pool that does, or have the platform"
        f" team label the namespace as spec.allowedNamespaces of ProbePool {pool} asks"
    )


def test_a_check_in_a_namespace_that_its_pool_admits_is_taken(tenants: Tenants) -> None:
    pool = tenants.pool(TEAM_WEB)
    tenants.wait_refused(tenants.namespace(), pool=pool)

    assert tenants.answer(tenants.namespace(team="web"), pool=pool) == ""


def test_a_pool_without_a_selector_admits_every_namespace(tenants: Tenants) -> None:
    pool, namespace = tenants.pool(NO_ONE), tenants.namespace()
    tenants.wait_refused(namespace, pool=pool)
    patch = {"spec": {"allowedNamespaces": None}}
    tenants.admin.patch(f"{API}/probepools/{pool}", patch)

    tenants.wait_admitted(namespace, pool=pool)


def test_of_several_pools_each_must_admit_the_namespace(tenants: Tenants) -> None:
    east, west = tenants.pool(EVERYONE), tenants.pool(TEAM_WEB)
    namespace = tenants.namespace(team="db")

    assert f"pool {west} does not admit" in tenants.wait_refused(namespace, pools=[east, west])
    tenants.allow(west, EVERYONE)
    tenants.wait_admitted(namespace, pools=[east, west])


def test_a_pool_that_admits_nobody_concerns_only_those_who_name_it(tenants: Tenants) -> None:
    closed, pool, namespace = tenants.pool(NO_ONE), tenants.pool(EVERYONE), tenants.namespace()
    tenants.wait_refused(namespace, pool=closed)

    assert tenants.answer(namespace, pool=pool) == ""
    assert tenants.answer(namespace) == ""


@pytest.mark.parametrize(("selector", "labels", "selected"), SELECTIONS)
def test_the_policy_selects_as_the_operator_does(
    tenants: Tenants, selector: dict[str, Any], labels: dict[str, str], *, selected: bool
) -> None:
    pool, namespace = tenants.pool(NO_ONE if selected else EVERYONE), tenants.namespace(**labels)
    if selected:
        tenants.wait_refused(namespace, pool=pool)
    tenants.allow(pool, selector)

    if selected:
        tenants.wait_admitted(namespace, pool=pool)
    else:
        tenants.wait_refused(namespace, pool=pool)


def test_a_namespace_is_judged_by_the_labels_that_it_has_now(tenants: Tenants) -> None:
    pool, namespace = tenants.pool(TEAM_WEB), tenants.namespace()
    tenants.wait_refused(namespace, pool=pool)

    tenants.label(namespace, team="web")
    tenants.wait_admitted(namespace, pool=pool)
    tenants.label(namespace, team=None)
    tenants.wait_refused(namespace, pool=pool)


def test_a_check_cannot_be_moved_to_a_pool_that_does_not_admit_its_namespace(tenants: Tenants) -> None:
    pool, namespace = tenants.pool(TEAM_WEB), tenants.namespace()
    check = tenants.check(namespace)
    tenants.wait_refused(namespace, pool=pool)

    with pytest.raises(ApiError, match=f"403 Forbidden: .*pool {pool} does not admit"):
        tenants.admin.patch(check, {"spec": {"pool": pool}})


def test_a_check_that_is_not_admitted_any_more_can_still_be_mended_and_deleted(tenants: Tenants) -> None:
    pool, other = tenants.pool(TEAM_WEB), tenants.pool(NO_ONE)
    namespace = tenants.namespace(team="web")
    tenants.wait_admitted(namespace, pool=pool)
    check = tenants.check(namespace, pool=pool)
    tenants.label(namespace, team="db")
    tenants.wait_refused(namespace, pool=pool)
    tenants.wait_refused(namespace, pool=other)

    tenants.admin.patch(check, {"metadata": {"labels": {"note": "to-be-moved"}}})
    tenants.admin.patch(check, {"spec": {"suspend": True}})
    with pytest.raises(ApiError, match=f"pool {other} does not admit"):
        tenants.admin.patch(check, {"spec": {"pool": None, "pools": [pool, other]}})
    tenants.admin.delete(check)


def test_the_status_of_such_a_check_can_be_written(tenants: Tenants) -> None:
    pool, namespace = tenants.pool(TEAM_WEB), tenants.namespace(team="web")
    tenants.wait_admitted(namespace, pool=pool)
    check = tenants.check(namespace, pool=pool)
    tenants.label(namespace, team=None)
    tenants.wait_refused(namespace, pool=pool)

    tenants.admin.patch(f"{check}/status", {"status": {"verdict": "Unknown"}})


def test_a_pool_that_is_not_there_is_left_to_the_operator(tenants: Tenants) -> None:
    pool, namespace = tenants.pool(NO_ONE), tenants.namespace()
    tenants.wait_refused(namespace, pool=pool)

    assert tenants.answer(namespace, pool="not-there") == ""
