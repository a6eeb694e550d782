"""What a Check costs its worker, reckoned before it is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pollwatch.compile.cost import cost, total_cost
from pollwatch.plan.checks import HttpProbe, Probe, TcpProbe, TlsOptions
from tests.support.plans import make_check


def cost_of(probe: Probe) -> float:
    return cost(make_check(probe=probe, period=1.0, timeout=1.0))


def test_costs_are_in_the_order_of_what_was_measured() -> None:
    costs = [
        cost_of(TcpProbe(host="192.0.2.1", port=80)),
        cost_of(HttpProbe(url="http://192.0.2.1/")),
        cost_of(HttpProbe(url="http://www.example.org/")),
        cost_of(TcpProbe(host="192.0.2.1", port=443, tls=TlsOptions())),
        cost_of(HttpProbe(url="https://192.0.2.1/")),
        cost_of(HttpProbe(url="https://www.example.org/")),
    ]

    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)


@pytest.mark.parametrize("url", ["http://www.example.org/", "https://www.example.org/"])
def test_a_check_that_is_probed_half_as_often_costs_half(url: str) -> None:
    check = make_check(probe=HttpProbe(url=url), period=10.0)

    assert cost(replace(check, period=20.0)) == pytest.approx(cost(check) / 2)


def test_each_target_costs() -> None:
    assert cost(make_check(), targets=5) == pytest.approx(5 * cost(make_check()))


def test_a_check_that_is_slowed_costs_what_its_rate_allows() -> None:
    check = make_check(period=1.0, timeout=1.0)

    assert cost(replace(check, rate=0.25), targets=10) == pytest.approx(cost(check) / 4)
    assert cost(replace(check, rate=100.0)) == cost(check)


def test_ten_thousand_https_checks_each_half_minute_take_about_half_a_core() -> None:
    checks = [make_check(f"check-{number}", period=30.0) for number in range(10_000)]

    assert 0.3 < total_cost(checks) < 0.6
