"""Takes what the watch and the re-lists see into the caches, and says who has to look at it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import structlog

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CHECKS, CONFIG_MAPS, Resource
from pollwatch.control.follower import Follower, ObjectName, name_of
from pollwatch.control.inbox import Change, Inbox
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import Novelty, Store
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.worker.slices import Slices

Identity = tuple[Resource, ObjectName]
"""One object of one kind."""

Recording = dict[Identity, str]
"""What the watch has seen since: of each object the last version, or the one that deleted it."""


class Intake:
    """The only way into the caches."""

    def __init__(
        self,
        *,
        store: Store,
        recompile: Callable[[CheckKey], None],
        report: Callable[[CheckKey], None],
        metrics: ControlMetrics,
        clock: Clock,
        followers: Mapping[Resource, Follower] = MappingProxyType({}),
    ) -> None:
        """Wire it.

        Args:
            store: where Checks go, and the Secrets and ConfigMaps that they refer to.
            recompile: called for a Check whose spec, or what it refers to, changed, or that is gone.
            report: called for a Check whose status was changed by somebody.
            metrics: counts what is seen.
            clock: for slicing.
            followers: where objects of other kinds go. They are listed before Checks are.
        """
        self._store = store
        self._recompile = recompile
        self._metrics = metrics
        self._clock = clock
        self._recordings: list[Recording] = []
        self.followers: Mapping[Resource, Follower] = {
            **followers,
            CHECKS: _Checks(store, recompile, report),
        }
        """Who holds what, in the order in which it is listed."""
        self._log = structlog.get_logger("pollwatch.intake")

    async def run(self, inbox: Inbox) -> None:
        """Take in what the watch sees, for ever."""
        slices = Slices(self._clock)
        while True:
            await inbox.wait()
            while (change := inbox.take()) is not None:
                self._metrics.watch_events.labels(change.resource.kind).inc()
                with self.isolated(change.resource, change.document):
                    self._take(change)
                await slices.breathe()

    @contextmanager
    def isolated(self, resource: Resource, document: Mapping[str, Any]) -> Iterator[None]:
        """Let a defect that one object meets end here, told: the others go on. A re-list tries it again."""
        try:
            yield
        except Exception:  # noqa: BLE001 - logged with its traceback
            self._metrics.reconcile_errors.inc()
            metadata = document.get("metadata") or {}
            self._log.exception(
                "taking in an object failed",
                kind=resource.kind,
                namespace=metadata.get("namespace", ""),
                name=metadata.get("name", ""),
            )

    def _take(self, change: Change) -> None:
        resource, name = change.resource, name_of(change.document)
        for recording in self._recordings:
            recording[resource, name] = change.document["metadata"].get("resourceVersion", "")
        follower = self.followers.get(resource)
        if follower is None:
            self._take_data(resource, name, change)
        elif change.deleted:
            follower.gone(name, uid=change.document["metadata"]["uid"])
        else:
            follower.seen(change.document)

    def _take_data(self, resource: Resource, name: ObjectName, change: Change) -> None:
        reference = Reference("ConfigMap" if resource == CONFIG_MAPS else "Secret", *name)
        if change.deleted:
            users = self._store.forget_data(reference, uid=change.document["metadata"]["uid"])
        else:
            users = self._store.observe_data(reference, change.document)
        for key in users:
            self._recompile(key)

    def record(self) -> Recording:
        """Return what all objects are added to that the watch sees from now on.

        Who lists needs to know them: what the watch says while a list is under way is newer, mostly.
        """
        recording: Recording = {}
        self._recordings.append(recording)
        return recording

    def end_record(self, recording: Recording) -> None:
        """Stop adding to what `record` returned."""
        self._recordings = [one for one in self._recordings if one is not recording]


class _Checks:
    """Follows Checks into the store."""

    namespaces = None

    def __init__(
        self, store: Store, recompile: Callable[[CheckKey], None], report: Callable[[CheckKey], None]
    ) -> None:
        self._store = store
        self._recompile = recompile
        self._report = report

    def held(self) -> Mapping[ObjectName, str]:
        return {ObjectName(*key): check.uid for key, check in self._store.checks.items()}

    def seen(self, document: Mapping[str, Any]) -> None:
        key = CheckKey(*name_of(document))
        novelty = self._store.observe_check(document)
        if novelty is Novelty.SPEC:
            self._recompile(key)
        elif novelty is Novelty.STATUS:
            self._report(key)

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        key = CheckKey(*name)
        if not self._store.forget_check(key, uid=uid):
            return False
        self._recompile(key)
        return True

    def listed(self) -> None:
        """Nothing waits for it: the re-list as a whole is what readiness asks for."""
