"""What is wrong, seen from outside: a sentence for each violation."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chaos.schedule import PERIOD, SYNC_AFTER
from tests.support.punctuality import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from tests.chaos.truth import Subject, Turn

LONGEST_GAP = 2 * PERIOD
"""Seconds without a probe, on a machine that does what it is told at once."""
STARTS_WITHIN = 3.0
"""Seconds that a worker takes to be noticed dead, to start and to read its plan, while it has a core."""
READ_WITHIN = 25.0
"""Seconds in which another operator leads, and has read every feed."""
LONGEST_DOUBLE = PERIOD
"""Seconds for which two workers probe the same, on such a machine."""
LATE = 1.0
"""Seconds that a request, a plan or a word of a worker may take on its way."""


class Hit(NamedTuple):
    """A request that a server got."""

    at: float
    """`time.monotonic`."""
    worker: int


class Death(NamedTuple):
    """A worker was killed."""

    at: float
    """`time.monotonic`."""
    worker: int


class Cut(NamedTuple):
    """Nobody could reach a worker."""

    begin: float
    """`time.monotonic`."""
    end: float
    worker: int


class Outage(NamedTuple):
    """There was no API server, so nobody could lead."""

    begin: float
    """`time.monotonic`."""
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen after all had settled.

    Attributes:
        subjects: What is true.
        checks: The Checks of the API server, by name.
        hits: What the servers were asked for over the whole time, and when.
        quiet: From then on nothing was done: `time.monotonic`.
        end: When `hits` was read.
        events: Verdicts that were told of each Check, in order, by the uid of the Check.
        series: The Checks that each worker shows, by worker.
        made: Objects in the operator's namespace.
        wanted: Objects that should be there.
        deaths: The workers that were killed, in order.
        leaders_deaths: When the operator that led was killed: `time.monotonic`.
        followers_deaths: When another one was.
        outages: When there was no API server.
        cuts: When which workers could not be reached.
        leaders: How many operators lead.
        waited: How long the machine kept a process waiting between two moments, at most.
    """

    subjects: Sequence[Subject]
    checks: Mapping[str, dict[str, Any]]
    hits: Mapping[str, Sequence[Hit]] = field(default_factory=dict)
    quiet: float = math.inf
    end: float = math.inf
    events: Mapping[str, Sequence[str]] = field(default_factory=dict)
    series: Mapping[str, Collection[str]] = field(default_factory=dict)
    made: Collection[str] = ()
    wanted: Collection[str] = ()
    deaths: Sequence[Death] = ()
    leaders_deaths: Sequence[float] = ()
    followers_deaths: Sequence[float] = ()
    outages: Sequence[Outage] = ()
    cuts: Sequence[Cut] = ()
    leaders: int = 1
    waited: Callable[[float, float], float] = lambda _begin, _end: 0.0


def violations(evidence: Evidence) -> list[str]:
    """Everything that is wrong."""
    return [
        *statuses(evidence.subjects, evidence.checks),
        *_probes(evidence),
        *events(evidence),
        *_series(evidence),
        *_orphans(evidence),
    ]


def statuses(subjects: Iterable[Subject], checks: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Where a status is not what is true."""
    for subject in subjects:
        check = checks.get(subject.name)
        if (check is None) != (subject.deleted is not None):
            yield f"{subject.name} is {'gone' if check is None else 'there'}, and should not be"
        if check is None:
            continue
        status, generation = check.get("status", {}), check["metadata"]["generation"]
        if status.get("verdict") != subject.verdict:
            yield f"{subject.name} is {status.get('verdict')}, and in truth {subject.verdict}"
        if status.get("observedGeneration") != generation:
            yield f"{subject.name}: generation {generation}, observed {status.get('observedGeneration')}"


def _probes(evidence: Evidence) -> Iterator[str]:
    of_subject: dict[str, list[Hit]] = defaultdict(list)
    for path, hits in evidence.hits.items():
        of_subject[path.split("/")[1]] += hits
    for subject in evidence.subjects:
        hits = sorted(of_subject[subject.name])
        if subject.deleted is not None:
            late = [hit for hit in hits if hit.at > evidence.quiet]
            if late:
                yield f"{subject.name} was deleted and is still probed ({len(late)} times)"
        elif not hits:
            yield f"{subject.name} was never probed"
        else:
            yield from _gaps(subject, hits, evidence)
            yield from _doubles(subject, hits, evidence)
            yield from _when_quiet(subject, evidence)


def _gaps(subject: Subject, hits: Sequence[Hit], evidence: Evidence) -> Iterator[str]:
    """The longest time without a probe, where that is too long."""
    too_long = 0.0
    for last, following in pairwise([*hits, Hit(evidence.end, -1)]):
        gap = following.at - last.at
        if gap <= max(LONGEST_GAP, too_long):
            continue
        # One that is killed again while it starts begins anew.
        workers = {last.worker, following.worker}
        deaths = [at for at, worker in evidence.deaths if worker in workers and last.at < at < following.at]
        starting = deaths[-1] - deaths[0] + STARTS_WITHIN if deaths else 0.0
        if gap > LONGEST_GAP + LATE + starting + evidence.waited(last.at, following.at):
            too_long = gap
    if too_long:
        yield f"{subject.name} was not probed for {too_long:.1f} s"


def _doubles(subject: Subject, hits: Sequence[Hit], evidence: Evidence) -> Iterator[str]:
    """The longest time for which two workers probed the same, where that is too long."""
    of_worker: dict[int, list[float]] = defaultdict(list)
    for at, worker in hits:
        of_worker[worker].append(at)
    begun, ended = -math.inf, -math.inf
    for begin, end in shared(of_worker.values(), PERIOD):
        # One that is killed meanwhile goes on when it is back: that is the same handing over.
        if not _was_killed(of_worker, ended, begin, evidence):
            begun = begin
        ended = end
        if end - begin <= LONGEST_DOUBLE + LATE + evidence.waited(begin, end):
            continue
        if not _leader_died(of_worker, begun, end, evidence):
            yield f"{subject.name} was probed by two workers for {end - begin:.1f} s"
            return


def _was_killed(workers: Collection[int], ended: float, begin: float, evidence: Evidence) -> bool:
    """Whether two workers probe the same no more, and do again, because one of them was killed."""
    starting = PERIOD + STARTS_WITHIN + evidence.waited(max(ended, begin - PERIOD), begin)
    return begin - ended <= starting and any(
        worker in workers and ended - LATE <= at <= begin for at, worker in evidence.deaths
    )


def _leader_died(workers: Collection[int], begin: float, end: float, evidence: Evidence) -> bool:
    """Whether a leader told the one, and died while it had time to tell the other: the next leader does.

    The one may have learnt it from its volume: a while later, or when it was started anew.
    """
    return any(
        _learnt(workers, died, begin, evidence) - SYNC_AFTER - LATE <= died <= begin + LONGEST_DOUBLE + LATE
        and end <= last + READ_WITHIN + evidence.waited(died, end)
        for died, last in _leaderless(evidence)
    )


def _learnt(workers: Collection[int], died: float, begin: float, evidence: Evidence) -> float:
    """When a worker had what it began to probe by then: before it was killed, where it was meanwhile."""
    killed = (death.at for death in evidence.deaths if death.worker in workers and died <= death.at <= begin)
    return min(killed, default=begin)


def _leaderless(evidence: Evidence) -> Iterator[tuple[float, float]]:
    """Give for each death of a leader until when nobody could lead in its place."""
    kept = [(death, death) for death in (*evidence.leaders_deaths, *evidence.followers_deaths)]
    kept += evidence.outages
    for died in evidence.leaders_deaths:
        last = died
        for begin, end in sorted(kept):
            if begin <= last + READ_WITHIN:
                last = max(last, end)
        yield died, last


def _when_quiet(subject: Subject, evidence: Evidence) -> Iterator[str]:
    wanted = (evidence.end - evidence.quiet) / PERIOD
    slack = 1.5 + evidence.waited(evidence.quiet, evidence.end) / PERIOD
    for path, hits in evidence.hits.items():
        if path.split("/")[1] != subject.name:
            continue
        found = sum(hit.at > evidence.quiet for hit in hits)
        if path != subject.path and found:
            yield f"{path} is probed, and {subject.path} should be"
        if path == subject.path and abs(found - wanted) > slack:
            yield f"{path} was probed {found} times when all was quiet, and {wanted:.1f} were due"


def events(evidence: Evidence) -> Iterator[str]:
    """Where Events do not tell what happened."""
    for subject in evidence.subjects:
        check = evidence.checks.get(subject.name)
        if check is None:
            continue
        told = _known(evidence.events.get(check["metadata"]["uid"], ()))
        happened = [turn.verdict for turn in subject.turns]
        lost = _lost(subject.turns, told)
        if lost is None:
            yield f"{subject.name}: Events tell {told}, and {happened} is what happened"
        elif not _are_excused(lost, subject.turns, evidence):
            yield f"{subject.name}: Events tell {told} of {happened}"
        elif (told or ["Up"])[-1] != subject.verdict:
            yield f"{subject.name} is {subject.verdict} in the end, and the last Event is {told[-1:]}"


def _known(told: Iterable[str]) -> list[str]:
    """What Events tell, without that nobody knew for a while: a Check that is then as it was took no turn."""
    known: list[str] = []
    last, unknown = "Up", False
    for verdict in told:
        if verdict == "Unknown":
            unknown = True
            continue
        if not (unknown and verdict == last):
            known.append(verdict)
        last, unknown = verdict, False
    return known


def _lost(turns: Sequence[Turn], told: Sequence[str]) -> list[Turn] | None:
    """What happened and was not told; `None` where something was told that did not happen, or twice."""
    lost, following = [], list(told)
    for turn in turns:
        if following and following[0] == turn.verdict:
            following.pop(0)
        else:
            lost.append(turn)
    return None if following else lost


def _are_excused(lost: Sequence[Turn], turns: Sequence[Turn], evidence: Evidence) -> bool:
    """Whether nobody could tell what was not told.

    Where nobody knows that it was Down, nobody tells that it is Up again.
    """
    excused = [turn for turn in lost if _is_excused(turn, evidence)]
    ends = [end for turn, end in pairwise(turns) if turn in excused]
    return all(turn in excused or turn in ends for turn in lost)


def _is_excused(turn: Turn, evidence: Evidence) -> bool:
    """Whether a worker died before anybody can be expected to have read what it found.

    No disk remembers it: where the leader is gone too, a turn that does not last is nobody's to tell.
    """
    return any(
        turn.at - PERIOD
        <= death.at
        <= _read_by(turn, death.worker, evidence) + evidence.waited(turn.at, death.at)
        for death in evidence.deaths
    )


def _read_by(turn: Turn, worker: int, evidence: Evidence) -> float:
    """When somebody must have read what a worker found, with time anew after all that kept them from it."""
    by = turn.at + READ_WITHIN
    kept = list(_leaderless(evidence))
    kept += [(cut.begin, cut.end) for cut in evidence.cuts if cut.worker == worker]
    for begin, end in sorted(kept):
        if begin <= by and end >= turn.at:
            by = max(by, end + READ_WITHIN)
    return by


def _series(evidence: Evidence) -> Iterator[str]:
    alive = {subject.name for subject in evidence.subjects if subject.deleted is None}
    shown: dict[str, list[str]] = defaultdict(list)
    for worker, names in evidence.series.items():
        for name in names:
            shown[name].append(worker)
    yield from (f"{name} has no series" for name in sorted(alive - shown.keys()))
    for name, workers in sorted(shown.items()):
        if name not in alive:
            yield f"{name} was deleted and has series in {', '.join(workers)}"
        elif len(workers) > 1:
            yield f"{name} has series in {', '.join(workers)}"


def _orphans(evidence: Evidence) -> Iterator[str]:
    made, wanted = set(evidence.made), set(evidence.wanted)
    yield from (f"{name} is left over" for name in sorted(made - wanted))
    yield from (f"{name} is not there" for name in sorted(wanted - made))
    if evidence.leaders != 1:
        yield f"{evidence.leaders} operators lead"
