"""How a ProbePool is read from a plain document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.api.check import parse_check
from pollwatch.api.pool import ProbePool, parse_pool
from pollwatch.api.problems import Invalid
from tests.api.documents import check_document, pool_document
from tests.support.label_selectors import SELECTIONS


def problems_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as invalid:
        parse_pool(document)
    return [str(problem) for problem in invalid.value.problems]


def test_what_is_left_open_has_the_documented_defaults() -> None:
    pool = parse_pool(pool_document())

    assert pool.name == "east"
    assert pool.spec.fewest_workers == 1
    assert pool.spec.allowed_namespaces is None
    assert (pool.spec.egress.default, pool.spec.egress.allow, pool.spec.egress.deny) == ("Allow", (), ())
    assert pool.spec.max_probes_per_second_per_host == 50


def test_a_pool_that_sizes_itself_begins_with_its_fewest_workers() -> None:
    assert parse_pool(pool_document(autosize={"min": 3, "max": 8})).spec.fewest_workers == 3


def test_an_empty_selector_of_namespaces_is_not_the_same_as_none() -> None:
    selector = parse_pool(pool_document(allowedNamespaces={})).spec.allowed_namespaces

    assert selector is not None
    assert selector.selects({})


def test_all_that_is_wrong_is_told_and_not_just_the_first() -> None:
    told = problems_of(
        pool_document(
            replicas=0,
            autosize={"max": 100},
            egress={"allow": [{"ports": [443]}]},
            template={"hostNetwork": True},
        )
    )

    assert [problem.partition(": ")[0] for problem in told] == [
        "spec.replicas",
        "spec.autosize.max",
        "spec.egress.allow[0].ports[0]",
        "spec.template.hostNetwork",
        "spec",
    ]


def test_a_field_that_is_wrong_by_itself_is_not_blamed_a_second_time_for_another() -> None:
    assert problems_of(pool_document(autosize={"min": 99, "max": 1})) == [
        "spec.autosize.min: must be at most 64, not 99"
    ]


def test_what_kubernetes_alone_judges_is_kept_as_it_is() -> None:
    affinity = {"nodeAffinity": {"whatever": [None, 1.5, {"a": "b"}]}}
    spread = [{"maxSkew": 1, "topologyKey": "zone"}]
    template = {"affinity": affinity, "topologySpreadConstraints": spread}
    read = parse_pool(pool_document(template=template)).spec.template

    assert read.model_dump(by_alias=True, exclude_unset=True, mode="json") == template


def test_a_quantity_without_quotes_is_the_same_as_one_with_them() -> None:
    def limits(cpu: int | str) -> dict[str, Any]:
        return pool_document(template={"resources": {"limits": {"cpu": cpu}}})

    assert parse_pool(limits(2)) == parse_pool(limits("2"))


@pytest.mark.parametrize(("selector", "labels", "selected"), SELECTIONS)
def test_a_selector_selects_as_kubernetes_does(
    selector: dict[str, Any], labels: dict[str, str], *, selected: bool
) -> None:
    allowed = parse_pool(pool_document(allowedNamespaces=selector)).spec.allowed_namespaces

    assert allowed is not None
    assert allowed.selects(labels) is selected


def test_a_check_without_a_pool_is_probed_in_the_default_one() -> None:
    assert parse_check(check_document()).spec.pool_names("default") == ("default",)
    assert parse_check(check_document(pool="east")).spec.pool_names("default") == ("east",)


@pytest.mark.parametrize(("pools", "majority"), [(2, 2), (3, 2), (4, 3), (5, 3), (16, 9)])
def test_where_no_quorum_is_given_a_majority_of_the_pools_is_needed(pools: int, majority: int) -> None:
    names = [f"p{number}" for number in range(pools)]
    spec = parse_check(check_document(pools=names)).spec

    assert spec.pool_names("default") == tuple(names)
    assert spec.needed_for_down == majority
    assert parse_check(check_document(pools=names, quorum=1)).spec.needed_for_down == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("replicas", "autosize", "allowedNamespaces", "egress", "labels", "template")


@given(spec=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)))
def test_any_document_is_a_pool_or_is_told_what_is_wrong_with_it(spec: dict[str, Any]) -> None:
    told = ["nothing"]
    try:
        pool = parse_pool(pool_document(**spec))
    except Invalid as invalid:
        told = [problem.message for problem in invalid.problems]
    else:
        written = pool.model_dump(by_alias=True, exclude_none=True, mode="json")
        assert ProbePool.model_validate(written) == pool
    assert told
    assert all(told)
