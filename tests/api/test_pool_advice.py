"""What the author of a valid ProbePool is told all the same."""

from __future__ import annotations

from typing import Any

import pytest

from pollwatch.api.pool import parse_pool
from pollwatch.api.pool_advice import advice_on_pool
from tests.api.documents import pool_document

PRIVATE = {"cidrs": ["10.0.0.0/8", "fc00::/7"]}


def paths(**egress: Any) -> list[str]:
    """The fields that something is said about."""
    return [problem.path for problem in advice_on_pool(parse_pool(pool_document(egress=egress)))]


def test_nothing_is_said_about_a_pool_that_says_nothing() -> None:
    assert advice_on_pool(parse_pool(pool_document())) == ()


def test_a_pool_that_reaches_nothing_is_told() -> None:
    assert paths(default="Deny", deny=[PRIVATE]) == ["spec.egress.default"]
    assert paths(default="Deny", allow=[{"hosts": ["www.example.org"]}]) == []


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_a_rule_that_seems_to_open_every_address_is_told(cidr: str) -> None:
    assert paths(allow=[PRIVATE, {"cidrs": ["192.0.2.0/24", cidr]}]) == ["spec.egress.allow[1].cidrs[1]"]


def test_a_rule_that_another_one_refuses_beforehand_is_told_with_the_other() -> None:
    document = pool_document(
        egress={"deny": [{"ports": ["25"]}, PRIVATE], "allow": [{"cidrs": ["10.20.0.0/16"]}]}
    )
    (problem,) = advice_on_pool(parse_pool(document))

    assert problem.path == "spec.egress.allow[0]"
    assert problem.message == "has no effect: spec.egress.deny[1] is asked first and refuses all of it"


@pytest.mark.parametrize(
    ("deny", "allow", "dead"),
    [
        (PRIVATE, {"cidrs": ["10.20.0.0/16"], "ports": ["443"]}, True),
        (PRIVATE, {"cidrs": ["10.20.0.0/16", "192.0.2.0/24"]}, False),
        (PRIVATE, {"cidrs": ["0.0.0.0/1"]}, False),
        (PRIVATE, {"cidrs": ["fd00::/8"]}, True),
        (PRIVATE, {"hosts": ["www.example.org"]}, False),
        ({"ports": ["8000-8999"]}, {"ports": ["8080"]}, True),
        ({"ports": ["8000-8999"]}, {"ports": ["8080", "443"]}, False),
        ({"ports": ["8000-8999"]}, {"ports": ["8999-9000"]}, False),
        ({"ports": ["8000-8999"]}, {"cidrs": ["10.0.0.0/8"]}, False),
        ({"hosts": ["*.example.org"]}, {"hosts": ["www.example.org"]}, True),
        ({"hosts": ["*.example.org"]}, {"hosts": ["*.a.example.org"]}, True),
        ({"hosts": ["*.example.org"]}, {"hosts": ["example.org"]}, False),
        ({"hosts": ["*.example.org"]}, {"hosts": ["www.notexample.org"]}, False),
        ({"hosts": ["www.example.org"]}, {"hosts": ["*.example.org"]}, False),
        ({"hosts": ["*.example.org"], "ports": ["80"]}, {"hosts": ["www.example.org"]}, False),
        (
            {"hosts": ["*.example.org"], "ports": ["80"]},
            {"hosts": ["www.example.org"], "ports": ["80"]},
            True,
        ),
    ],
)
def test_a_rule_is_dead_when_all_of_it_is_refused(
    deny: dict[str, Any], allow: dict[str, Any], *, dead: bool
) -> None:
    assert paths(deny=[deny], allow=[allow]) == (["spec.egress.allow[0]"] if dead else [])
