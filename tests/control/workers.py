"""Workers that say what a test wants: the real endpoints over real HTTP, and no probes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from pollwatch.plan.checks import CheckKey, Plan
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.reports import WorkerReport
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.worker.feed import Feed
from pollwatch.worker.feed_app import FeedApp
from pollwatch.worker.health import Health
from pollwatch.worker.keys import Keys
from pollwatch.worker.plan_intake import PlanIntake
from pollwatch.worker.plan_push import PlanPush
from pollwatch.worker.serve import HttpServer
from tests.support.plan_folders import KEYS

NAMESPACE = "public-sites"


class ToldWorker:
    """A worker that is told what it has found."""

    def __init__(self, *, name: str = "east-0", capacity: int = 1000, keys: Keys = KEYS) -> None:
        self.name = name
        self.keys = keys
        self.capacity = capacity
        self.clock = SystemClock()
        self.states: dict[CheckKey, CheckState] = {}
        self.plans: list[Plan] = []
        self.claims: int | None = None
        """The revision that it says it probes by; `None`: the one that it does."""
        self._begin()

    def _begin(self, listen: str = "127.0.0.1:0") -> None:
        self.feed = Feed(clock=self.clock, capacity=self.capacity)
        self.intake = PlanIntake(self.plans.append, changed=self.feed.notice, clock=self.clock)
        self.app = FeedApp(
            feed=self.feed,
            states=lambda: self.states,
            report=self.report,
            keys=lambda: self.keys,
        )
        push = PlanPush(push=self.intake.push, report=lambda: self.intake.report, keys=lambda: self.keys)
        self.server = HttpServer(
            listen,
            metrics=[],
            health=lambda: Health(ok=True),
            ready=lambda: Health(ok=True),
            routes={"/feed": self.app},
            uploads={"/plan": push},
        )

    @property
    def url(self) -> str:
        return self.server.url

    def report(self) -> WorkerReport:
        plan = self.intake.report
        return WorkerReport(
            instance=self.feed.instance,
            version="0.1",
            worker=self.name,
            plan=plan if self.claims is None else replace(plan, revision=self.claims),
            targets=len(self.states),
            probes_per_second=1.0,
            utilisation=0.1,
            lateness=0.001,
            missed=0,
            keys=self.keys.identities,
        )

    def tell(self, name: str, verdict: Verdict, *, at: float | None = None, evidence: str = "") -> CheckState:
        """Find that a Check has a verdict."""
        key = CheckKey(NAMESPACE, name)
        before = self.states.get(key)
        at = self.clock.time() if at is None else at
        failed = verdict in (Verdict.DOWN, Verdict.DEGRADED)
        state = CheckState(
            key=key,
            uid=f"uid-of-{name}",
            generation=1,
            verdict=verdict,
            previous=before.verdict if before is not None else Verdict.UNKNOWN,
            since=at,
            at=at,
            total=1,
            up=int(verdict is Verdict.UP),
            reason=Reason.UNEXPECTED_STATUS if failed else None,
            address="192.0.2.1" if failed else "",
            evidence=(evidence or "status 500, expected 2xx") if failed else "",
        )
        self.states[key] = state
        self.feed.publish(state)
        return state

    async def restart(self) -> None:
        """Be killed and started anew, at the same address: nothing is known any more."""
        port = self.server.port
        await self.stop()
        self.states.clear()
        self._begin(f"127.0.0.1:{port}")
        await self.server.start()

    async def stop(self) -> None:
        """End all connections, and answer no more."""
        self.app.close()
        await asyncio.sleep(0)
        await self.server.stop()


@asynccontextmanager
async def told_worker(
    *, name: str = "east-0", capacity: int = 1000, keys: Keys = KEYS
) -> AsyncIterator[ToldWorker]:
    """A worker that answers, for the time of the block."""
    worker = ToldWorker(name=name, capacity=capacity, keys=keys)
    await worker.server.start()
    try:
        yield worker
    finally:
        await worker.stop()
