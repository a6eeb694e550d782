"""Checks are with the workers that can probe them."""

from pollwatch.control.pools.membership import GONE_AFTER, LOST_AFTER, WorkerFacts, choose_members, may_move

UP = WorkerFacts(up=True)
STARTING = WorkerFacts(up=False, stopped_for=5.0)
UNREACHABLE = WorkerFacts(up=False)
LOST = WorkerFacts(up=False, lost_for=LOST_AFTER + 1)
GONE = WorkerFacts(up=False, stopped_for=GONE_AFTER + 1)


def test_a_new_pool_shares_its_checks_out_to_all_its_workers_at_once() -> None:
    facts = {"a": STARTING, "b": STARTING}
    assert choose_members(["a", "b"], (), facts) == ("a", "b")


def test_a_worker_that_is_added_gets_checks_when_it_is_up() -> None:
    assert choose_members(["a", "b"], ("a",), {"a": UP, "b": STARTING}) == ("a",)
    assert choose_members(["a", "b"], ("a",), {"a": UP, "b": UP}) == ("a", "b")


def test_a_worker_that_is_started_anew_keeps_its_checks() -> None:
    assert choose_members(["a", "b"], ("a", "b"), {"a": UP, "b": STARTING}) == ("a", "b")


def test_a_worker_that_surely_does_not_run_for_a_minute_loses_its_checks_to_the_others() -> None:
    assert choose_members(["a", "b"], ("a", "b"), {"a": UP, "b": GONE}) == ("a",)


def test_a_worker_out_of_reach_keeps_its_checks_as_it_may_go_on_probing() -> None:
    assert choose_members(["a", "b"], ("a", "b"), {"a": UP, "b": UNREACHABLE}) == ("a", "b")


def test_a_worker_whose_node_is_lost_too_loses_its_checks_to_the_others_after_a_while() -> None:
    lately = WorkerFacts(up=False, lost_for=LOST_AFTER - 1)
    assert choose_members(["a", "b"], ("a", "b"), {"a": UP, "b": lately}) == ("a", "b")
    assert choose_members(["a", "b"], ("a", "b"), {"a": UP, "b": LOST}) == ("a",)
    assert choose_members(["a", "b"], ("a",), {"a": UP, "b": LOST}) == ("a",)
    assert choose_members(["a", "b"], ("a",), {"a": UP, "b": UP}) == ("a", "b")


def test_when_all_are_gone_checks_stay_where_they_are() -> None:
    assert choose_members(["a", "b"], ("a", "b"), {"a": GONE, "b": LOST}) == ("a", "b")


def test_a_worker_that_is_not_wanted_any_more_has_no_checks() -> None:
    assert choose_members(["a"], ("a", "b"), {"a": UP}) == ("a",)


def test_when_none_of_those_that_had_checks_is_wanted_all_that_are_get_them() -> None:
    assert choose_members(["a", "b"], ("c",), {"a": STARTING, "b": STARTING}) == ("a", "b")


def test_checks_move_when_everybody_who_is_up_has_been_heard() -> None:
    heard = WorkerFacts(up=True, in_reach=True)
    assert may_move(("a", "b"), ("a",), {"a": heard, "b": heard})
    assert not may_move(("a", "b"), ("a",), {"a": heard, "b": UP})
    assert not may_move(("a",), ("a", "b"), {"a": heard, "b": UP})


def test_nobody_waits_for_a_worker_that_does_not_run_to_be_heard() -> None:
    assert may_move(("a", "b"), ("a",), {"a": WorkerFacts(up=True, in_reach=True), "b": GONE})
