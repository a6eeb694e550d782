"""Which pools probe a Check, and which Checks have to be looked at when pools and namespaces change."""

import asyncio
from typing import Any

import pytest

from pollwatch.api.check import Check, parse_check
from pollwatch.api.conditions import AcceptedReason
from pollwatch.compile.check import Rejected
from pollwatch.control.cluster import NAMESPACES, PROBE_POOLS
from pollwatch.control.follower import ObjectName
from pollwatch.control.pools.registry import Pools
from pollwatch.plan.checks import CheckKey
from tests.control.documents import check_document
from tests.support.clock import ELECTION_NIGHT

WEB = {"matchLabels": {"team": "web"}}


def pool_document(name: str, version: int = 1, uid: str = "u", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "ProbePool",
        "metadata": {
            "name": name,
            "uid": f"{uid}-{name}",
            "resourceVersion": str(version),
            "generation": version,
            "creationTimestamp": "2016-11-08T20:00:00Z",
        },
        "spec": spec,
    }


def namespace_document(name: str, version: int = 1, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version), "labels": labels}}


def check(name: str = "front-page", namespace: str = "public-sites", **spec: Any) -> Check:
    return parse_check(check_document(name, namespace=namespace, **spec))


class Bench:
    """Pools, and what they have looked at again."""

    def __init__(self) -> None:
        self.recompiled: list[CheckKey] = []
        self.pools = Pools(default_pool="default", recompile=self.recompiled.append)
        self.namespaces = self.pools.followers[NAMESPACES]

    def refusal(self, refused: Check) -> tuple[AcceptedReason, str]:
        with pytest.raises(Rejected) as caught:
            self.pools.place(refused)
        (problem,) = caught.value.problems
        return problem.reason, str(problem)

    def anew(self) -> list[CheckKey]:
        found = list(self.recompiled)
        self.recompiled.clear()
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_check_that_names_no_pool_is_probed_in_the_default_pool(bench: Bench) -> None:
    bench.pools.seen(pool_document("default"))
    assert bench.pools.place(check()).names == ("default",)


def test_a_check_may_name_one_pool_or_several(bench: Bench) -> None:
    for name in ("east", "west"):
        bench.pools.seen(pool_document(name))
    assert bench.pools.place(check(pool="west")).names == ("west",)
    assert bench.pools.place(check(pools=["west", "east"])).names == ("west", "east")


def test_a_pool_that_is_not_there_is_named_with_the_field_that_names_it(bench: Bench) -> None:
    reason, message = bench.refusal(check(pool="west"))
    assert reason is AcceptedReason.POOL_NOT_FOUND
    assert message.startswith("spec.pool: there is no ProbePool west:")
    reason, message = bench.refusal(check())
    assert reason is AcceptedReason.POOL_NOT_FOUND
    assert "the operator's default" in message


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (None, AcceptedReason.POOL_NOT_FOUND),
        ({"allowedNamespaces": WEB}, AcceptedReason.NAMESPACE_NOT_ADMITTED),
    ],
    ids=["is gone", "does not admit the namespace"],
)
def test_of_several_pools_one_that_has_a_place_is_enough_and_what_is_wrong_with_the_others_is_said(
    bench: Bench, spec: dict[str, Any] | None, reason: AcceptedReason
) -> None:
    bench.pools.seen(pool_document("east"))
    if spec is not None:
        bench.pools.seen(pool_document("west", **spec))
    placed = bench.pools.place(check(pools=["east", "west"]))
    assert placed.names == ("east",)
    (problem,) = placed.problems
    assert (problem.path, problem.reason) == ("spec.pools[1]", reason)


def test_a_namespace_that_a_pool_does_not_admit_is_refused_until_it_is_labelled(bench: Bench) -> None:
    bench.pools.seen(pool_document("east", allowedNamespaces=WEB))
    bench.namespaces.seen(namespace_document("public-sites"))
    reason, message = bench.refusal(check(pool="east"))
    assert reason is AcceptedReason.NAMESPACE_NOT_ADMITTED
    assert "does not admit namespace public-sites" in message
    bench.anew()
    bench.namespaces.seen(namespace_document("public-sites", version=2, team="web"))
    assert bench.anew() == [CheckKey("public-sites", "front-page")]
    assert bench.pools.place(check(pool="east")).names == ("east",)


def test_a_pool_that_comes_goes_or_changes_concerns_only_the_checks_that_name_it(bench: Bench) -> None:
    bench.pools.seen(pool_document("west"))
    for name, pool in (("a", "east"), ("b", "east"), ("c", "west")):
        try:
            bench.pools.place(check(name, pool=pool))
        except Rejected:
            assert pool == "east"
    in_east = [CheckKey("public-sites", "a"), CheckKey("public-sites", "b")]
    bench.pools.seen(pool_document("east"))
    assert bench.anew() == in_east
    bench.pools.seen(pool_document("east", version=2, labels={"location": "east"}))
    assert bench.anew() == in_east
    assert bench.pools.gone(ObjectName("", "east"), uid="u-east")
    assert bench.anew() == in_east


@pytest.mark.parametrize(
    ("before", "after"), [("nobody", None), (None, "nobody"), ("nobody", "somebody"), (None, None)]
)
def test_checks_are_compiled_again_when_other_namespaces_are_admitted(
    bench: Bench, before: str | None, after: str | None
) -> None:
    def see(version: int, tenant: str | None) -> None:
        admits: dict[str, Any] = (
            {} if tenant is None else {"allowedNamespaces": {"matchLabels": {"tenant": tenant}}}
        )
        bench.pools.seen(pool_document("east", version=version, **admits))

    see(1, before)
    try:
        bench.pools.place(check(pool="east"))
    except Rejected:
        assert before is not None
    bench.anew()
    see(2, after)
    assert bench.anew() == ([] if before == after else [CheckKey("public-sites", "front-page")])


def test_what_matters_to_workers_alone_has_no_check_compiled_again(bench: Bench) -> None:
    bench.pools.seen(pool_document("east"))
    bench.pools.place(check(pool="east"))
    bench.anew()
    bench.pools.seen(pool_document("east", version=2, replicas=5, template={"image": "other"}))
    assert bench.anew() == []


def test_addresses_of_the_api_server_are_protected_in_every_pool(bench: Bench) -> None:
    bench.pools.seen(pool_document("east"))
    bench.pools.place(check(pool="east"))
    bench.anew()
    bench.pools.set_cluster_addresses(["203.0.113.6"])
    assert bench.anew() == [CheckKey("public-sites", "front-page")]
    (settings,) = bench.pools.place(check(pool="east")).pools
    assert settings.egress.refusal("203.0.113.6", "203.0.113.6", 443) is not None
    bench.pools.set_cluster_addresses(["203.0.113.6"])
    assert bench.anew() == []


def test_a_pool_without_any_ready_worker_is_idle_and_its_checks_are_told(bench: Bench) -> None:
    for name in ("east", "west"):
        bench.pools.seen(pool_document(name))
    both = check(pools=["east", "west"])
    bench.pools.place(both)
    bench.anew()
    bench.pools.set_readiness("east", idle=True, starting=False)
    assert bench.anew() == [both.key]
    assert bench.pools.place(both).idle == ("east",)
    bench.pools.set_readiness("east", idle=True, starting=False)
    assert bench.anew() == []


def test_an_older_version_of_a_pool_changes_nothing(bench: Bench) -> None:
    bench.pools.seen(pool_document("east", version=2, replicas=5))
    bench.pools.seen(pool_document("east", version=1, replicas=1))
    held = bench.pools.get("east")
    assert held is not None
    assert held.pool is not None
    assert held.pool.spec.replicas == 5


def test_a_pool_that_does_not_fit_the_schema_of_today_keeps_its_last_good_spec(bench: Bench) -> None:
    bench.pools.seen(pool_document("east", replicas=2))
    bench.pools.seen(pool_document("east", version=2, replicas=2, shape="round"))
    held = bench.pools.get("east")
    assert held is not None
    assert "spec.shape" in str(held.problems[0])
    assert held.pool is not None
    assert bench.pools.place(check(pool="east")).names == ("east",)
    bench.pools.seen(pool_document("west", shape="round"))
    reason, message = bench.refusal(check(pool="west"))
    assert reason is AcceptedReason.POOL_NOT_FOUND
    assert "kubectl describe probepool west" in message


def test_a_deletion_of_a_pool_of_the_past_is_not_that_of_its_successor(bench: Bench) -> None:
    bench.pools.seen(pool_document("east", version=5, uid="new"))
    assert not bench.pools.gone(ObjectName("", "east"), uid="u-east")
    assert bench.pools.names() == ["east"]


def test_those_who_follow_pools_hear_of_specs_and_not_of_every_status(bench: Bench) -> None:
    told: list[str] = []
    bench.pools.subscribe(told.append)
    bench.pools.seen(pool_document("east"))
    changed = pool_document("east") | {"status": {"replicas": 1}}
    changed["metadata"]["resourceVersion"] = "2"
    bench.pools.seen(changed)
    assert told == ["east"]
    held = bench.pools.get("east")
    assert held is not None
    assert held.status == {"replicas": 1}
    assert bench.pools.made_at("east") == ELECTION_NIGHT - 5 * 3600


async def test_checks_wait_until_pools_namespaces_and_protected_addresses_are_known(bench: Bench) -> None:
    waiting = asyncio.create_task(bench.pools.known())
    for step in (
        bench.pools.followers[PROBE_POOLS].listed,
        bench.namespaces.listed,
        lambda: bench.pools.set_cluster_addresses([]),
    ):
        await asyncio.sleep(0)
        assert not waiting.done()
        step()
    async with asyncio.timeout(10):
        await waiting


def test_names_of_pools_that_nobody_uses_any_more_are_not_kept(bench: Bench) -> None:
    for number in range(100):
        bench.refusal(check(pool=f"wish-{number}"))
    bench.pools.forget(check().key)
    assert not bench.pools._users
    assert not bench.pools._of_namespace


def test_names_of_namespaces_and_pools_that_come_and_go_are_not_kept(bench: Bench) -> None:
    for number in range(100):
        bench.namespaces.seen(namespace_document(f"build-{number}"))
        bench.namespaces.gone(ObjectName("", f"build-{number}"), uid=f"build-{number}")
        bench.pools.seen(pool_document(f"build-{number}"))
        bench.pools.set_readiness(f"build-{number}", idle=True, starting=False)
        bench.pools.gone(ObjectName("", f"build-{number}"), uid=f"u-build-{number}")
    assert not bench.pools._users
    assert not bench.pools._of_namespace
