"""The judge of one target: what it makes of the samples, one after the other."""

from typing import Protocol

from pollwatch.plan.samples import Outcome, Sample
from pollwatch.plan.states import Verdict


class Judge(Protocol):
    """Judges one target. What it remembers between samples is its own affair."""

    @property
    def verdict(self) -> Verdict:
        """The judgement so far; `Unknown` before the first sample."""
        ...

    def observe(self, sample: Sample) -> Verdict:
        """Take one more sample into account and give the verdict after it."""
        ...


class LastSampleJudge:
    """Believes the last sample and nothing else.

    An outcome of `Error` says that the prober could not see, not that the target is
    down: it makes the verdict `Unknown`.
    """

    __slots__ = ("verdict",)

    def __init__(self) -> None:
        self.verdict = Verdict.UNKNOWN

    def observe(self, sample: Sample) -> Verdict:
        """Give the verdict that this sample alone speaks for."""
        if sample.outcome is Outcome.SUCCESS:
            self.verdict = Verdict.UP
        elif sample.outcome is Outcome.FAILURE:
            self.verdict = Verdict.DOWN
        else:
            self.verdict = Verdict.UNKNOWN
        return self.verdict
