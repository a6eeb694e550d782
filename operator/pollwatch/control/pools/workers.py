"""The workers of one pool while we lead: links to them, and what is known of each."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pollwatch.control.limiter import TokenBucket
from pollwatch.control.links import LinkState, WorkerLink
from pollwatch.control.pools.delivery import MOST_BELIEVED
from pollwatch.control.pools.keys import read_keys
from pollwatch.control.pools.membership import WorkerFacts
from pollwatch.control.pools.names import keys_name, pod_name
from pollwatch.control.pools.owned import PODS, SECRETS, HeldObject
from pollwatch.control.pools.pods import PodFacts, read_pod
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shard
from pollwatch.control.pools.view import WorkerView
from pollwatch.worker.keys import Keys

HEARD_WITHIN = 45.0
"""Seconds in which a worker that is up was heard: a read that has no news to bring ends after 10."""

STARTING = 60.0
"""Seconds that a Pod may take to become ready."""

CLAIM_RATE, CLAIM_BURST = 1 / 60, 3.0
"""Plans a second, and at once, that are written anew because a worker says that it probes by a newer one:
one that was taken over could otherwise have us write Secrets without end."""


@dataclass(slots=True, kw_only=True)
class _Worker:
    shard: Shard
    link: WorkerLink
    task: asyncio.Task[None]
    claims: TokenBucket
    """How often it is believed that it probes by a newer plan than it was given."""
    unready_since: float | None = None
    """Since when its Pod is missing or not ready, monotonic seconds."""
    stopped_since: float | None = None
    """Since when it is certain that it does not run, monotonic seconds."""
    lost_since: float | None = None
    """Since when neither it nor its node is heard of, monotonic seconds."""
    pending_since: float | None = None
    """Since when its plan is not live, monotonic seconds."""
    reached_by: tuple[str | None, bool, tuple[str, ...]] = (None, False, ())
    """Address, readiness and keys at the last look."""


class Workers:
    """Of one pool. Belongs to one event loop."""

    def __init__(
        self, pool: str, services: Services, group: asyncio.TaskGroup, heard: Callable[[], None]
    ) -> None:
        """Start without any.

        Args:
            pool: the pool.
            services: what is needed from outside.
            group: runs the links.
            heard: called when a link changed.
        """
        self._pool = pool
        self._services = services
        self._group = group
        self._heard = heard
        self._workers: dict[str, _Worker] = {}
        self._keys: dict[str, tuple[str, Keys]] = {}
        """The version of each worker's Secret, and what it holds."""
        self._pods: dict[str, tuple[HeldObject, PodFacts]] = {}
        """Each worker's Pod, and what it says: it is looked at far more often than it changes."""

    def keep(self, shards: Iterable[Shard]) -> None:
        """Have a link to the worker of each of these shards, and to no others."""
        wanted = {shard.worker: shard for shard in shards}
        for name in self._workers.keys() - wanted.keys():
            self._workers.pop(name).task.cancel()
            self._keys.pop(name, None)
            self._pods.pop(name, None)
        for name, shard in wanted.items():
            if name not in self._workers:
                link = self._link(shard)
                task = self._group.create_task(link.run(), name=f"link {name}")
                claims = TokenBucket(rate=CLAIM_RATE, burst=CLAIM_BURST, clock=self._services.clock)
                self._workers[name] = _Worker(shard=shard, link=link, task=task, claims=claims)

    def look(self) -> None:
        """Note since when workers do not run, and since when plans are not live."""
        now = self._services.clock.monotonic()
        for worker in self._workers.values():
            pod, link = self.pod(worker.shard), worker.link.state
            ready = pod is not None and pod.ready
            worker.unready_since = None if ready else (worker.unready_since or now)
            stopped = pod is None or not pod.may_run
            worker.stopped_since = (worker.stopped_since or now) if stopped else None
            lost = pod is not None and pod.node_lost and not link.in_reach
            worker.lost_since = (worker.lost_since or now) if lost else None
            shard = worker.shard
            if 0 < shard.revision < link.live_revision <= MOST_BELIEVED and not shard.stale:
                # It takes nothing that is older: the Secrets were restored, say.
                shard.stale = worker.claims.try_take()
            worker.pending_since = None if self.is_live(shard) else (worker.pending_since or now)
            reached_by = pod.url if pod is not None else None, ready, self.keys(worker.shard).identities
            if reached_by != worker.reached_by:
                worker.reached_by = reached_by
                worker.link.nudge()

    def facts(self, name: str) -> WorkerFacts:
        """Say what is known of a worker, as of the last look."""
        worker = self._workers.get(name)
        if worker is None:
            return WorkerFacts(up=False)
        pod, link, now = self.pod(worker.shard), worker.link.state, self._services.clock
        heard = link.heard_at is not None and now.time() - link.heard_at < HEARD_WITHIN
        stopped, lost = worker.stopped_since, worker.lost_since
        runs = stopped is None and lost is None
        return WorkerFacts(
            up=runs and (heard or (pod is not None and pod.ready)),
            in_reach=link.in_reach,
            stopped_for=0.0 if stopped is None else now.monotonic() - stopped,
            lost_for=0.0 if lost is None else now.monotonic() - lost,
        )

    def pending_for(self, name: str) -> float:
        """Seconds since the plan of a worker is not live, as of the last look; 0: it is."""
        worker = self._workers.get(name)
        if worker is None or worker.pending_since is None:
            return 0.0
        # Never 0 for what is pending.
        return max(1e-3, self._services.clock.monotonic() - worker.pending_since)

    def is_live(self, shard: Shard) -> bool:
        """Whether a worker is known to probe by its newest plan."""
        return not shard.stale and self.state(shard.worker).live_revision == shard.revision > 0

    def state(self, name: str) -> LinkState:
        """Return the state of a link."""
        worker = self._workers.get(name)
        return worker.link.state if worker is not None else LinkState()

    def push(self, shard: Shard) -> None:
        """Push the plan of a shard that was written."""
        worker = self._workers.get(shard.worker)
        if worker is not None and shard.delivered is not None:
            worker.link.deliver(shard.delivered, shard.revision)

    def pod(self, shard: Shard) -> PodFacts | None:
        """Read the Pod of a shard; `None`: there is none."""
        held = self._services.owned[PODS].get(pod_name(self._pool, shard.number))
        if held is None:
            return None
        known = self._pods.get(shard.worker)
        if known is None or known[0] is not held:
            known = self._pods[shard.worker] = held, read_pod(held.document)
        return known[1]

    def is_starting(self, shard: Shard) -> bool:
        """Whether the Pod of a shard is still to be made, or too young to worry that it is not ready."""
        pod, now = self.pod(shard), self._services.clock.time()
        return pod is None or (not pod.ready and now - pod.made_at < STARTING)

    def views(self) -> list[WorkerView]:
        """Say what is known of all workers, by number."""
        now = self._services.clock.monotonic()
        return [
            WorkerView(
                name=name,
                checks=len(worker.shard.book),
                revision=worker.shard.revision,
                pending_for=self.pending_for(name),
                pod=self.pod(worker.shard),
                link=worker.link.state,
                unready_for=now - worker.unready_since if worker.unready_since is not None else 0.0,
            )
            for name, worker in sorted(self._workers.items(), key=lambda item: item[1].shard.number)
        ]

    def _link(self, shard: Shard) -> WorkerLink:
        services = self._services
        return WorkerLink(
            pool=self._pool,
            worker=shard.worker,
            address=lambda: self._address(shard),
            keys=lambda: self.keys(shard),
            client=services.client,
            book=shard.book,
            found=services.found,
            heard=self._heard,
            metrics=services.metrics,
            clock=services.clock,
            random=services.random,
        )

    def _address(self, shard: Shard) -> str | None:
        pod = self.pod(shard)
        return pod.url if pod is not None else None

    def accepted(self, shard: Shard) -> Sequence[str]:
        """Name the keys that a worker said last it accepts; none while we have not heard of it."""
        report = self.state(shard.worker).report
        return () if report is None else report.keys

    def keys(self, shard: Shard) -> Keys:
        """Read a worker's keys as its Secret has them now; none when it has none of use."""
        held = self._services.owned[SECRETS].get(keys_name(self._pool, shard.number))
        if held is None:
            return Keys()
        version, keys = self._keys.get(shard.worker, ("", Keys()))
        if version != held.version:
            state = read_keys(held)
            keys = state.keys if state is not None else Keys()
            self._keys[shard.worker] = held.version, keys
        return keys
