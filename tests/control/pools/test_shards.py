"""Each Check of a pool is in exactly the plan of its owner, whatever happens in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.compile.cost import total_cost
from pollwatch.control.pools.names import worker_name
from pollwatch.control.pools.shards import Shards
from pollwatch.plan.checks import CheckKey, CheckPlan
from tests.support.plans import make_check

POOL = "east"

_names = st.sampled_from([f"check-{number}" for number in range(40)])
_changes = st.tuples(st.just("change"), st.dictionaries(_names, st.none() | st.integers(1, 3), max_size=12))
_members = st.tuples(st.just("members"), st.sets(st.integers(0, 4), min_size=1))
_resets = st.tuples(st.just("lead anew"), st.none())


@given(steps=st.lists(_changes | _members | _resets, max_size=20))
def test_each_check_is_in_exactly_the_plan_of_its_owner(steps: list[tuple[str, object]]) -> None:
    shards, expected = Shards(POOL), dict[CheckKey, CheckPlan]()
    for kind, what in steps:
        if isinstance(what, dict):
            changes = {
                make_check(name).key: None if version is None else make_check(name, period=10.0 * version)
                for name, version in what.items()
            }
            shards.apply(changes)
            for key, check in changes.items():
                expected.pop(key, None)
                if check is not None:
                    expected[key] = check
        elif isinstance(what, set):
            for number in what:
                shards.add(number)
            shards.share_out([worker_name(POOL, number) for number in what])
        else:
            assert kind == "lead anew"
            shards.reset()
        assert shards.cores == pytest.approx(total_cost(expected.values()))
        plans = {shard.worker: shard.book.plan().checks for shard in shards.shards}
        found = [check for checks in plans.values() for check in checks]
        assert {check.key: check for check in shards.checks} == expected
        if shards.members:
            assert sorted(found, key=lambda check: check.key) == [expected[key] for key in sorted(expected)]
        for worker, checks in plans.items():
            assert list(checks) == sorted(checks, key=lambda check: check.key)
            assert worker in shards.members or not checks


def test_a_worker_more_takes_checks_from_all_and_moves_none_between_the_others() -> None:
    shards = Shards(POOL)
    shards.apply({check.key: check for check in (make_check(f"check-{number}") for number in range(1000))})
    for number in range(5):
        shards.add(number)
    shards.share_out([worker_name(POOL, number) for number in range(4)])
    before = {shard.worker: {check.key for check in shard.book.checks()} for shard in shards.shards}
    shards.share_out([worker_name(POOL, number) for number in range(5)])
    for shard in shards.shards[:4]:
        assert {check.key for check in shard.book.checks()} < before[shard.worker]
    assert 120 < len(shards.shards[4].book) < 280


def test_a_change_makes_the_plan_of_its_owner_stale_and_no_other() -> None:
    shards = Shards(POOL)
    checks = [make_check(f"check-{number}") for number in range(100)]
    shards.apply({check.key: check for check in checks})
    for number in range(4):
        shards.add(number)
    shards.share_out([worker_name(POOL, number) for number in range(4)])
    for shard in shards.shards:
        shard.stale = False
    changed = make_check("check-7", period=20.0)
    shards.apply({changed.key: changed})
    (stale,) = [shard for shard in shards.shards if shard.stale]
    assert stale.book.get(changed.key) is changed


def test_what_is_told_again_as_it_was_makes_no_plan_stale() -> None:
    shards = Shards(POOL)
    check = make_check()
    shards.apply({check.key: check})
    shards.add(0)
    shards.share_out([worker_name(POOL, 0)])
    shards.shards[0].stale = False
    shards.apply({check.key: check})
    shards.share_out([worker_name(POOL, 0)])
    assert not shards.shards[0].stale


@given(before=st.sets(st.integers(0, 4), min_size=1), after=st.sets(st.integers(0, 4), min_size=1))
def test_a_move_that_is_taken_back_leaves_each_check_where_it_was(before: set[int], after: set[int]) -> None:
    shards = Shards(POOL)
    shards.apply({check.key: check for check in (make_check(f"check-{number}") for number in range(40))})
    for number in range(5):
        shards.add(number)
    first, second = (tuple(worker_name(POOL, number) for number in sorted(some)) for some in (before, after))
    shards.share_out(first)
    shards.told()
    plans = {shard.worker: shard.book.plan() for shard in shards.shards}
    shards.share_out(second)
    assert shards.take_back() == (second if first != second else ())
    assert shards.members == first
    assert {shard.worker: shard.book.plan() for shard in shards.shards} == plans
    assert shards.take_back() == ()


def test_a_move_that_workers_were_told_of_is_not_taken_back() -> None:
    shards = Shards(POOL)
    for number in range(2):
        shards.add(number)
    shards.share_out([worker_name(POOL, 0)])
    shards.share_out([worker_name(POOL, 0), worker_name(POOL, 1)])
    shards.told()
    assert shards.take_back() == ()
    assert len(shards.members) == 2


def test_the_members_of_a_pool_share_what_one_host_gets() -> None:
    shards = Shards(POOL)
    for number in range(4):
        shards.add(number)
    shards.set_host_rate(50.0)
    for members in (2, 4):
        shards.share_out([worker_name(POOL, number) for number in range(members)])
        rates = [shard.book.plan().host_rate for shard in shards.shards[:members]]
        assert rates == [50.0 / members] * members
    for shard in shards.shards:
        shard.stale = False
    shards.set_host_rate(50.0)
    assert not any(shard.stale for shard in shards.shards)
    shards.set_host_rate(2.0)
    assert all(shard.stale for shard in shards.shards)
    assert {shard.book.plan().host_rate for shard in shards.shards} == {0.5}
