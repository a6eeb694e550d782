"""Keys are exchanged while both sides go on understanding each other."""

from itertools import count

import pytest

from pollwatch.control.pools.keys import ROTATION, KeysState, due_keys, keys_document, read_keys
from pollwatch.control.pools.owned import HeldObject, Objects
from pollwatch.worker.keys import Keys

OWNER = {"apiVersion": "pollwatch.dev/v1alpha1", "kind": "ProbePool", "name": "east", "uid": "u"}


def held(state: KeysState) -> HeldObject:
    """The Secret as the API server shows it."""
    document = keys_document("east", 0, state, OWNER)
    document["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    objects = Objects("pollwatch-system", lambda _pool: None, lambda: None)
    objects.seen(document)
    (one,) = objects
    return one


def test_a_new_pool_gets_keys() -> None:
    state = due_keys(None, now=1000.0)
    assert state is not None
    assert len(state.keys.feed_tokens) == len(state.keys.plan_keys) == 1
    assert state.keys.plan_box.open(state.keys.plan_box.seal(b"plan")) == b"plan"


def test_keys_that_are_read_again_are_the_same_and_stay_for_a_day() -> None:
    state = due_keys(None, now=1000.0)
    assert state is not None
    again = read_keys(held(state))
    assert again == state
    assert due_keys(again, now=1000.0 + ROTATION - 1) is None


def test_a_worker_and_an_operator_that_are_one_rotation_apart_share_a_key() -> None:
    before = due_keys(None, now=0.0)
    assert before is not None
    for number in range(1, 4):
        after = due_keys(before, now=number * ROTATION)
        assert after is not None
        assert set(after.keys.feed_tokens) & set(before.keys.feed_tokens)
        assert set(after.keys.plan_keys) & set(before.keys.plan_keys)
        assert after.keys.feed_tokens[0] not in before.keys.feed_tokens
        before = after


def test_no_key_is_made_before_the_worker_has_the_one_before_whatever_the_clocks_say() -> None:
    first = due_keys(None, now=0.0)
    ahead = due_keys(first, now=100 * ROTATION)
    assert ahead is not None
    assert due_keys(ahead, now=ROTATION, mounted=False) is None
    assert due_keys(ahead, now=ROTATION, mounted=True) is not None


def test_a_key_is_gone_at_the_rotation_after_the_next() -> None:
    numbers = count()
    names = (f"key-{next(numbers):028}" for _ in count())
    first = due_keys(None, now=0.0, generate=lambda: next(names))
    assert first is not None
    second = due_keys(first, now=ROTATION, generate=lambda: next(names))
    third = due_keys(second, now=2 * ROTATION, generate=lambda: next(names))
    assert third is not None
    assert first.keys.feed_tokens[0] not in third.keys.feed_tokens


def test_a_clock_that_was_ahead_when_keys_were_made_does_not_keep_them_for_ever() -> None:
    state = due_keys(None, now=1_000_000.0)
    assert due_keys(state, now=1000.0) is not None


def test_an_operator_whose_clock_is_behind_does_not_exchange_what_another_just_made() -> None:
    """Twice within a minute, and workers would have none of those that are in force."""
    state = due_keys(None, now=1_000_000.0)
    assert due_keys(state, now=1_000_000.0 - 3600.0) is None


@pytest.mark.parametrize("content", ["", "bm90IEpTT04=", "e30=", "!"])
def test_a_secret_without_usable_keys_gets_new_ones(content: str) -> None:
    document = keys_document("east", 0, KeysState(keys=Keys(), rotated=0.0), OWNER)
    document["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    document["data"] = {"keys.json": content}
    objects = Objects("pollwatch-system", lambda _pool: None, lambda: None)
    objects.seen(document)
    assert read_keys(next(iter(objects))) is None


def test_no_key_is_shown_by_what_is_logged() -> None:
    state = due_keys(None, now=0.0)
    assert state is not None
    for key in (*state.keys.feed_tokens, *state.keys.plan_keys):
        assert key not in repr(state)
        assert key not in repr(held(state))
