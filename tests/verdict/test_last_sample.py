"""The judge that believes the last sample."""

import pytest

from pollwatch.plan.samples import Reason, Sample
from pollwatch.plan.states import Verdict
from pollwatch.verdict.last_sample import Judge, LastSampleJudge
from tests.support.plans import make_sample


def test_nothing_is_known_before_the_first_sample() -> None:
    judge: Judge = LastSampleJudge()
    assert judge.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("sample", "verdict"),
    [
        (make_sample(), Verdict.UP),
        (make_sample(Reason.UNEXPECTED_STATUS), Verdict.DOWN),
        (make_sample(Reason.RESOURCES_EXHAUSTED), Verdict.UNKNOWN),
        (make_sample(Reason.INTERNAL), Verdict.UNKNOWN),
    ],
    ids=["success", "failure", "no-descriptor-left", "defect"],
)
def test_the_last_sample_decides_whatever_came_before(sample: Sample, verdict: Verdict) -> None:
    for before in (make_sample(), make_sample(Reason.CONNECT_REFUSED), make_sample(Reason.INTERNAL)):
        judge = LastSampleJudge()
        judge.observe(before)
        assert judge.observe(sample) is verdict
        assert judge.verdict is verdict
