"""One thing that is done each period: where it stands in a timetable."""

import math
from typing import Generic, TypeVar

from pollwatch.worker.tenants import Tenant

W = TypeVar("W")


class Entry(Generic[W]):
    """One thing that is done each period. Only its timetable makes and changes it."""

    __slots__ = (
        "alive",
        "destination",
        "due",
        "offset",
        "origin",
        "overlapped",
        "parked",
        "period",
        "running",
        "serial",
        "slot",
        "started_for",
        "tenant",
        "work",
    )

    def __init__(
        self, work: W, *, period: float, offset: float, tenant: Tenant["Entry[W]"], destination: str | None
    ) -> None:
        self.work = work
        self.tenant = tenant
        self.destination = destination
        self.period = period
        self.offset = offset
        """Of its slots into the period, as a share of it."""
        self.origin = 0.0
        """When slot 0 is, monotonic seconds."""
        self.slot = 0
        """Number of the next slot."""
        self.due = 0.0
        """When the next slot is, monotonic seconds."""
        self.serial = 0
        """Of its item in the heap; 0: it has none."""
        self.started_for = -math.inf
        """The slot it was last started for, monotonic seconds."""
        self.running = False
        """Whether it was started and has not finished."""
        self.parked = False
        """Whether its slot has come while it was running; it waits outside the heap."""
        self.overlapped = False
        """Whether its next slot was held up by the run before."""
        self.alive = True
        """Whether it is still in the timetable."""
