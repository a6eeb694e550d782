"""The set of members, walked while it changes."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.series.members import BUNDLE, Members


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=1000))
def test_after_any_changes_a_walk_sees_each_member_once_in_small_bundles(
    changes: list[tuple[bool, int]],
) -> None:
    members: Members[int] = Members()
    expected: set[int] = set()
    for added, number in changes:
        if added and number not in expected:
            members.add(number)
            expected.add(number)
        elif not added:
            members.discard(number)
            expected.discard(number)
    bundles = [list(bundle) for bundle in members.bundles()]
    assert sorted(chain.from_iterable(bundles)) == sorted(expected)
    assert all(len(bundle) <= BUNDLE for bundle in bundles)
    assert len(members) == len(expected)


@given(st.sets(st.integers(0, 600)), st.lists(st.integers(0, 900), max_size=300))
def test_a_member_that_stays_is_seen_once_whatever_changes_between_two_bundles(
    leaving: set[int], coming: list[int]
) -> None:
    members: Members[int] = Members()
    for number in range(600):
        members.add(number)
    leave, come = iter(sorted(leaving)), iter(dict.fromkeys(1_000 + number for number in coming))
    seen: list[int] = []
    for bundle in members.bundles():
        seen += bundle
        for _ in range(100):
            members.discard(next(leave, -1))
            if (newcomer := next(come, None)) is not None:
                members.add(newcomer)
    assert len(seen) == len(set(seen))
    assert set(range(600)) - leaving <= set(seen)


def test_room_that_became_free_is_used_again() -> None:
    members: Members[int] = Members()
    for number in range(3 * BUNDLE):
        members.add(number)
    for number in range(3 * BUNDLE):
        members.discard(number)
        members.add(-1 - number)
    assert sum(1 for _ in members.bundles()) == 3
