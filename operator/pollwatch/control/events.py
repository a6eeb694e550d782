"""Kubernetes Events: few, and each one once.

An Event says that the published status of a Check took a turn. Its name is made from what
it says, so that saying it twice (after a restart, on a retry) is refused by the API server
as a duplicate.
"""

import asyncio
import hashlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog

from pollwatch.api.conditions import ConditionStatus, ConditionType
from pollwatch.control.cluster import CHECKS, Cluster, ClusterError, RefusedError
from pollwatch.control.conditions import find_condition
from pollwatch.control.limiter import TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.status import CheckStatus
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.plan.states import Verdict

MAX_NOTE = 1024
"""Longest note that the API accepts, in bytes."""

BACKLOG = 1000
"""Events that wait to be posted; more are dropped and counted: they are news, not a record."""

CLUSTER_RATE, CLUSTER_BURST = 20.0, 200.0
"""Events a second for all Checks together."""

CHECK_RATE, CHECK_BURST = 1 / 60, 10.0
"""Events a second for one Check: one that flaps all day must not fill etcd."""

BUCKETS = 10_000
"""Checks whose budget is remembered."""

_SEVERITY = {Verdict.UP: 0, Verdict.UNKNOWN: 1, Verdict.DEGRADED: 2, Verdict.DOWN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What an Event says."""

    key: CheckKey
    uid: str
    warning: bool
    reason: str
    action: str
    """What the operator did: `Judge` or `Validate`."""
    note: str
    since: str
    """When it began, RFC 3339: the same turn has the same name, told once or twice."""

    @property
    def name(self) -> str:
        """The name of the Event object: the Check's and a digest of what is said."""
        said = f"{self.uid}\0{self.reason}\0{self.since}\0{self.note}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        return f"{self.key.name[:230]}.{digest}"


def news(key: CheckKey, uid: str, before: CheckStatus | None, after: CheckStatus) -> list[News]:
    """Say what is news in a status that was just written.

    A Check that is found Up as soon as it is made is no news, nor is one that is accepted.
    """
    told = []
    accepted = find_condition(after.conditions, ConditionType.ACCEPTED)
    earlier = find_condition(before.conditions, ConditionType.ACCEPTED) if before else None
    if accepted is not None:
        rejected = accepted.status == ConditionStatus.FALSE
        was_rejected = earlier is not None and earlier.status == ConditionStatus.FALSE
        changed = earlier is None or (earlier.status, earlier.message) != (accepted.status, accepted.message)
        if changed and (rejected or was_rejected):
            told.append(
                News(
                    key=key,
                    uid=uid,
                    warning=rejected,
                    reason=accepted.reason,
                    action="Validate",
                    note=accepted.message,
                    since=f"{accepted.last_transition_time}/{after.observed_generation}",
                )
            )
    verdict = before.verdict if before is not None else Verdict.UNKNOWN
    judged = find_condition(after.conditions, ConditionType.READY)
    if after.verdict is verdict or judged is None or judged.status != ConditionStatus.TRUE:
        return told
    if (verdict, after.verdict) == (Verdict.UNKNOWN, Verdict.UP) and not _was_judged(before):
        return told
    told.append(
        News(
            key=key,
            uid=uid,
            warning=_SEVERITY[after.verdict] > _SEVERITY[verdict],
            reason=after.verdict.value,
            action="Judge",
            note=_verdict_note(after, verdict),
            since=after.last_transition_time,
        )
    )
    return told


def _was_judged(before: CheckStatus | None) -> bool:
    """Whether an Unknown came from samples: then it carries their reason."""
    return before is not None and bool(before.reason)


def _verdict_note(after: CheckStatus, before: Verdict) -> str:
    parts = [f"{after.verdict} (was {before}): {after.up} of {after.total} targets up"]
    if after.reason:
        place = f" at {after.address}" if after.address else ""
        parts.append(f"{after.reason}{place}")
    if after.message:
        parts.append(after.message)
    return "; ".join(parts)


def event_document(said: News, *, instance: str, now: float) -> dict[str, Any]:
    """Build the Event (events.k8s.io/v1).

    Args:
        said: what it says.
        instance: who reports it: the name of the Pod or host.
        now: Unix seconds.
    """
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": said.name, "namespace": said.key.namespace},
        "eventTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if said.warning else "Normal",
        "reason": said.reason,
        "action": said.action,
        "note": said.note.encode()[:MAX_NOTE].decode(errors="ignore"),
        "regarding": {
            "apiVersion": f"{CHECKS.group}/{CHECKS.version}",
            "kind": CHECKS.kind,
            "namespace": said.key.namespace,
            "name": said.key.name,
            "uid": said.uid,
        },
        "reportingController": "pollwatch.dev/operator",
        "reportingInstance": instance[:128],
    }


class Recorder:
    """Posts Events in the background. Losing one is not an error: the status is the record."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        metrics: ControlMetrics,
        clock: Clock,
        instance: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._instance = instance
        self._sleep = sleep
        self._backlog: deque[News] = deque()
        self._arrived = asyncio.Event()
        self._posted = asyncio.Event()
        self._all = TokenBucket(rate=CLUSTER_RATE, burst=CLUSTER_BURST, clock=clock)
        self._each: OrderedDict[str, TokenBucket] = OrderedDict()
        self._log = structlog.get_logger("pollwatch.events")

    async def idle(self) -> None:
        """Return when nothing waits to be posted."""
        while self._backlog:
            self._posted.clear()
            await self._posted.wait()

    def record(self, said: News) -> None:
        """Queue an Event, unless its Check or everybody together says too much."""
        if len(self._backlog) >= BACKLOG or not self._bucket(said.uid).try_take():
            self._metrics.events.labels("limited").inc()
            return
        self._backlog.append(said)
        self._arrived.set()

    async def run(self) -> None:
        """Post what is queued, for ever."""
        while True:
            while self._backlog:
                await self._all.take(self._sleep)
                await self._post(self._backlog[0])
                self._backlog.popleft()
                self._posted.set()
            self._arrived.clear()
            await self._arrived.wait()

    async def _post(self, said: News) -> None:
        document = event_document(said, instance=self._instance, now=self._clock.time())
        try:
            await self._cluster.create_event(said.key.namespace, document)
        except RefusedError as error:
            if error.code == HTTPStatus.CONFLICT:
                self._metrics.events.labels("repeated").inc()
                return
            if error.retry_after is not None:
                self._all.pause(error.retry_after)
            self._failed(said, error)
        except ClusterError as error:
            self._failed(said, error)
        else:
            self._metrics.events.labels("created").inc()

    def _failed(self, said: News, error: ClusterError) -> None:
        self._metrics.events.labels("failed").inc()
        self._log.warning("event was not posted", check=str(said.key), reason=said.reason, error=str(error))

    def _bucket(self, uid: str) -> TokenBucket:
        bucket = self._each.pop(uid, None)
        if bucket is None:
            bucket = TokenBucket(rate=CHECK_RATE, burst=CHECK_BURST, clock=self._clock)
            if len(self._each) >= BUCKETS:
                self._each.popitem(last=False)
        self._each[uid] = bucket
        return bucket
