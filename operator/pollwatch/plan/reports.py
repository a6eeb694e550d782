"""What a worker says of itself to whoever reads its feed."""

from dataclasses import dataclass
from enum import StrEnum


class PlanFault(StrEnum):
    """Why a worker refused a plan and probes on with the one before: a closed set."""

    CORRUPT = "Corrupt"
    """Not what an operator writes: unreadable, or edited by hand."""
    TORN = "Torn"
    """Parts of different plans; a later look may find it whole."""
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    """Written for another version of the worker."""
    WRONG_WORKER = "WrongWorker"
    """Meant for another worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The plan that a worker probes by, and the one that it refused."""

    revision: int = 0
    """Of the plan that is live; 0: none yet."""
    checks: int = 0
    """Checks in it that the worker understands."""
    unsupported: tuple[str, ...] = ()
    """Keys (`namespace/name`) of Checks in it that need a newer worker: they are not probed.
    At most 100 are told."""
    fault: PlanFault | None = None
    """Of the plan that was offered last; `None`: it is live."""
    message: str = ""
    """The fault, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport:
    """How a worker is."""

    instance: str
    """Of its feed: another one means that the worker was started anew."""
    version: str
    worker: str
    """Its name in the pool, as the plan has it; empty before the first plan."""
    plan: PlanReport
    targets: int
    probes_per_second: float
    """What all periods together ask for."""
    utilisation: float
    """Share of one core that the process used lately, 0 and up."""
    lateness: float
    """99th percentile of lateness of the last minute, seconds."""
    missed: int
    """Slots skipped since the start."""
    keys: tuple[str, ...] = ()
    """Identities of the keys that it accepts (`worker.keys`), newest first."""
