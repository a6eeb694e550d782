"""What is known of a pool and its workers at one moment: what its status is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.api.pool_conditions import PoolAcceptedReason
from pollwatch.control.links import LinkProblem, LinkState
from pollwatch.control.pools.pods import PodFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """What is known of one worker."""

    name: str
    checks: int
    revision: int
    """That its Secret holds; 0: none yet."""
    pending_for: float
    """Seconds since its plan changed without having become live; 0: it is live."""
    pod: PodFacts | None
    link: LinkState
    unready_for: float = 0.0
    """Seconds since its Pod is missing or not ready; 0: it is ready."""

    @property
    def may_run(self) -> bool:
        """Whether its process may be running. Not so only where that is certain."""
        return self.pod is not None and self.pod.may_run

    @property
    def claims_more(self) -> bool:
        """Whether it says that it probes by a plan newer than any that it was given."""
        return 0 < self.revision < self.link.live_revision

    @property
    def link_problem(self) -> LinkProblem | None:
        """What is wrong with the link to it. Where no process runs, that nobody answers is no news."""
        return self.link.problem if self.may_run else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """What is known of one pool."""

    name: str
    namespace: str
    """Where its workers are."""
    generation: int
    accepted: PoolAcceptedReason
    accepted_message: str
    wanted: int
    """Workers that there are to be."""
    workers: Sequence[WorkerView]
    """All of them, those that are about to go too, by number."""
    checks: int
    scaling: str = ""
    """What is being changed about the workers, for people; empty: nothing."""
    obstacle: str = ""
    """Why what was made of the pool could not be applied, for people; empty: it could."""
    repaired: str = ""
    """What somebody had edited by hand and was put right lately, for people."""
