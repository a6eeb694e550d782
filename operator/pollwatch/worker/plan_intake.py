"""Which plan is live: each one that is offered is judged, and taken up or refused.

Whatever is wrong with an offer, the last good plan is probed on. What became of the offer stands in the
report that readers of the feed get, in the metrics, and in the log once.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from pollwatch.plan.checks import Plan
from pollwatch.plan.clock import Clock
from pollwatch.plan.codec import DecodedPlan, Header, PlanDecoder, PlanError, read_header
from pollwatch.plan.reports import PlanFault, PlanReport
from pollwatch.worker.plan_folder import HEADER_FILE, FolderError, PlanFiles
from pollwatch.worker.slices import Slices

MAX_TOLD = 100
"""Keys of unsupported Checks in a report."""

logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of an offered plan."""

    LIVE = auto()
    """It is probed, or was already."""
    NOT_NEWER = auto()
    """The live one is as new."""
    REFUSED = auto()
    """The report says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose plans a worker takes: those of whom its first one was for."""

    pool: str
    worker: str


class PlanIntake:
    """Judges plans, one at a time, and hands the good ones on. Belongs to one event loop."""

    def __init__(self, apply: Callable[[Plan], None], *, changed: Callable[[], None], clock: Clock) -> None:
        """Begin without a plan.

        Args:
            apply: Takes a plan up.
            changed: Is called when the report is another one.
            clock: Now.
        """
        self._apply = apply
        self._changed = changed
        self._clock = clock
        self._decoder = PlanDecoder()
        self._turn = asyncio.Lock()
        self._digest = ""
        self._was_mounted = False
        self.identity: Identity | None = None
        """`None` before the first plan."""
        self.report = PlanReport()
        self.unsupported = 0
        """Checks of the live plan that are not probed: they need a newer worker."""
        self.refusals: Counter[PlanFault] = Counter()
        """Offers that were refused; the same one again is none."""

    @property
    def is_live(self) -> bool:
        """Whether there is a plan."""
        return self.identity is not None

    async def push(self, header: bytes, payload: bytes) -> Outcome:
        """Judge a plan that an operator has sent: it must be newer than the live one."""
        async with self._turn:
            try:
                head = read_header(header)
                self._judge_identity(head)
                if self.is_live and head.revision <= self.report.revision:
                    return self._ignore(head, "push")
                await self._take_up(header, payload, "push")
            except PlanError as error:
                self._refuse(error.fault, str(error))
                return Outcome.REFUSED
            return Outcome.LIVE

    async def mounted(self, found: PlanFiles | FolderError, *, settled: bool) -> Outcome | None:
        """Judge what is in the plan folder: it must not be older than what is live.

        Args:
            found: The files, or why they cannot be read.
            settled: Whether a fault is to be told: it may have been an edit under way.

        Returns:
            What became of it; `None` if there is no plan, and never was.
        """
        async with self._turn:
            try:
                return await self._judge_mounted(found)
            except PlanError as error:
                if settled:
                    self._refuse(error.fault, str(error))
                return Outcome.REFUSED

    async def _judge_mounted(self, found: PlanFiles | FolderError) -> Outcome | None:
        if isinstance(found, FolderError):
            raise PlanError(PlanFault.CORRUPT, str(found))
        header = found.header
        if header is None:
            if self._was_mounted:
                raise PlanError(PlanFault.CORRUPT, f"{HEADER_FILE} is not in the plan folder any more")
            return None
        head = read_header(header)
        self._judge_identity(head)
        self._was_mounted = True
        payload = b"".join(found.parts[: head.parts])
        if not self.is_live or head.revision > self.report.revision:
            await self._take_up(header, payload, "folder")
            return Outcome.LIVE
        if head.revision < self.report.revision:
            return self._ignore(head, "folder")
        if head.digest != self._digest:
            # Two plans of one revision: somebody starts anew, and the folder is what was decided.
            await self._take_up(header, payload, "folder")
            return Outcome.LIVE
        try:
            await self._decode(header, payload)
        except PlanError as error:
            if error.fault is not PlanFault.TORN:
                raise
            # Its other parts are still on their way, and nobody needs them.
            return Outcome.NOT_NEWER
        self._tell(replace(self.report, fault=None, message=""))
        return Outcome.LIVE

    def _judge_identity(self, head: Header) -> None:
        offered = Identity(head.pool, head.worker)
        if self.identity is not None and offered != self.identity:
            raise PlanError(
                PlanFault.WRONG_WORKER,
                f"the plan is for worker {offered.worker} of pool {offered.pool}, and this is"
                f" {self.identity.worker} of pool {self.identity.pool}: start another worker for it",
            )

    async def _decode(self, header: bytes, payload: bytes) -> DecodedPlan:
        return await self._decoder.decode(header, payload, breathe=Slices(self._clock).breathe)

    async def _take_up(self, header: bytes, payload: bytes, source: str) -> None:
        decoded = await self._decode(header, payload)
        head = decoded.header
        self._apply(decoded.plan)
        self.identity = Identity(head.pool, head.worker)
        self._digest = head.digest
        self.unsupported = len(decoded.unsupported)
        logger.info(
            "plan applied",
            extra={
                "source": source,
                "pool": head.pool,
                "worker": head.worker,
                "revision": head.revision,
                "checks": len(decoded.plan.checks),
            },
        )
        if decoded.unsupported:
            logger.warning(
                "Checks are not probed: they need a newer worker",
                extra={"checks": self.unsupported, "first": decoded.unsupported[0]},
            )
        self._tell(
            PlanReport(
                revision=head.revision,
                checks=len(decoded.plan.checks),
                unsupported=decoded.unsupported[:MAX_TOLD],
            )
        )

    def _ignore(self, head: Header, source: str) -> Outcome:
        logger.info(
            "older plan ignored",
            extra={"source": source, "revision": head.revision, "live_revision": self.report.revision},
        )
        return Outcome.NOT_NEWER

    def _refuse(self, fault: PlanFault, message: str) -> None:
        report = replace(self.report, fault=fault, message=message)
        if report != self.report:
            self.refusals[fault] += 1
            logger.warning(
                "plan refused",
                extra={"fault": str(fault), "problem": message, "live_revision": self.report.revision},
            )
        self._tell(report)

    def _tell(self, report: PlanReport) -> None:
        if report != self.report:
            self.report = report
            self._changed()
