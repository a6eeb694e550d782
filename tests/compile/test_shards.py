"""Which worker probes which Check, and how little that changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pollwatch.compile.shards import Sharding
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.slots import SLOTS, slot_of
from tests.support.plans import make_check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

KEYS = [CheckKey(f"team-{number % 37}", f"check-{number}") for number in range(10_000)]
SOME = KEYS[:500]

names = st.text("abcdefghij-0123456789", min_size=1, max_size=12)
few = settings(max_examples=30)
"""Each example hashes a hundred thousand weights."""
some_workers = st.lists(names, min_size=1, max_size=5, unique=True)


def pool(count: int) -> list[str]:
    return [f"east-{number}" for number in range(count)]


def owners(sharding: Sharding, keys: Sequence[CheckKey] = KEYS) -> list[str]:
    return [sharding.owner(key) for key in keys]


def test_the_slot_of_a_check_never_changes() -> None:
    """Other slots would move every Check of every pool when the operator is upgraded."""
    assert [slot_of(CheckKey("public-sites", name)) for name in ("front-page", "api", "caf\u00e9")] == [
        9068,
        6167,
        9092,
    ]
    assert slot_of(CheckKey("a", "b-c")) != slot_of(CheckKey("a-b", "c"))


def test_the_owners_of_slots_never_change() -> None:
    of_twenty = owners(Sharding(pool(4)), KEYS[:20])

    assert "".join(owner[-1] for owner in of_twenty) == "00303221012122113130"


def test_slots_are_all_used_and_evenly() -> None:
    counts = Counter(slot_of(CheckKey("load", f"check-{number}")) for number in range(20 * SLOTS))

    assert len(counts) == SLOTS
    assert max(counts.values()) < 60


@few
@given(some_workers, names)
def test_a_worker_that_is_added_takes_from_the_others_and_moves_nothing_between_them(
    workers: list[str], added: str
) -> None:
    assume(added not in workers)
    before, after = owners(Sharding(workers), SOME), owners(Sharding([*workers, added]), SOME)

    assert {new for old, new in zip(before, after, strict=True) if old != new} == {added}


@few
@given(some_workers.filter(lambda workers: len(workers) > 1))
def test_a_worker_that_is_removed_moves_only_what_it_had(workers: list[str]) -> None:
    gone, *stay = workers
    before, after = owners(Sharding(workers), SOME), owners(Sharding(stay), SOME)

    assert {old for old, new in zip(before, after, strict=True) if old != new} == {gone}
    assert gone not in after


@pytest.mark.parametrize("count", [1, 3, 4, 15, 63])
def test_one_more_worker_moves_about_its_fair_share(count: int) -> None:
    before, after = owners(Sharding(pool(count))), owners(Sharding(pool(count + 1)))
    moved = sum(old != new for old, new in zip(before, after, strict=True))

    assert moved == pytest.approx(len(KEYS) / (count + 1), rel=0.35)


@few
@given(some_workers, st.randoms())
def test_the_order_of_the_names_makes_no_difference(workers: list[str], random: Random) -> None:
    shuffled = random.sample(workers, len(workers))

    assert owners(Sharding(shuffled), SOME) == owners(Sharding(workers), SOME)


@few
@given(some_workers, some_workers)
def test_resizing_ends_where_starting_anew_begins(before: list[str], after: list[str]) -> None:
    resized, anew = Sharding(before).resized(after), Sharding(after)

    assert resized.workers == anew.workers
    assert owners(resized, SOME) == owners(anew, SOME)


def test_resizing_leaves_the_one_before_as_it_was() -> None:
    sharding = Sharding(pool(3))
    before = owners(sharding)
    sharding.resized(pool(2)).resized(pool(5))

    assert owners(sharding) == before


@pytest.mark.parametrize(("count", "most"), [(2, 1.05), (4, 1.1), (16, 1.2), (64, 1.5)])
def test_no_worker_has_much_more_than_the_others(count: int, most: float) -> None:
    shares = Counter(owners(Sharding(pool(count))))

    assert len(shares) == count
    assert max(shares.values()) <= most * len(KEYS) / count


def test_every_check_is_in_exactly_one_share_in_the_order_given() -> None:
    checks = [make_check(f"check-{number:03}") for number in range(300)]
    shares = Sharding(pool(3)).split(checks)

    assert sorted(shares) == pool(3)
    assert sorted((check for share in shares.values() for check in share), key=lambda one: one.key) == checks
    assert all(share == sorted(share, key=lambda one: one.key) for share in shares.values())


def test_a_worker_without_checks_has_an_empty_share() -> None:
    assert Sharding(pool(2)).split([]) == {"east-0": [], "east-1": []}


@pytest.mark.parametrize("workers", [[], ["east-0", "east-0"]])
def test_no_worker_and_one_named_twice_are_refused(workers: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one worker is needed, and each once"):
        Sharding(workers)
