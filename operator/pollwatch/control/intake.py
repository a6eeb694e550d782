"""Takes what the watch and the re-lists see into the store, and says who has to look at it."""

from collections.abc import Callable, Mapping
from typing import Any

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CHECKS, CONFIG_MAPS
from pollwatch.control.inbox import Change, Inbox
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.slices import Slices
from pollwatch.control.store import Novelty, Store
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock

Identity = tuple[str, str, str]
"""Kind, namespace and name of an object."""


class Intake:
    """The only way into the store."""

    def __init__(
        self,
        *,
        store: Store,
        recompile: Callable[[CheckKey], None],
        report: Callable[[CheckKey], None],
        metrics: ControlMetrics,
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            store: where everything goes.
            recompile: called for a Check whose spec, or what it refers to, changed, or that is gone.
            report: called for a Check whose status was changed by somebody.
            metrics: counts what is seen.
            clock: for slicing.
        """
        self._store = store
        self._recompile = recompile
        self._report = report
        self._metrics = metrics
        self._clock = clock
        self._recordings: list[set[Identity]] = []

    async def run(self, inbox: Inbox) -> None:
        """Take in what the watch sees, for ever."""
        slices = Slices(self._clock)
        while True:
            await inbox.wait()
            while (change := inbox.take()) is not None:
                self._metrics.watch_events.labels(change.kind).inc()
                self._take(change)
                await slices.breathe()

    def _take(self, change: Change) -> None:
        metadata = change.document["metadata"]
        identity = (change.kind, metadata["namespace"], metadata["name"])
        for recording in self._recordings:
            recording.add(identity)
        if change.deleted:
            self.gone(identity, uid=metadata["uid"])
        else:
            self.seen(change.kind, change.document)

    def seen(self, kind: str, document: Mapping[str, Any]) -> None:
        """Take in an object as it is."""
        metadata = document["metadata"]
        if kind == CHECKS.kind:
            key = CheckKey(metadata["namespace"], metadata["name"])
            novelty = self._store.observe_check(document)
            if novelty is Novelty.SPEC:
                self._recompile(key)
            elif novelty is Novelty.STATUS:
                self._report(key)
            return
        reference = _reference(kind, metadata["namespace"], metadata["name"])
        self._changed(self._store.observe_data(reference, document))

    def gone(self, identity: Identity, *, uid: str) -> bool:
        """Take in that an object does not exist any more; return whether that is news."""
        kind, namespace, name = identity
        if kind != CHECKS.kind:
            users = self._store.forget_data(_reference(kind, namespace, name), uid=uid)
            self._changed(users)
            return bool(users)
        key = CheckKey(namespace, name)
        if not self._store.forget_check(key, uid=uid):
            return False
        self._recompile(key)
        return True

    def record(self) -> set[Identity]:
        """Return a set to which all objects are added that the watch sees from now on.

        Who lists needs to know them: what the watch says while a list is under way is newer.
        """
        recording: set[Identity] = set()
        self._recordings.append(recording)
        return recording

    def end_record(self, recording: set[Identity]) -> None:
        """Stop adding to a set that `record` returned."""
        self._recordings = [one for one in self._recordings if one is not recording]

    def _changed(self, keys: frozenset[CheckKey]) -> None:
        for key in keys:
            self._recompile(key)


def _reference(kind: str, namespace: str, name: str) -> Reference:
    return Reference("ConfigMap" if kind == CONFIG_MAPS.kind else "Secret", namespace, name)
