"""Which object holds the rules of a Check: the same one, as long as there are not far more or far fewer."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.alerting.layout import (
    CHECKS_AN_OBJECT,
    SPARSE,
    object_name,
    shard_of_check,
    shard_of_object,
    shards_needed,
)

COUNTS = st.integers(min_value=0, max_value=100_000)
SHARDS = st.integers(min_value=0, max_value=12).map(lambda power: 1 << power)


@given(COUNTS, st.integers(min_value=1, max_value=5_000))
def test_there_are_enough_objects_and_not_far_too_many(checks: int, now: int) -> None:
    shards = shards_needed(checks, now=now)
    assert shards.bit_count() == 1
    assert shards * CHECKS_AN_OBJECT >= checks
    assert shards == 1 or shards < SPARSE * 2 * max(1, -(-checks // CHECKS_AN_OBJECT))


@given(COUNTS, st.integers(min_value=1, max_value=5_000))
def test_what_is_settled_once_stays_settled(checks: int, now: int) -> None:
    shards = shards_needed(checks, now=now)
    assert shards_needed(checks, now=shards) == shards


@given(st.text(min_size=1, max_size=253), SHARDS)
def test_when_objects_are_doubled_a_check_stays_or_goes_to_the_one_new_half(name: str, shards: int) -> None:
    before = shard_of_check(name, shards)
    assert 0 <= before < shards
    assert shard_of_check(name, 2 * shards) in (before, before + shards)


@given(st.integers(min_value=0, max_value=1_000_000))
def test_the_name_of_an_object_says_which_one_it_is(shard: int) -> None:
    assert shard_of_object(object_name(shard)) == shard


def test_names_that_are_none_of_ours_are_of_no_shard() -> None:
    for name in ("pollwatch-checks-0", "pollwatch-checks-01", "pollwatch-checks-x", "pollwatch", "checks-1"):
        assert shard_of_object(name) is None
