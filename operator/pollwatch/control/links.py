"""The link from the leading operator to one worker: its feed is read, its plan delivered."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import structlog

from pollwatch.control.data_plane import Found
from pollwatch.control.link_problems import LinkProblem, LinkReason, plan_problem
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.peer import Peer
from pollwatch.control.plan_book import PlanBook
from pollwatch.control.puller import Puller
from pollwatch.control.pusher import Pusher
from pollwatch.plan.clock import Clock
from pollwatch.plan.codec import EncodedPlan
from pollwatch.plan.reports import WorkerReport
from pollwatch.worker.keys import Keys

__all__ = ["LinkProblem", "LinkReason", "LinkState", "WorkerLink", "feed_client"]

AFTER_DEFECT = 5.0
"""Seconds until a link that met a defect begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """How a link is, at one moment."""

    report: WorkerReport | None = None
    """The last one; `None`: the worker has not been heard since we lead."""
    in_reach: bool = False
    """Whether its feed could be read when that was tried last, and has been since we lead."""
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
        book: PlanBook,
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
            book: what the worker was given. What it says of other Checks is not taken in: neither by
                a worker that a Check was moved away from, nor by one that was taken over.
            found: takes in what it found, oldest first; of a worker that is silent for long, that
                nothing is known any more.
            heard: called when `state` changed.
            metrics: counts.
            clock: now.
            random: numbers in [0, 1), for jitter.
        """
        self._peer = Peer(
            pool=pool,
            worker=worker,
            address=address,
            keys=keys,
            client=client,
            metrics=metrics,
            clock=clock,
            random=random,
        )
        self._heard = heard
        self._log = structlog.get_logger("pollwatch.links").bind(pool=pool, worker=worker)
        self._puller = Puller(self._peer, book=book, found=found, changed=self._pulled)
        self._pusher = Pusher(
            self._peer, report=lambda: self._puller.report, learned=self._puller.learned, changed=heard
        )

    @property
    def state(self) -> LinkState:
        """How the link is now."""
        puller, report = self._puller, self._puller.report
        return LinkState(
            report=report,
            in_reach=puller.in_reach,
            heard_at=puller.heard_at,
            lag=puller.lag,
            problem=self._problem(report),
            lost=puller.lost,
            lost_at=puller.lost_at,
            live_revision=report.plan.revision if report is not None else 0,
        )

    def deliver(self, plan: EncodedPlan, revision: int) -> None:
        """Push a plan that was written to its Secret; the newest one only, until it is live."""
        self._pusher.deliver(plan, revision)

    def nudge(self) -> None:
        """Look again: the worker's address or its keys may have changed."""
        self._puller.nudge()
        self._pusher.nudge()

    async def run(self) -> None:
        """Read the feed and push plans, for ever. Cancelled by its owner when the worker goes."""
        metrics, names = self._peer.metrics, (self._peer.pool, self._peer.worker)
        metrics.feed_lag.labels(*names).set_function(lambda: self._puller.lag)
        try:
            while True:
                await self._read_and_push()
                await asyncio.sleep(AFTER_DEFECT)
        finally:
            for family in (
                metrics.feed_lag,
                metrics.feed_lost,
                metrics.feed_errors,
                metrics.worker_restarts,
            ):
                with contextlib.suppress(KeyError):
                    family.remove(*names)

    async def _read_and_push(self) -> None:
        """Return after a defect only: a worker says what it likes, and must not take the operator along."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._puller.run())
                group.create_task(self._pusher.run())
        except Exception:  # noqa: BLE001 - logged with its traceback
            self._peer.metrics.reconcile_errors.inc()
            self._log.exception("a link met a defect; it begins anew", seconds=AFTER_DEFECT)

    def _pulled(self) -> None:
        self._pusher.heard()
        self._heard()

    def _problem(self, report: WorkerReport | None) -> LinkProblem | None:
        """What has to be mended first."""
        if self._puller.problem is not None:
            return self._puller.problem
        if report is not None:
            problem = plan_problem(self._peer.worker, report.version, report.plan)
            if problem is not None:
                return problem
        return self._pusher.problem


def feed_client() -> httpx.AsyncClient:
    """Make the client that all links share: HTTP/1.1, straight to the Pods, no redirects, no cookies."""
    return httpx.AsyncClient(
        # A proxy is for the way out of the cluster.
        trust_env=False,
        # Plans are sealed, and all is plain HTTP. To load the authorities that are trusted elsewhere
        # would hold the event loop for a third of a second, of somebody who is about to lead.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        # Workers set none; one that was taken over would fill our memory with them.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
    )
