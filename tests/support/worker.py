"""A worker whose probes are scripted and whose time is the test's."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pollwatch.plan.checks import CheckKey, CheckPlan, Plan, Target
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.probes.network import Network
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.worker import Worker
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.plans import make_sample


class NoNetwork:
    """Scripted probes need none."""

    async def resolve(self, host: str) -> tuple[str, ...]:
        raise AssertionError(f"{host} must not be resolved")

    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        raise AssertionError(f"{protocol} must not be connected to {address}:{port}")

    async def aclose(self) -> None:
        pass


class WorkerBench:
    """A worker, what its probes find, and everything that it said; `options` are fields of `Worker`."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.feed = Feed(clock=self.clock, instance="bench")
        self.series = SeriesStore()
        self.probed: list[Target] = []
        self.probed_at: list[float] = []
        """When each of them was, monotonic seconds."""
        self.policies: list[EgressPolicy] = []
        """What each of them was allowed."""
        self.heard: list[tuple[str | None, Verdict]] = []
        self.cancelled = 0
        self.find: Callable[[Target], Sample] = lambda _: make_sample()
        """What a probe of a target finds. `started` and `duration` are filled in."""
        self.takes: Callable[[Target], float] = lambda _: 0.1
        """How long a probe of a target takes, seconds."""
        network = NoNetwork()
        self.worker = Worker(
            network=Network(clock=self.clock, resolver=network, connector=network),
            series=self.series,
            metrics=WorkerMetrics(self.clock, LoopMonitor(self.clock)),
            feed=self.feed,
            listener=lambda target, _, verdict: self.heard.append((target.address, verdict)),
            take_sample=self._take_sample,
            **options,
        )

    async def _take_sample(self, target: Target, network: Network) -> Sample:
        self.probed.append(target)
        self.probed_at.append(self.clock.monotonic())
        self.policies.append(network.egress)
        started, sample = network.clock.time(), self.find(target)
        try:
            await asyncio.sleep(self.takes(target))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return replace(sample, started=started, duration=network.clock.time() - started)

    def apply(
        self, *checks: CheckPlan, egress: EgressPolicy = UNRESTRICTED, host_rate: float | None = None
    ) -> None:
        self.worker.apply(Plan(checks=checks, egress=egress, host_rate=host_rate))

    def run(self, *steps: float | Callable[[], object], grace: float = 0.0) -> None:
        """Run the worker; each step is a time to let pass, in seconds, or something to do."""

        async def main() -> None:
            running = asyncio.create_task(self.worker.run())
            for step in steps:
                if callable(step):
                    step()
                else:
                    await asyncio.sleep(step)
            self.worker.stop()
            await running
            await self.worker.drain(grace)

        run_in_fake_time(self.clock, main())

    def resolve_to(self, *addresses: str, down: Iterable[str] = (), failure: Sample | None = None) -> None:
        """Let the name have these addresses; those that are `down` give `failure`."""
        resolved = tuple(sorted(addresses))
        failing = set(down)

        def find(target: Target) -> Sample:
            used = target.address or resolved[0]
            sample = failure if failure is not None and used in failing else make_sample()
            return replace(sample, address=used, resolved=resolved)

        self.find = find

    def states(self) -> list[CheckState]:
        return [entry.state for entry in self.feed.read(0).entries]

    def verdicts(self) -> list[Verdict]:
        return [state.verdict for state in self.states()]

    def addresses(self, key: CheckKey) -> list[str | None]:
        return [view.address for view in self.worker.targets(key)]

    def series_named(self, name: str) -> dict[str, float]:
        """Give the exposed series of a metric: their labels as text, and their values."""
        page = b"".join(self.series.render(Exposition.TEXT)).decode()
        lines = (line.rpartition(" ") for line in page.splitlines() if line.startswith(name + "{"))
        return {labels.removeprefix(name): float(value) for labels, _, value in lines}
