"""Which workers share a pool's Checks: those that can probe them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

GONE_AFTER = 60.0
"""Seconds that a worker is surely not running until the others take its Checks."""

LOST_AFTER = 30.0
"""Seconds that neither a worker nor its node is heard of until the others take its Checks. Kubernetes has
missed the node for 40 s by then, and nobody knows whether the worker probes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """What is known of a worker."""

    up: bool
    """It was heard lately, or its Pod is ready."""
    in_reach: bool = False
    """Its feed was read, and nothing has failed since."""
    stopped_for: float = 0.0
    """Seconds since it is certain that its process does not run; 0: it may run."""
    lost_for: float = 0.0
    """Seconds since neither it nor its node is heard of; 0: one of them is."""

    @property
    def is_given_up(self) -> bool:
        """Whether others are to probe what it had."""
        return self.stopped_for >= GONE_AFTER or self.lost_for >= LOST_AFTER


def choose_members(
    wanted: Sequence[str], before: Iterable[str], facts: Mapping[str, WorkerFacts]
) -> tuple[str, ...]:
    """Choose the workers that Checks are shared out to.

    A worker that is added gets Checks when it is up: until then those who have them go on. One
    that surely does not run for a while loses them to the others. Of one that is only out of
    reach nobody knows whether it probes on: it keeps what it has, so that no target is probed
    by two. With its node lost too, it most likely does not: better twice than not at all.

    Args:
        wanted: names of the workers that there are to be, by number.
        before: the members until now; none: nobody probes yet.
        facts: by name, of all in `wanted`.

    Returns:
        Members, by number; all that are wanted when nobody could probe otherwise.
    """
    earlier = set(before)
    if earlier.isdisjoint(wanted):
        return tuple(wanted)
    members = [name for name in wanted if facts[name].up or (name in earlier and not facts[name].is_given_up)]
    if not any(facts[name].up for name in members):
        # Nobody could take over from those that stopped: where they are, their Checks are probed first.
        return tuple(name for name in wanted if name in earlier)
    return tuple(members)


def may_move(before: Iterable[str], after: Iterable[str], facts: Mapping[str, WorkerFacts]) -> bool:
    """Whether Checks can be moved now: all that are up can be told, and what they found has been read.

    A worker that goes on with what another one has been given makes two of them probe it, and what
    it found and nobody has read counts no more once its Checks are another's.

    Args:
        before: the members until now.
        after: the members that there are to be.
        facts: by name, of all of these.
    """
    return all(facts[name].in_reach for name in {*before, *after} if facts[name].up)
