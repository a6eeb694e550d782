"""The safety net under the watch: lists everything now and then, and prunes what is gone.

A watch that fell behind (410 Gone) is begun anew by a list, which cannot tell what was
deleted meanwhile. So what is held is compared with what there is: at the start, and then
every few minutes. And before this operator leads, for a watch may lag, and who leads by what
was would take back what the leader before has done.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CHECKS, CONFIG_MAPS, SECRETS, Cluster, ClusterError, Resource
from pollwatch.control.follower import Follower, Namespaces, ObjectName, name_of
from pollwatch.control.intake import Intake, Recording
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import Store, is_newer
from pollwatch.control.versions import ObjectVersion
from pollwatch.control.work_queue import backoff
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.worker.slices import Slices

SOON = 20.0
"""Seconds after a start of the watch until it has surely listed: what is deleted before it has, no
watch tells."""

READ_SINGLY = 50
"""Checks that changed and are read one by one; of more, all Checks are listed whole."""


@dataclass(kw_only=True, eq=False)
class Resync:
    """Compares the caches with the cluster."""

    cluster: Cluster
    """Where to list."""
    store: Store
    """What Checks refer to."""
    intake: Intake
    """Takes what is found."""
    fetch: Callable[[Reference], None]
    """Called for each Secret and ConfigMap that is not the one that is held."""
    namespaces: Namespaces
    """The namespaces that are served; `(None,)`: all of them."""
    period: float
    """Seconds from one re-list to the next, about."""
    metrics: ControlMetrics
    clock: Clock
    random: Callable[[], float]
    """Numbers in [0, 1): operators that started together do not list together."""
    _succeeded: float | None = field(default=None, init=False)
    """When a re-list succeeded last, monotonic seconds."""
    _failures: int = field(default=0, init=False)
    _listed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        """Name the log."""
        self._log = structlog.get_logger("pollwatch.resync")

    @property
    def age(self) -> float | None:
        """Seconds since a re-list succeeded; `None` when none has yet."""
        return None if self._succeeded is None else self.clock.monotonic() - self._succeeded

    def soon(self) -> None:
        """Re-list within `SOON`: somebody may have missed something."""
        self._hurry.set()

    async def run(self) -> None:
        """List until it succeeds, and re-list for ever."""
        while True:
            try:
                await self.once()
            except ClusterError as error:
                self._failures += 1
                self.metrics.resyncs.labels("failed").inc()
                self._log.warning("re-list failed", failures=self._failures, error=str(error))
            await self._pause()

    async def _pause(self) -> None:
        if self._failures:
            await asyncio.sleep(min(self.period, backoff(self._failures, jitter=self.random())))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.period * (0.9 + 0.2 * self.random())):
                await self._hurry.wait()
                self._hurry.clear()
                await asyncio.sleep(min(self.period, SOON))

    async def listed(self) -> None:
        """Return when everything was listed once."""
        await self._listed.wait()

    async def once(self) -> None:
        """Re-list everything once.

        Raises:
            ClusterError: the API server did not answer, or not well; nothing was pruned of the kinds
                that could not be listed whole. The other kinds were listed all the same.
        """
        started = self.clock.monotonic()
        recording = self.intake.record()
        failures: list[ClusterError] = []
        try:
            for resource, follower in self.intake.followers.items():
                try:
                    await self._bring(resource, follower, recording)
                except ClusterError as error:
                    failures.append(error)
            if failures:
                raise failures[0]
            await self._list_data(SECRETS, recording)
            await self._list_data(CONFIG_MAPS, recording)
        finally:
            self.intake.end_record(recording)
        self._failures = 0
        self._listed.set()
        self._succeeded = self.clock.monotonic()
        self.metrics.resyncs.labels("succeeded").inc()
        self.metrics.resync_seconds.set(self._succeeded - started)
        self.metrics.resync_time.set(self.clock.time())

    async def refresh(self) -> None:
        """Bring Checks, and what else is followed, to what they are now; return when they are."""
        failures = 0
        while True:
            try:
                await self._refresh_once()
            except ClusterError as error:
                failures += 1
                self._log.warning("the cluster cannot be listed; trying again", error=str(error))
                await asyncio.sleep(backoff(failures, jitter=self.random()))
            else:
                return

    async def _refresh_once(self) -> None:
        """Bring all kinds at once: nobody is told what to do until that is done."""
        recording = self.intake.record()
        followers = self.intake.followers.items()
        try:
            outcomes = await asyncio.gather(
                *(self._bring(resource, follower, recording) for resource, follower in followers),
                return_exceptions=True,
            )
        finally:
            self.intake.end_record(recording)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _bring(self, resource: Resource, follower: Follower, recording: Recording) -> None:
        """Bring what is followed to what it is now."""
        is_known = self._succeeded is not None
        if not is_known or resource is not CHECKS or not await self._compare(follower, recording):
            await self._list(resource, follower, recording)

    async def _compare(self, follower: Follower, recording: Recording) -> bool:
        """Read the Checks that changed, by what a list of their versions says: a fifth of the work.

        Returns:
            Whether they were few enough for that.
        """
        before = follower.held()
        found: set[ObjectName] = set()
        changed: list[ObjectName] = []
        async for version in self._versions(CHECKS, follower.namespaces):
            name = version.object_name
            found.add(name)
            held = self.store.checks.get(CheckKey(*name))
            if (
                held is None
                or held.uid != version.uid
                or is_newer(version.resource_version, held.resource_version)
            ):
                changed.append(name)
        if len(changed) > READ_SINGLY:
            return False
        for name in changed:
            if (check := await self.cluster.find(CHECKS, *name)) is not None:
                self._take(CHECKS, follower, recording, check)
        self._prune_missing(CHECKS, follower, recording, before, found)
        return True

    async def _list(self, resource: Resource, follower: Follower, recording: Recording) -> None:
        before = follower.held()
        found: set[ObjectName] = set()
        slices = Slices(self.clock)
        async for documents in self._pages(resource, follower):
            for document in documents:
                found.add(name_of(document))
                self._take(resource, follower, recording, document)
                await slices.breathe()
        self._prune_missing(resource, follower, recording, before, found)
        follower.listed()

    async def _pages(self, resource: Resource, follower: Follower) -> AsyncIterator[Sequence[dict[str, Any]]]:
        for namespace in self.namespaces if follower.namespaces is None else follower.namespaces:
            async for page in self.cluster.pages(resource, namespace):
                yield page

    async def _versions(
        self, resource: Resource, namespaces: Namespaces | None
    ) -> AsyncIterator[ObjectVersion]:
        for namespace in self.namespaces if namespaces is None else namespaces:
            async for page in self.cluster.versions(resource, namespace):
                for version in page:
                    yield version

    def _take(
        self, resource: Resource, follower: Follower, recording: Recording, document: dict[str, Any]
    ) -> None:
        # What the watch has shown meanwhile is newer, mostly: the object may be deleted, or another one.
        shown = recording.get((resource, name_of(document)))
        if shown is None or is_newer(document["metadata"]["resourceVersion"], shown):
            with self.intake.isolated(resource, document):
                follower.seen(document)

    def _prune_missing(
        self,
        resource: Resource,
        follower: Follower,
        recording: Recording,
        before: Mapping[ObjectName, str],
        found: Collection[ObjectName],
    ) -> None:
        for name, uid in before.items():
            # What the watch has shown meanwhile is newer than the list.
            if name not in found and (resource, name) not in recording:
                with self.intake.isolated(resource, {"metadata": name._asdict()}):
                    self._prune(resource, follower, name, uid)

    def _prune(self, resource: Resource, follower: Follower, name: ObjectName, uid: str) -> None:
        if follower.gone(name, uid=uid):
            self.metrics.pruned.labels(resource.kind).inc()
            self._log.info("pruned what the watch had missed", kind=resource.kind, name="/".join(name))

    async def _list_data(self, resource: Resource, recording: Recording) -> None:
        """Have what changed read again; the list itself is without content (no secrets on the wire)."""
        held = [one for one in self.store.references() if one.kind == resource.kind]
        if not held:
            return
        found = {
            version.object_name: version.resource_version
            async for version in self._versions(resource, self.namespaces)
        }
        for reference in held:
            name = ObjectName(reference.namespace, reference.name)
            if (resource, name) in recording:
                continue
            if found.get(name, "") != self.store.resource_version(reference):
                self.metrics.pruned.labels(resource.kind).inc()
                self.fetch(reference)
