"""What the data plane is told: what changed, in order, at the rates that pools allow."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.compile.pool import PoolSettings
from pollwatch.control.plan_book import PlanBook
from pollwatch.control.pool_plans import PoolPlans
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe
from pollwatch.plan.egress import UNRESTRICTED
from tests.support.plans import make_check


def pool(name: str, host_rate: float = 50.0) -> PoolSettings:
    return PoolSettings(name=name, labels=(), egress=UNRESTRICTED, host_rate=host_rate)


EAST, WEST = pool("east"), pool("west")

_changes = st.dictionaries(st.integers(0, 300), st.none() | st.integers(1, 3), max_size=250)


@given(steps=st.lists(_changes, max_size=6))
def test_a_plan_is_all_that_was_told_and_in_order(steps: list[dict[int, int | None]]) -> None:
    book, expected = PlanBook(), dict[CheckKey, CheckPlan]()
    for step in steps:
        changes: dict[CheckKey, CheckPlan | None] = {}
        for number, version in step.items():
            check = make_check(f"check-{number}", generation=version or 0)
            if version is not None:
                changes[check.key] = expected[check.key] = check
            elif expected.pop(check.key, None) is not None:
                changes[check.key] = None
        book.update(changes)
        assert book.plan().checks == tuple(expected[key] for key in sorted(expected))
        assert len(book) == len(expected)


def test_only_what_changed_is_told() -> None:
    plans = PoolPlans()
    for name in ("a", "b"):
        check = make_check(name)
        assert plans.put(check.key, [(EAST, check)])
    plans.take()
    changed = make_check("a", period=20.0)
    assert plans.put(changed.key, [(EAST, changed)])
    assert not plans.put(make_check("b").key, [(EAST, make_check("b"))])
    assert plans.take().changes == {"east": {changed.key: changed}}
    assert plans.take().changes == {}


def test_a_check_that_moves_to_another_pool_leaves_the_first() -> None:
    plans, check = PoolPlans(), make_check()
    plans.put(check.key, [(EAST, check)])
    plans.take()
    plans.put(check.key, [(WEST, check)])
    assert plans.take().changes == {"east": {check.key: None}, "west": {check.key: check}}


def test_a_check_that_is_gone_is_told_to_all_its_pools() -> None:
    plans, check = PoolPlans(), make_check()
    plans.put(check.key, [(EAST, check), (WEST, check)])
    plans.take()
    assert plans.put(check.key, ())
    assert plans.take().changes == {"east": {check.key: None}, "west": {check.key: None}}
    assert not plans.put(check.key, ())


def each_second(name: str, host: str = "a.example") -> CheckPlan:
    return make_check(name, period=1.0, timeout=1.0, probe=HttpProbe(url=f"http://{host}/"))


def test_checks_of_one_host_share_its_rate_and_are_told_when_that_changes() -> None:
    plans, slow = PoolPlans(), pool("east", host_rate=1.0)
    first, second = each_second("a"), each_second("b")
    plans.put(first.key, [(slow, first)])
    assert plans.take().changes == {"east": {first.key: first}}
    plans.put(second.key, [(slow, second)])
    taken = plans.take()
    assert taken.slowed == {first.key, second.key}
    assert {key: check.rate for key, check in taken.changes["east"].items() if check is not None} == {
        first.key: 0.5,
        second.key: 0.5,
    }
    assert plans.rates(first.key) == {"east": 0.5}
    plans.put(second.key, ())
    taken = plans.take()
    assert taken.changes == {"east": {first.key: first, second.key: None}}
    assert plans.rates(first.key) == {}


def test_a_pool_that_allows_more_lets_its_checks_be_probed_as_they_ask_for() -> None:
    plans = PoolPlans()
    for name in ("a", "b"):
        check = each_second(name)
        plans.put(check.key, [(pool("east", host_rate=1.0), check)])
    plans.take()
    for name in ("a", "b"):
        check = each_second(name)
        plans.put(check.key, [(pool("east", host_rate=10.0), check)])
    told = plans.take().changes["east"].values()
    assert [check.rate for check in told if check is not None] == [None, None]


def test_another_host_is_not_slowed() -> None:
    plans, slow = PoolPlans(), pool("east", host_rate=1.0)
    for name, host in (("a", "a.example"), ("b", "a.example"), ("c", "b.example")):
        check = each_second(name, host)
        plans.put(check.key, [(slow, check)])
    plans.take()
    assert plans.rates(each_second("c").key) == {}
