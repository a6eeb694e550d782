"""From the verdicts of locations to the verdict on their Check."""

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.states import Verdict
from pollwatch.verdict.locations import Turn, changes, combine_locations, majority

UP, DEGRADED, DOWN, UNKNOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.UNKNOWN

verdicts = st.lists(st.sampled_from(Verdict), min_size=1, max_size=5)
quorums = st.integers(min_value=1, max_value=5)
pools = st.sampled_from(["east", "west", "north"])
turns = st.lists(st.builds(Turn, st.integers(0, 50).map(float), pools, st.sampled_from(Verdict)), max_size=12)
held = st.dictionaries(pools, st.sampled_from(Verdict), min_size=1)


@pytest.mark.parametrize(
    ("locations", "quorum", "check"),
    [
        ([UP, UP, UP], 2, UP),
        ([UP, UP, DOWN], 2, DEGRADED),
        ([UP, DOWN, DOWN], 2, DOWN),
        ([UP, UP, DEGRADED], 2, DEGRADED),
        ([DEGRADED, DEGRADED, DEGRADED], 2, DEGRADED),
        ([DOWN, DOWN, DEGRADED], 3, DEGRADED),
        ([UNKNOWN, UP, UP], 2, UP),
        ([UNKNOWN, UNKNOWN, DOWN], 2, DEGRADED),
        ([UNKNOWN, DOWN, DOWN], 2, DOWN),
        ([UNKNOWN, UNKNOWN, UNKNOWN], 2, UNKNOWN),
    ],
)
def test_down_takes_a_quorum_and_any_failure_below_it_is_degraded(
    locations: list[Verdict], quorum: int, check: Verdict
) -> None:
    assert combine_locations(locations, quorum=quorum) is check


@given(st.sampled_from(Verdict))
def test_the_verdict_of_one_location_is_the_verdict(verdict: Verdict) -> None:
    assert combine_locations([verdict], quorum=1) is verdict


@given(verdicts, quorums)
def test_a_location_of_which_nothing_is_known_changes_nothing(locations: list[Verdict], quorum: int) -> None:
    assert combine_locations([*locations, UNKNOWN], quorum=quorum) is combine_locations(
        locations, quorum=quorum
    )


@given(verdicts, quorums)
def test_up_means_that_nobody_found_anything_wrong(locations: list[Verdict], quorum: int) -> None:
    is_up = combine_locations(locations, quorum=quorum) is UP
    assert is_up == (UP in locations and not {DOWN, DEGRADED} & set(locations))


@given(verdicts, quorums)
def test_a_higher_quorum_never_makes_it_worse(locations: list[Verdict], quorum: int) -> None:
    lower = combine_locations(locations, quorum=quorum)
    higher = combine_locations(locations, quorum=quorum + 1)
    assert higher is lower or (lower, higher) == (DOWN, DEGRADED)


@pytest.mark.parametrize(("locations", "most"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_majority_is_more_than_half(locations: int, most: int) -> None:
    assert majority(locations) == most


@given(held, turns, quorums, st.randoms(use_true_random=False))
def test_the_order_in_which_turns_become_known_does_not_matter(
    held: Mapping[str, Verdict], turns: list[Turn], quorum: int, random: Random
) -> None:
    shuffled = list(turns)
    random.shuffle(shuffled)
    assert list(changes(held, shuffled, quorum=quorum)) == list(changes(held, turns, quorum=quorum))


@given(held, turns, quorums)
def test_each_change_begins_where_the_one_before_ended_and_the_last_ends_with_what_holds_now(
    held: Mapping[str, Verdict], turns: list[Turn], quorum: int
) -> None:
    found = list(changes(held, turns, quorum=quorum))
    last = combine_locations(held.values(), quorum=quorum)
    for change in found:
        assert change.before is last
        assert change.after is not change.before
        last = change.after
    now = dict(held) | {turn.pool: turn.verdict for turn in sorted(turns)}
    assert combine_locations(now.values(), quorum=quorum) is last
