"""From the verdicts on targets to the verdict on their Check."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.states import Verdict
from pollwatch.verdict.combine import combine

UP, DEGRADED, DOWN, UNKNOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.UNKNOWN
verdicts = st.lists(st.sampled_from(Verdict), max_size=8)


@pytest.mark.parametrize(
    ("targets", "check"),
    [
        ([], UNKNOWN),
        ([UNKNOWN, UNKNOWN], UNKNOWN),
        ([UP, UP, UP], UP),
        ([DOWN, DOWN], DOWN),
        ([UP, UP, UP, UP, DOWN], DEGRADED),
        ([DOWN, DOWN, DOWN, DOWN, UP], DEGRADED),
        ([UP, DEGRADED], DEGRADED),
        ([DEGRADED, DEGRADED], DEGRADED),
        ([DOWN, DEGRADED], DEGRADED),
    ],
)
def test_agreement_is_the_verdict_and_disagreement_is_degraded(
    targets: list[Verdict], check: Verdict
) -> None:
    assert combine(targets) is check


@given(verdicts, st.randoms(use_true_random=False))
def test_the_order_of_the_targets_does_not_matter(targets: list[Verdict], random: Random) -> None:
    shuffled = list(targets)
    random.shuffle(shuffled)
    assert combine(shuffled) is combine(targets)


@given(verdicts)
def test_a_target_of_which_nothing_is_known_changes_nothing(targets: list[Verdict]) -> None:
    assert combine([*targets, UNKNOWN]) is combine(targets)
