"""How much of what one host may get goes to whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.compile.rates import HostRates, demand_of, fair_shares, host_of, host_rates
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Resolve, TcpProbe
from tests.support.plans import make_check

if TYPE_CHECKING:
    from random import Random

limits = st.floats(0.01, 10_000.0)
demands = st.dictionaries(st.text("abc", max_size=4), st.floats(1e-5, 100.0), min_size=1, max_size=30)


def check(name: str, *, namespace: str = "public-sites", period: float = 1.0, **changes: object) -> CheckPlan:
    return make_check(name, key=CheckKey(namespace, name), period=period, timeout=1.0, **changes)


def checks_of(namespace: str, count: int, *, period: float = 1.0) -> list[CheckPlan]:
    return [check(f"{namespace}-{number}", namespace=namespace, period=period) for number in range(count)]


@st.composite
def many_checks(draw: st.DrawFn) -> list[CheckPlan]:
    names = draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), unique=True, max_size=30))
    return [
        check(
            f"c{number}",
            namespace=namespace,
            period=draw(st.floats(0.1, 86_400.0)),
            resolve=draw(st.sampled_from(Resolve)),
        )
        for namespace, number in names
    ]


@given(limits, demands)
def test_shares_together_never_exceed_the_limit(limit: float, asked: dict[str, float]) -> None:
    assert sum(fair_shares(limit, asked).values()) <= limit * (1 + 1e-8)


@given(limits, demands)
def test_nobody_gets_more_than_it_asks_for(limit: float, asked: dict[str, float]) -> None:
    shares = fair_shares(limit, asked)

    assert shares.keys() == asked.keys()
    assert all(0 < shares[name] <= asked[name] for name in asked)


@given(limits, demands)
def test_who_gets_less_than_it_asks_for_gets_no_less_than_anybody(
    limit: float, asked: dict[str, float]
) -> None:
    shares = fair_shares(limit, asked)
    most = max(shares.values())

    assert all(shares[name] >= most * (1 - 1e-9) for name in asked if shares[name] < asked[name])


@given(limits, demands)
def test_nothing_is_left_while_somebody_asks_for_more(limit: float, asked: dict[str, float]) -> None:
    given_out = sum(fair_shares(limit, asked).values())

    assert given_out == pytest.approx(min(limit, sum(asked.values())))


@given(limits, demands, st.randoms())
def test_shares_do_not_depend_on_the_order(limit: float, asked: dict[str, float], random: Random) -> None:
    items = list(asked.items())
    random.shuffle(items)

    assert fair_shares(limit, dict(items)) == fair_shares(limit, asked)


@given(limits, many_checks())
def test_all_checks_of_a_host_together_stay_within_the_limit(limit: float, checks: list[CheckPlan]) -> None:
    rates = host_rates(limit, checks)

    assert sum(rates.get(one.key, demand_of(one)) for one in checks) <= limit * (1 + 1e-8)


@given(limits, many_checks())
def test_only_who_asks_for_more_is_slowed(limit: float, checks: list[CheckPlan]) -> None:
    rates = host_rates(limit, checks)

    assert all(rates[one.key] < demand_of(one) for one in checks if one.key in rates)


def test_a_host_that_is_asked_for_less_than_it_may_get_slows_nobody() -> None:
    assert host_rates(50.0, checks_of("web", 50)) == {}


def test_a_tenant_with_two_checks_is_not_slowed_by_one_with_a_thousand() -> None:
    rates = host_rates(50.0, checks_of("small", 2) + checks_of("large", 1_000))

    assert {key.namespace for key in rates} == {"large"}
    assert len(rates) == 1_000
    assert set(rates.values()) == {0.048}


def test_a_check_of_each_address_is_reckoned_with_as_many_as_it_may_have() -> None:
    rates = host_rates(50.0, [check("every", resolve=Resolve.EACH_ADDRESS, period=1.0)])

    assert rates == {CheckKey("public-sites", "every"): 50.0}
    assert host_rates(50.0, [check("every", resolve=Resolve.EACH_ADDRESS, period=30.0)]) == {}


@pytest.mark.parametrize(
    ("probe", "host"),
    [
        (HttpProbe(url="https://WWW.example.org./a?b"), "www.example.org"),
        (HttpProbe(url="http://user:word@www.example.org:8080/"), "www.example.org"),
        (HttpProbe(url="http://[2001:DB8:0::1]/"), "2001:db8::1"),
        (TcpProbe(host="Db.example.org", port=5432), "db.example.org"),
    ],
)
def test_a_host_is_the_same_by_whatever_protocol_port_and_spelling(
    probe: HttpProbe | TcpProbe, host: str
) -> None:
    assert host_of(probe) == host


def test_checks_of_different_hosts_do_not_slow_each_other() -> None:
    rates = HostRates(1.0)
    for name in ("one", "two"):
        rates.put(check(name, probe=TcpProbe(host=f"{name}.example.org", port=80)))

    assert rates.take() == {}


def test_a_new_check_slows_the_others_of_its_host_and_one_that_goes_gives_back() -> None:
    rates = HostRates(1.0)
    first, second = check("first"), check("second")
    rates.put(first)
    assert rates.take() == {}

    rates.put(second)
    assert rates.take() == {first.key: 0.5, second.key: 0.5}
    assert rates.rate(first.key) == 0.5

    rates.drop(second.key)
    assert rates.take() == {first.key: None}
    assert rates.rate(first.key) is None


def test_a_check_that_moves_to_another_host_gives_back_what_it_had() -> None:
    rates = HostRates(1.0)
    stays, moves = check("stays"), check("moves")
    rates.put(stays)
    rates.put(moves)
    rates.take()
    rates.put(replace(moves, probe=TcpProbe(host="elsewhere.example.org", port=80)))

    assert rates.take() == {stays.key: None, moves.key: None}


def test_another_limit_is_shared_anew() -> None:
    rates = HostRates(1.0)
    for one in checks_of("web", 2):
        rates.put(one)
    rates.take()
    rates.limit = 2.0

    assert set(rates.take().values()) == {None}


def test_what_did_not_change_is_not_told_again() -> None:
    rates = HostRates(1.0)
    for one in checks_of("web", 2):
        rates.put(one)
    rates.take()
    rates.put(replace(checks_of("web", 2)[0], generation=2))

    assert rates.take() == {}


def test_no_limit_slows_nobody() -> None:
    rates = HostRates(float("inf"))
    for one in checks_of("web", 1_000):
        rates.put(one)

    assert rates.take() == {}


@given(limits, many_checks(), st.data())
def test_rates_kept_are_those_worked_out_from_nothing(
    limit: float, checks: list[CheckPlan], data: st.DataObject
) -> None:
    kept = HostRates(limit)
    told: dict[CheckKey, float | None] = {}
    for one in checks:
        kept.put(one)
        if data.draw(st.booleans()):
            told.update(kept.take())
    gone = {one.key for one in checks if data.draw(st.booleans())}
    for key in gone:
        kept.drop(key)
    told.update(kept.take())
    left = [one for one in checks if one.key not in gone]

    expected = host_rates(limit, left)
    assert {key: rate for key, rate in told.items() if key not in gone and rate is not None} == expected
    assert all(kept.rate(one.key) == expected.get(one.key) for one in left)
