"""The keeping of alert rules alone, in fake time, over an API server in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pollwatch.control.alerting.apis import PROMETHEUS_RULES
from pollwatch.control.alerting.monitors import Home
from pollwatch.control.alerting.outcomes import Outcome, Silence
from pollwatch.control.alerting.renderer import RuleRenderer
from pollwatch.control.alerting.service import Alerting
from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import Store
from pollwatch.plan.checks import CheckKey
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.documents import check_document
from tests.support.clock import FakeClock, run_in_fake_time

if TYPE_CHECKING:
    from pollwatch.api.alert import AlertSpec

SETTINGS = AlertSettings(home=Home(namespace="pollwatch-system", workers=True), dashboards=False)

SITES = "public-sites"

SOON, LATER = 5.0, 60.0
"""Seconds until what changed is written, and until what was refused is tried again."""


def groups(cluster: InMemoryCluster, namespace: str) -> list[list[str]]:
    """The Checks in each PrometheusRule of a namespace."""
    return [
        [
            group["name"].removeprefix(f"{namespace}/")
            for group in cluster.get_object(PROMETHEUS_RULES, namespace, name)["spec"]["groups"]
        ]
        for name in cluster.names(PROMETHEUS_RULES, namespace)
    ]


class Stage:
    """What one operator knows, and what it is told."""

    def __init__(
        self,
        clock: FakeClock,
        cluster: InMemoryCluster,
        *,
        settings: AlertSettings = SETTINGS,
        scopes: tuple[str | None, ...] = (None,),
    ) -> None:
        self.clock = clock
        self.cluster = cluster
        self.store = Store()
        self.offered: list[CheckKey] = []
        self.pool: AlertSpec | None = None
        self.known = asyncio.Event()
        self.known.set()
        self.metrics = ControlMetrics()
        self.leads = True
        self.alerting = Alerting(
            settings=settings,
            cluster=cluster,
            store=self.store,
            scopes=scopes,
            renderer=RuleRenderer(settings),
            pool_alert=lambda _key: self.pool,
            offer=self.offered.append,
            known=self._known,
            metrics=self.metrics,
            clock=clock,
            random=lambda: 0.5,
        )
        self._versions = 0

    async def _known(self) -> None:
        await self.known.wait()

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[None]:
        """The operator leads inside the block."""
        task = asyncio.create_task(self.alerting.run(lambda: self.leads))
        try:
            yield
            # What ended it is the test's failure.
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def check(self, name: str = "front-page", *, namespace: str = SITES, **spec: Any) -> None:
        """Make a Check, or change it."""
        key = CheckKey(namespace, name)
        held = self.store.checks.get(key)
        self._versions += 1
        self.store.observe_check(
            check_document(
                name,
                namespace=namespace,
                version=self._versions,
                generation=held.generation + 1 if held is not None else 1,
                **spec,
            )
        )
        self.alerting.changed(key)

    def forget(self, name: str = "front-page", *, namespace: str = SITES) -> None:
        """Delete a Check."""
        key = CheckKey(namespace, name)
        self.store.forget_check(key, uid=f"uid-of-{name}")
        self.alerting.changed(key)

    def outcome(self, name: str = "front-page", *, namespace: str = SITES) -> Outcome | Silence:
        """What is known of the current generation of a Check."""
        key = CheckKey(namespace, name)
        held = self.store.checks[key]
        return self.alerting.outcome(key, uid=held.uid, generation=held.generation)

    def told(self, name: str = "front-page", *, namespace: str = SITES) -> tuple[str, str]:
        """Reason and message of condition `AlertsRendered`; both empty: nothing is known."""
        outcome = self.outcome(name, namespace=namespace)
        return (outcome.reason.value, outcome.message) if isinstance(outcome, Outcome) else ("", "")


def play(scene: Callable[[FakeClock, InMemoryCluster], Awaitable[None]], *kinds: Any) -> None:
    """Play a scene in fake time."""
    clock = FakeClock()

    async def main() -> None:
        await scene(clock, InMemoryCluster(*kinds))

    run_in_fake_time(clock, main())


def with_settings(**changes: Any) -> AlertSettings:
    """The usual settings, but for some."""
    return replace(SETTINGS, **changes)
