"""Owners take turns: whoever has much in a queue keeps nobody else from theirs."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.turns import Turns
from pollwatch.plan.checks import CheckKey


def waiting(*texts: str) -> Turns[str]:
    """Keys whose first letter says whose they are."""
    turns = Turns[str](lambda key: key[0])
    for text in texts:
        turns.add(text)
    return turns


def taken(turns: Turns[str], resting: str = "") -> list[str]:
    found = []
    while (key := turns.take(resting)) is not None:
        found.append(key)
    return found


def test_owners_take_turns_and_each_owners_keys_keep_their_order() -> None:
    assert taken(waiting("a1", "a2", "a3", "b1", "c1", "c2")) == ["a1", "b1", "c1", "a2", "c2", "a3"]


def test_who_comes_late_is_next_but_for_the_owners_that_wait() -> None:
    turns = waiting("a1", "a2", "a3")
    assert turns.take() == "a1"
    turns.add("b1")
    assert taken(turns) == ["a2", "b1", "a3"]


def test_a_key_that_waits_keeps_its_place() -> None:
    assert taken(waiting("a1", "a2", "a1")) == ["a1", "a2"]


def test_owners_that_rest_are_passed_over_and_keep_what_they_have() -> None:
    turns = waiting("a1", "b1", "a2", "b2")
    assert taken(turns, resting="a") == ["b1", "b2"]
    assert taken(turns) == ["a1", "a2"]


def test_a_key_that_is_put_back_is_its_owners_next() -> None:
    turns = waiting("a1", "a2")
    assert turns.take() == "a1"
    turns.put_back("a1")
    assert taken(turns) == ["a1", "a2"]


def test_what_is_dropped_is_the_newest_of_who_has_most() -> None:
    turns = waiting("a1", "b1", "b2", "b3", "c1")
    turns.shorten()
    assert taken(turns) == ["a1", "b1", "c1", "b2"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=60))
def test_nobody_waits_for_more_than_one_key_of_each_other_owner(keys: list[tuple[str, int]]) -> None:
    turns = waiting(*(f"{owner}{number}" for owner, number in keys))
    assert len(turns) == len(set(keys))
    order = taken(turns)
    assert sorted(order) == sorted({f"{owner}{number}" for owner, number in keys})
    places = defaultdict(list)
    for place, key in enumerate(order):
        places[key[0]].append(place)
    gaps = [b - a for found in places.values() for a, b in pairwise(found)]
    assert max(gaps, default=0) <= 3
    assert not len(turns)


@pytest.mark.parametrize("owner", ["namespace", "nobody"])
def test_a_key_that_is_discarded_is_not_taken(owner: str) -> None:
    turns = Turns[CheckKey](lambda key: getattr(key, owner, None))
    one, other = CheckKey("a", "one"), CheckKey("a", "other")
    for key in (one, other):
        turns.add(key)
    turns.discard(one)
    turns.discard(CheckKey("b", "never added"))
    assert (turns.take(), turns.take()) == (other, None)
