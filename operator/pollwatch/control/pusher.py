"""Pushes a worker's newest plan until it is live."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog

from pollwatch.control.feed_page import NoAnswerError
from pollwatch.control.link_problems import LinkProblem, push_failed, token_mismatch
from pollwatch.control.peer import LOOK_FOR_ADDRESS, PATIENCE, Peer, by_acceptance
from pollwatch.control.plan_push import Pushed, PushOutcome, push_plan
from pollwatch.plan.codec import EncodedPlan
from pollwatch.plan.reports import PlanReport, WorkerReport

RETRY_REFUSED = 60.0
"""Seconds before a plan that a worker refused is pushed again."""


class _Wanted(NamedTuple):
    plan: EncodedPlan
    revision: int


class Pusher:
    """The plan of one worker. `problem` is for `links` to read."""

    def __init__(
        self,
        peer: Peer,
        *,
        report: Callable[[], WorkerReport | None],
        learned: Callable[[PlanReport], None],
        changed: Callable[[], None],
    ) -> None:
        """Begin without a plan.

        Args:
            peer: the worker.
            report: gives its last report.
            learned: is told what it says of its plan.
            changed: called when `problem` changed.
        """
        self.problem: LinkProblem | None = None
        self._peer = peer
        self._report = report
        self._learned = learned
        self._changed = changed
        self._wanted: _Wanted | None = None
        self._instance = ""
        """Of the worker when it was heard last: another one may take what this one refused."""
        self._not_before = 0.0
        """When to push next, monotonic seconds."""
        self._failures = 0
        self._failing_since: float | None = None
        self._news = asyncio.Event()
        self._log = structlog.get_logger("pollwatch.links").bind(pool=peer.pool, worker=peer.worker)

    def deliver(self, plan: EncodedPlan, revision: int) -> None:
        """Push this plan from now on."""
        self._wanted = _Wanted(plan, revision)
        self._begin_anew()

    def nudge(self) -> None:
        """Look again: the worker's address or its keys may have changed."""
        if self._failures:
            self._begin_anew()

    def heard(self) -> None:
        """Take in that there is another report."""
        report = self._report()
        if report is not None and report.instance != self._instance:
            self._instance = report.instance
            self._begin_anew()
        self._news.set()

    async def run(self) -> None:
        """Push, for ever."""
        while True:
            self._news.clear()
            wanted = self._wanted
            if wanted is None or not self._is_missing(wanted):
                await self._news.wait()
                continue
            pause = self._not_before - self._peer.clock.monotonic()
            if pause <= 0.0:
                await self._push(wanted)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    def _begin_anew(self) -> None:
        self._not_before, self._failures, self._failing_since = 0.0, 0, None
        self._news.set()

    def _is_missing(self, wanted: _Wanted) -> bool:
        """Whether the worker was heard, and probes by an older plan."""
        report = self._report()
        return report is not None and report.plan.revision < wanted.revision

    async def _push(self, wanted: _Wanted) -> None:
        clock = self._peer.clock
        address = self._peer.address()
        if address is None:
            self._not_before = clock.monotonic() + LOOK_FOR_ADDRESS
            return
        started = clock.monotonic()
        try:
            pushed = await self._push_with_each_key(address, wanted)
        except NoAnswerError as error:
            self._count("unreachable")
            self._failed(started)
            if clock.monotonic() - (self._failing_since or started) >= PATIENCE:
                self._tell(push_failed(self._peer.worker, str(error)))
            return
        self._count(pushed.outcome.value)
        if pushed.outcome is PushOutcome.UNAUTHORIZED:
            self._failed(started)
            self._tell(token_mismatch(self._peer.worker, pushed.message))
            return
        self._tell(None)
        self._failures, self._failing_since = 0, None
        if self._wanted is wanted:
            # Where that does not make it live, the mounted Secret is to, for a while.
            self._not_before = clock.monotonic() + RETRY_REFUSED
        if pushed.report is not None:
            self._log.info(
                "plan was pushed",
                outcome=pushed.outcome.value,
                revision=wanted.revision,
                live=pushed.report.revision,
                message=pushed.report.message,
            )
            self._learned(pushed.report)

    async def _push_with_each_key(self, address: str, wanted: _Wanted) -> Pushed:
        pushed = Pushed(outcome=PushOutcome.UNAUTHORIZED, message="there is no key to show yet")
        for token, plan_key in self._keys():
            pushed = await push_plan(
                self._peer.client, address, wanted.plan, wanted.revision, token=token, plan_key=plan_key
            )
            if pushed.outcome is not PushOutcome.UNAUTHORIZED:
                break
        return pushed

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Give the pairs of a token and a plan key, the likeliest first."""
        report, keys = self._report(), self._peer.keys()
        accepted = report.keys if report is not None else ()
        for plan_key in by_acceptance(keys.plan_keys, accepted):
            for token in by_acceptance(keys.feed_tokens, accepted):
                yield token, plan_key

    def _failed(self, started: float) -> None:
        self._failures += 1
        self._failing_since = self._failing_since or started
        self._not_before = self._peer.clock.monotonic() + self._peer.delay(self._failures)

    def _tell(self, problem: LinkProblem | None) -> None:
        if self.problem != problem:
            self.problem = problem
            self._changed()

    def _count(self, outcome: str) -> None:
        self._peer.metrics.plan_pushes.labels(self._peer.pool, outcome).inc()
