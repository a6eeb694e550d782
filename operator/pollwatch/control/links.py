"""The link from the leading operator to one worker: its feed is read, its plan delivered."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import httpx

from pollwatch.control.data_plane import Found
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.plan.reports import WorkerReport
from pollwatch.worker.keys import Keys


class LinkReason(StrEnum):
    """Why a worker does not have its plan, or cannot be heard: reasons of condition `Delivered`."""

    PLAN_REFUSED = "PlanRefused"
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    TOKEN_MISMATCH = "TokenMismatch"  # noqa: S105 - a reason, not a password
    UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProblem:
    """What is wrong with a link."""

    reason: LinkReason
    message: str
    """For people, in one line: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """How a link is, at one moment."""

    report: WorkerReport | None = None
    """The last one; `None`: the worker has not been heard since we lead."""
    heard_at: float | None = None
    """When its feed answered last, Unix seconds."""
    lag: float = 0.0
    """How far behind the worker our knowledge is, seconds; grows while it cannot be heard."""
    problem: LinkProblem | None = None
    lost: int = 0
    """States that were overwritten in its feed before they were read, since we lead."""
    lost_at: float | None = None
    """When that was noticed last, Unix seconds."""
    live_revision: int = 0
    """Of the plan that it probes by; 0: none, or not heard yet."""


class Deliverable(Protocol):
    """A plan, encoded: `pollwatch.plan.codec.EncodedPlan`."""

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The payload."""
        ...

    def header(self, revision: int) -> bytes:
        """Give the header, in one line."""
        ...


class WorkerLink:
    """One worker, while we lead. Belongs to one event loop."""

    def __init__(  # noqa: PLR0913 - what it needs is passed in, by name
        self,
        *,
        pool: str,
        worker: str,
        address: Callable[[], str | None],
        keys: Callable[[], Keys],
        client: httpx.AsyncClient,
        owns: Callable[[CheckKey], bool],
        found: Callable[[Found], None],
        heard: Callable[[], None],
        metrics: ControlMetrics,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        """Wire it.

        Args:
            pool: the pool's name.
            worker: the worker's name in the plan.
            address: where it is now, `http://HOST:PORT`; `None`: nowhere yet.
            keys: what it accepts, newest first.
            client: see `feed_client`. The owner closes it.
            owns: whether the worker was given that Check. What it says of others is not taken in:
                neither by a worker that a Check was moved away from, nor by one that was taken over.
            found: takes in what it found, oldest first.
            heard: called when `state` changed.
            metrics: counts.
            clock: now.
            random: numbers in [0, 1), for jitter.
        """
        raise NotImplementedError

    @property
    def state(self) -> LinkState:
        """How the link is now."""
        raise NotImplementedError

    def deliver(self, plan: Deliverable, revision: int) -> None:
        """Push a plan that was written to its Secret; the newest one only, until it is live."""
        raise NotImplementedError

    async def run(self) -> None:
        """Read the feed and push plans, for ever. Cancelled by its owner when the worker goes."""
        raise NotImplementedError


def feed_client() -> httpx.AsyncClient:
    """Make the client that all links share: no proxies, no HTTP/2, no redirects."""
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(5.0),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
    )
