"""What is remembered of the samples, as much as people are shown and no more."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pollwatch.cli.display.view import CheckRow, Happening, Note, Point, TargetRow
from pollwatch.plan.checks import CheckKey, Target
from pollwatch.plan.clock import Clock
from pollwatch.plan.samples import Outcome, Sample
from pollwatch.plan.states import CheckState, Verdict

RECENT = 30
"""Probes of a target that the table looks back on."""
HAPPENINGS = 200
"""Transitions and notes that are kept for the table: more than a screen has lines."""
SPANS = 64
"""Verdicts of a Check that are kept for the summary, one after the other."""


class Began(NamedTuple):
    """From when on a verdict held."""

    at: float
    """Unix seconds."""
    verdict: Verdict


@dataclass(slots=True)
class Tally:
    """What a Check's samples came to since the start."""

    attempts: int = 0
    failures: int = 0
    timeline: deque[Began] = field(default_factory=lambda: deque(maxlen=SPANS))
    changes: int = 0
    """Verdicts there were, also those that `timeline` has forgotten."""


@dataclass(slots=True)
class History:
    """What is remembered of one target."""

    attempts: int = 0
    failures: int = 0
    recent: deque[Point] = field(default_factory=lambda: deque(maxlen=RECENT))


class Now(NamedTuple):
    """How a target stands, as the worker says it."""

    address: str
    verdict: Verdict
    sample: Sample | None
    due_in: float | None


class Board:
    """Remembers samples and transitions. Belongs to one event loop.

    Args:
        clock: For the times of notes.
        histories: Whether each target's recent samples are kept: only the table shows them.
    """

    def __init__(self, clock: Clock, *, histories: bool) -> None:
        self._clock = clock
        self._remembers = histories
        self._histories: dict[tuple[CheckKey, str], History] = {}
        self._tallies: dict[CheckKey, Tally] = {}
        self.happenings: deque[Happening] = deque(maxlen=HAPPENINGS)
        """The last transitions and notes, the newest last."""

    @property
    def histories(self) -> int:
        """How many targets' recent samples are kept."""
        return len(self._histories)

    @property
    def tallies(self) -> Sequence[tuple[CheckKey, Tally]]:
        """What came of each Check, by name, also of those that are no longer there."""
        return sorted(self._tallies.items())

    def observe(self, target: Target, sample: Sample, verdict: Verdict) -> None:
        """Take in one sample; the worker calls this for each."""
        del verdict  # the worker is asked for it when it is shown
        failed = sample.outcome is Outcome.FAILURE
        tally = self._tallies.setdefault(target.check.key, Tally())
        tally.attempts += 1
        tally.failures += failed
        if self._remembers:
            history = self._histories.setdefault((target.check.key, target.address or ""), History())
            history.attempts += 1
            history.failures += failed
            history.recent.append(Point(failed, sample.duration))

    def record(self, state: CheckState) -> None:
        """Take in one state of the feed that is worth telling."""
        self.happenings.append(state)
        tally = self._tallies.setdefault(state.key, Tally())
        if not tally.timeline or tally.timeline[-1].verdict is not state.verdict:
            tally.timeline.append(Began(state.at, state.verdict))
            tally.changes += 1

    def note(self, text: str, *, problem: bool = False) -> Note:
        """Take in something that is no transition."""
        note = Note(at=self._clock.time(), text=text, problem=problem)
        self.happenings.append(note)
        return note

    def row(self, state: CheckState, targets: Iterable[Now]) -> CheckRow:
        """Put together what a Check looks like now."""
        return CheckRow(
            key=state.key,
            verdict=state.verdict,
            since=state.since,
            targets=tuple(self._target(state.key, now) for now in targets),
        )

    def forget(self, present: Iterable[tuple[CheckKey, str]]) -> None:
        """Forget the histories of targets that are not among these: names move to new addresses for ever."""
        for gone in self._histories.keys() - set(present):
            del self._histories[gone]

    def _target(self, key: CheckKey, now: Now) -> TargetRow:
        history = self._histories.get((key, now.address)) or History()
        return TargetRow(
            address=now.address,
            verdict=now.verdict,
            sample=now.sample,
            attempts=history.attempts,
            failures=history.failures,
            recent=tuple(history.recent),
            due_in=now.due_in,
        )
