"""Alert rules for all Checks, and objects about Pollwatch itself: what the one operator that leads does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from pollwatch.api.alert import AlertSpec
from pollwatch.api.conditions import ConditionType
from pollwatch.control.alerting.apis import OWN_KINDS, RULE_KINDS
from pollwatch.control.alerting.keeper import Keeper
from pollwatch.control.alerting.lookout import Lookout, Seen
from pollwatch.control.alerting.namespaces import NamespaceRules
from pollwatch.control.alerting.outcomes import Outcome, Outcomes, Silence
from pollwatch.control.alerting.own_objects import OwnObjects
from pollwatch.control.alerting.owner import Owner
from pollwatch.control.alerting.refusals import REMEDY
from pollwatch.control.alerting.rendering import Renderer
from pollwatch.control.alerting.scribe import Scribe
from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.control.cluster import Cluster, ClusterError
from pollwatch.control.conditions import find_condition
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import HeldCheck, Store
from pollwatch.control.work_queue import WorkQueue, backoff
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.worker.slices import Slices

DEBOUNCE = 0.3
"""Seconds from a change in a namespace to its rules being rendered: what changes in a rush goes together."""

SPACING = 2.0
"""Seconds between two looks at a namespace, at least."""

REFUSED_AGAIN = 30.0
"""Seconds before what was refused is tried again."""

CONCURRENCY = 4
"""Namespaces at a time."""

SWEEP = 0.5
"""Seconds between looks at whether a status has waited long enough."""


@dataclass(kw_only=True, eq=False)
class Alerting:
    """Knows, and has written, the alert rules of all Checks. Belongs to one event loop."""

    settings: AlertSettings
    """What the user said."""
    cluster: Cluster
    """The API server."""
    store: Store
    """The Checks."""
    scopes: Sequence[str | None]
    """The namespaces that are served; `(None,)`: all of them."""
    renderer: Renderer
    """Makes rules of Checks."""
    pool_alert: Callable[[CheckKey], AlertSpec | None]
    """Gives what the pool of a Check says of alerts."""
    offer: Callable[[CheckKey], None]
    """Called for each Check whose status may have to be written."""
    known: Callable[[], Awaitable[None]]
    """Returns when all Checks and pools are known."""
    metrics: ControlMetrics
    clock: Clock
    random: Callable[[], float]
    """Numbers in [0, 1), for backoff."""
    _namespaces: dict[str, NamespaceRules] = field(default_factory=dict, init=False)
    _seen: dict[CheckKey, tuple[str, int, AlertSpec | None]] = field(default_factory=dict, init=False)
    """What each Check was when its rules were asked for last."""
    _queue: WorkQueue[str] | None = field(default=None, init=False)
    """Namespaces to look at; `None`: we do not lead."""
    _logged: tuple[list[str], list[str]] | None = field(default=None, init=False)
    """The kinds and denials that the log was told of last."""

    _left_logged: bool = field(default=False, init=False)
    """Whether the log was told what keeps us from looking for what is not wanted."""

    def __post_init__(self) -> None:
        """Work out what is wanted."""
        self._apis = self.settings.rule_apis
        self._own = self.settings.own_documents
        self._wanted = {
            *(resource for api in self._apis for resource in api.resources),
            *(resource for resource, _ in self._own),
        }
        """Kinds in which there is to be something of ours."""
        self._outcomes = Outcomes(offer=self.offer, clock=self.clock)
        self._log = structlog.get_logger("pollwatch.alerting")
        self.metrics.watch_alerts(rules=self._count_rules, checks=self._outcomes.count)

    # What the rest of the operator asks and tells

    def outcome(self, key: CheckKey, *, uid: str, generation: int) -> Outcome | Silence:
        """Say what became of the rules of one generation of a Check."""
        return self._outcomes.get(key, uid=uid, generation=generation) if self._apis else Silence.OFF

    def changed(self, key: CheckKey) -> None:
        """Take in that a Check, or its pool, may have changed, or that it is gone."""
        if self._queue is None:
            return
        held = self.store.checks.get(key)
        if held is None:
            self._outcomes.forget(key)
            if self._seen.pop(key, None) is not None:
                self._namespace(key.namespace).discard(key.name)
                self._touch(key.namespace)
            return
        seen = (held.uid, held.generation, self.pool_alert(key))
        if self._seen.get(key) == seen:
            return
        self._seen[key] = seen
        if not _is_told(held):
            self._outcomes.wait(key)
        self._namespace(key.namespace).add(key.name)
        self._touch(key.namespace)

    async def run(self, may_write: Callable[[], bool] = lambda: True) -> None:
        """Keep the rules of all Checks, until cancelled: as long as we lead.

        Args:
            may_write: asked right before each write; see `Election.leading`.
        """
        call_later = asyncio.get_running_loop().call_later
        self._queue = queue = WorkQueue[str](random=self.random, call_later=call_later)
        cluster = self.cluster.fenced(may_write)
        owner = Owner(cluster, self.settings.owner)
        keeper = Keeper(cluster, self.metrics, self.clock)
        lookout = Lookout(
            cluster=cluster,
            keeper=keeper,
            watched={
                **dict.fromkeys(RULE_KINDS, self.scopes),
                **dict.fromkeys(OWN_KINDS, (self.settings.home.namespace,)),
            },
        )
        scribe = Scribe(
            store=self.store,
            pool_alert=self.pool_alert,
            renderer=self.renderer,
            apis=self._apis,
            owner=owner,
            keeper=keeper,
            lookout=lookout,
            outcomes=self._outcomes,
        )
        own_objects = OwnObjects(
            namespace=self.settings.home.namespace,
            wanted=self._own,
            owner=owner,
            keeper=keeper,
            lookout=lookout,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweep(scribe))
                slices = Slices(self.clock)
                for key in list(self.store.checks):
                    self.changed(key)
                    await slices.breathe()
                # Before all Checks are known, all rules look as if nobody wanted them.
                await self.known()
                group.create_task(self._watch(owner, lookout, scribe, own_objects))
                for _ in range(CONCURRENCY):
                    group.create_task(self._work(queue, scribe))
        finally:
            self._queue = None
            self._logged = None
            queue.close()
            self._namespaces.clear()
            self._seen.clear()
            self._outcomes.clear()

    # Looking

    async def _watch(self, owner: Owner, lookout: Lookout, scribe: Scribe, own_objects: OwnObjects) -> None:
        """Look at what there is, for ever."""
        failures = 0
        while True:
            try:
                failure = await self._look(owner, lookout, scribe, own_objects)
            except Exception:  # noqa: BLE001 - logged with its traceback
                # A defect: Checks are probed and judged all the same.
                self.metrics.reconcile_errors.inc()
                self._log.exception("looking after alert rules met a defect")
                failure = "a defect in Pollwatch"
            failures = failures + 1 if failure else 0
            delay = self.settings.look_period
            if failure:
                delay = min(delay, backoff(failures, jitter=self.random()))
                self._log.warning("looking after alert rules failed", seconds=round(delay, 1), error=failure)
            await asyncio.sleep(delay)

    async def _look(self, owner: Owner, lookout: Lookout, scribe: Scribe, own_objects: OwnObjects) -> str:
        """Look once; return what kept us from it, in words."""
        # First, since nothing is written before there was a look at what is there.
        try:
            if await owner.look():
                self._touch_all()
        except ClusterError as error:
            return str(error)
        seen, failure = await lookout.look()
        self._heed(seen, lookout, scribe)
        failure = await own_objects.tend() or failure
        for resource in (*RULE_KINDS, *OWN_KINDS):
            if resource not in self._wanted:
                lookout.ignore(resource)
        return str(failure or "")

    def _heed(self, seen: Seen, lookout: Lookout, scribe: Scribe) -> None:
        """Have looked at what is not as it was left."""
        if seen.access_changed:
            self._log_access(lookout)
            self._log_left(lookout)
            self._touch_all()
        for resource, name in seen.changed:
            if resource not in OWN_KINDS:
                for shard in self._namespace(name.namespace).holding(resource, name):
                    shard.stale = True
                self._touch(name.namespace)
        for resource, name in seen.spoken:
            if resource not in OWN_KINDS:
                for shard in self._namespace(name.namespace).holding(resource, name):
                    scribe.tell(name.namespace, shard)

    def _log_access(self, lookout: Lookout) -> None:
        """Say, once, where rules are rendered to and what keeps us from it."""
        kinds = [api.rules.kind for api in self._apis if lookout.serves(api)]
        denials = lookout.denials(self._wanted)
        if (kinds, denials) == self._logged:
            return
        self._logged = kinds, denials
        if kinds:
            self._log.info("alert rules are rendered", kinds=kinds)
            if len(kinds) > 1:
                self._log.warning(
                    "each alert is raised twice, by Prometheus and by Grafana: who hears both is told twice",
                    remedy="--grafana-rules=never or --prometheus-rules=never has it raised once",
                )
        elif self._apis:
            self._log.info(
                "alert rules are not rendered: the cluster knows none of these kinds",
                kinds=[api.rules.kind for api in self._apis],
            )
        for denial in denials:
            self._log.warning("no right to look after alert rules", error=denial, remedy=REMEDY)

    def _log_left(self, lookout: Lookout) -> None:
        """Say, once, that what is not wanted cannot be looked for: there may be some of it."""
        others = [kind for kind in (*RULE_KINDS, *OWN_KINDS) if kind not in self._wanted]
        denials = lookout.denials(others)
        if self._left_logged or not denials:
            return
        self._left_logged = True
        # Where nothing is written, the chart has no role for it either: all of it went with its owner.
        log = self._log.warning if self._wanted else self._log.info
        log(
            "no right to take away what is not wanted any more",
            error="; ".join(denials),
            remedy=f"{REMEDY}; the operator looks again when it starts",
        )

    # Writing

    async def _work(self, queue: WorkQueue[str], scribe: Scribe) -> None:
        """Bring namespaces to what their Checks ask for, for ever."""
        slices = Slices(self.clock)
        while True:
            namespace = await queue.get()
            rules = self._namespace(namespace)
            due = max(rules.touched_at + DEBOUNCE, rules.attended_at + SPACING)
            if (wait := due - self.clock.monotonic()) > 0.0:
                queue.postpone(namespace, wait)
                continue
            try:
                taken = await scribe.attend(namespace, rules, slices)
            except ClusterError as error:
                rules.failing = True
                delay = queue.retry(namespace)
                self._log.warning(
                    "alert rules were not written; trying again",
                    namespace=namespace,
                    seconds=round(delay, 1),
                    error=str(error),
                )
            except Exception:  # noqa: BLE001 - logged with its traceback below
                # A defect, but one namespace's: the others go on.
                self.metrics.reconcile_errors.inc()
                rules.failing = True
                delay = queue.retry(namespace)
                self._log.exception("rendering alert rules failed", namespace=namespace)
            else:
                rules.attended_at, rules.failing = self.clock.monotonic(), False
                if not taken:
                    queue.retry(namespace, after=REFUSED_AGAIN)
                else:
                    queue.done(namespace)
                    if not len(rules):
                        self._namespaces.pop(namespace, None)
            await slices.breathe()

    async def _sweep(self, scribe: Scribe) -> None:
        """Let go of the statuses that have waited long enough, for ever."""
        slices = Slices(self.clock)
        while True:
            await asyncio.sleep(SWEEP)
            for key in self._outcomes.overdue():
                held = self.store.checks.get(key)
                foreseen = scribe.foresee(key, self._namespace(key.namespace))
                if held is not None and foreseen is not None:
                    self._outcomes.put(key, uid=held.uid, generation=held.generation, outcome=foreseen)
                self.offer(key)
                await slices.breathe()

    def _namespace(self, name: str) -> NamespaceRules:
        return self._namespaces.setdefault(name, NamespaceRules())

    def _touch_all(self) -> None:
        for namespace, rules in self._namespaces.items():
            rules.touch_all()
            self._touch(namespace)

    def _touch(self, namespace: str) -> None:
        if self._queue is not None:
            self._namespace(namespace).touched_at = self.clock.monotonic()
            self._queue.add(namespace)

    def _count_rules(self) -> int:
        return sum(shard.rules for rules in self._namespaces.values() for shard in rules.shards)


def _is_told(held: HeldCheck) -> bool:
    """Whether the status says of this generation what became of its rules."""
    if held.status is None:
        return False
    told = find_condition(held.status.conditions, ConditionType.ALERTS_RENDERED)
    return told is not None and told.observed_generation == held.generation
