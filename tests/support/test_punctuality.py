"""What the records of a server say is read as it is meant."""

import pytest

from tests.support.punctuality import distance, doubled_for, longest_gap, overdue, phase, shared


def test_the_longest_gap_counts_the_ends_too() -> None:
    assert longest_gap([1.0, 2.0, 3.5], begin=0.5, end=4.0) == 1.5
    assert longest_gap([1.0, 2.0, 3.5], begin=0.5, end=9.0) == 5.5
    assert longest_gap([], begin=0.0, end=2.0) == 2.0


def test_a_gap_is_overdue_unless_the_machine_made_it() -> None:
    times = [1.0, 4.0, 5.0, 9.0]

    def stalled(begin: float, end: float) -> float:
        return 2.5 if begin <= 2.0 <= end else 0.0

    assert overdue(times, 2.0, begin=0.0, end=10.0, waited=lambda _begin, _end: 0.0) == [3.0, 4.0]
    assert overdue(times, 2.0, begin=0.0, end=10.0, waited=stalled) == [4.0]


def test_one_prober_is_never_double_however_late_it_is() -> None:
    assert doubled_for([0.0, 1.2, 2.0, 3.0, 7.0], period=1.0) == 0.0


def test_two_probers_are_double_for_as_long_as_both_are_at_work() -> None:
    together = [0.0, 1.0, 1.1, 2.0, 2.1, 3.0, 3.1, 4.1, 5.1]
    assert doubled_for(together, period=1.0) == pytest.approx(2.0)


def test_a_first_probe_that_comes_soon_is_no_stretch_of_doubles() -> None:
    assert doubled_for([0.0, 1.0, 1.3, 2.0, 3.0], period=1.0) == 0.0


def test_probers_that_are_known_share_a_target_from_the_first_of_the_one_to_the_last_of_the_other() -> None:
    one = [0.0, 1.0, 2.0, 3.0, 4.0]
    assert shared([one, [2.5, 3.5, 4.5, 5.5]], period=1.0) == [(2.5, 4.0)]
    assert shared([one, [4.1, 5.1]], period=1.0) == []
    assert shared([one], period=1.0) == []


def test_a_target_that_goes_to_and_fro_is_not_shared_meanwhile() -> None:
    assert shared([[0.0, 1.0, 8.0, 9.0], [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], period=1.0) == []


def test_phases_are_compared_around_the_circle() -> None:
    assert distance(0.95, 0.05) == pytest.approx(0.1)
    assert distance(phase([0.99, 2.0, 3.01], 1.0), phase([10.02, 11.0], 1.0)) < 0.05
