"""Brings the objects of one namespace to what its Checks ask for, and says what became of each Check."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import structlog

from pollwatch.alerting.model import RuleGroup
from pollwatch.api.alert import AlertSpec
from pollwatch.api.conditions import AlertsReason
from pollwatch.api.problems import Problem
from pollwatch.control.alerting.apis import RULE_APIS, RuleApi
from pollwatch.control.alerting.compare import Sealed, seal
from pollwatch.control.alerting.keeper import Keeper, NotOursError, ObjectKey
from pollwatch.control.alerting.layout import MOST_BYTES, object_name, shard_of_object
from pollwatch.control.alerting.lookout import Access, Lookout
from pollwatch.control.alerting.namespaces import NamespaceRules, Shard, Version
from pollwatch.control.alerting.outcomes import Outcome, Outcomes
from pollwatch.control.alerting.owner import Owner
from pollwatch.control.alerting.refusals import in_words, may_pass
from pollwatch.control.alerting.rendering import Renderer, rules_of
from pollwatch.control.cluster import RefusedError, Resource
from pollwatch.control.store import HeldCheck, Store
from pollwatch.plan.checks import CheckKey
from pollwatch.worker.slices import Slices

NO_RULE_API = Outcome(
    AlertsReason.NO_RULE_API,
    "No alert rule: the cluster knows neither PrometheusRules nor GrafanaAlertRuleGroups. Once Prometheus"
    " Operator or grafana-operator is installed, they are made; without, `pollwatch rules` writes files.",
)

_SETTLED = frozenset({Access.OPEN, Access.ABSENT})


class _Made(NamedTuple):
    """What was rendered of one Check."""

    group: RuleGroup | None
    problems: Sequence[Problem]
    version: Version


class Scribe:
    """Writes the rules of namespaces. Belongs to one event loop, and to the time that we lead."""

    def __init__(
        self,
        *,
        store: Store,
        pool_alert: Callable[[CheckKey], AlertSpec | None],
        renderer: Renderer,
        apis: Sequence[RuleApi],
        owner: Owner,
        keeper: Keeper,
        lookout: Lookout,
        outcomes: Outcomes,
    ) -> None:
        """Wire it.

        Args:
            store: the Checks.
            pool_alert: gives what the pool of a Check says of alerts.
            renderer: makes rules.
            apis: where rules are to be put; what is found in others is deleted.
            owner: owns what is written.
            keeper: applies and deletes.
            lookout: knows what the API server knows.
            outcomes: is told what became of each Check.
        """
        self._store = store
        self._pool_alert = pool_alert
        self._renderer = renderer
        self._apis = apis
        self._owner = owner
        self._keeper = keeper
        self._lookout = lookout
        self._outcomes = outcomes
        self._log = structlog.get_logger("pollwatch.alerting")

    async def attend(self, namespace: str, rules: NamespaceRules, slices: Slices) -> bool:
        """Bring about what the Checks of a namespace ask for; return whether all of it was taken.

        Raises:
            ClusterError: some of it could not be done now.
        """
        if not self._apis:
            return await self._tidy(namespace, rules)
        access = {api: self._lookout.access(api, namespace) for api in self._apis}
        if set(access.values()) == {Access.ABSENT}:
            self._tell_absent(namespace, rules)
            return await self._tidy(namespace, rules)
        if not {Access.OPEN, Access.DENIED} & set(access.values()):
            # When more is known, everything is looked at.
            return True
        open_apis = [api for api, one in access.items() if one is Access.OPEN]
        rules.spread(held=self._held_shards(namespace, open_apis))
        number = 0
        while number < len(rules.shards):
            shard = rules.shards[number]
            number += 1
            if not shard.stale:
                continue
            if await self._write(namespace, number - 1, shard, open_apis, slices):
                self.tell(namespace, shard)
            else:
                rules.grow()
                number = 0
        tidied = await self._tidy(namespace, rules)
        return tidied and not any(shard.refused for shard in rules.shards)

    def tell(self, namespace: str, shard: Shard) -> None:
        """Say of each Check of a shard what became of its rules."""
        keys = {api: shard.objects.get(api, ()) for api in self._apis}
        standings = {
            api: [self._keeper.standing(resource, name) for resource, name in keys[api]] for api in keys
        }
        problems, places, waits = [], [], []
        for api in self._apis:
            denial = self._lookout.denial(api, namespace)
            problem = shard.refused.get(api) or (denial and in_words(api.rules.kind, denial))
            of_status = [one.problem for one in standings[api] if one.problem]
            if problem or of_status:
                problems.append(problem or f"{api.rules.kind}: {'; '.join(of_status)}")
            elif keys[api]:
                waiting = [one.waiting for one in standings[api] if one.waiting]
                waits += [f"{api.rules.kind}: {one}" for one in waiting[:1]]
                if not waiting:
                    places.append(f"{api.rules.kind}s")
        self._log_trouble(namespace, shard, "; ".join(problems))
        for check, version in shard.rendered.items():
            key = CheckKey(namespace, check)
            if _version(self._store.checks.get(key)) == version:
                outcome = _outcome(problems, places, waits, fault=shard.faults.get(check, ""))
                self._outcomes.put(key, uid=version.uid, generation=version.generation, outcome=outcome)

    def foresee(self, key: CheckKey, rules: NamespaceRules) -> Outcome | None:
        """Say what is going to become of a Check whose turn has not come yet; `None`: nobody knows.

        Where many Checks are new at once, writing their rules takes longer than their status may wait.
        """
        held = self._store.checks.get(key)
        access = {api: self._lookout.access(api, key.namespace) for api in self._apis}
        open_apis = [api for api, one in access.items() if one is Access.OPEN]
        troubled = rules.failing or any(shard.refused for shard in rules.shards)
        if held is None or troubled or not open_apis or not set(access.values()) <= _SETTLED:
            return None
        made = rules_of(held.document, self._pool_alert(key), self._renderer)
        if isinstance(made, Outcome):
            return made
        fault = "; ".join(map(str, made.problems))
        return _outcome((), [f"{api.rules.kind}s" for api in open_apis], (), fault=fault)

    async def _write(
        self, namespace: str, number: int, shard: Shard, apis: Sequence[RuleApi], slices: Slices
    ) -> bool:
        """Render a shard and apply it; return whether it fits into an object."""
        shard.stale = False
        shard.refused.clear()
        try:
            made = await self._render(namespace, shard, slices)
            groups = [group for rules in made.values() if (group := rules.group) is not None]
            for api in apis:
                name = object_name(number)
                documents = self._renderer.documents(api, namespace, name, groups) if groups else ()
                sealed = [(resource, seal(self._owner.claim(document))) for resource, document in documents]
                if len(groups) > 1 and any(one.size > MOST_BYTES for _, one in sealed):
                    return False
                await slices.breathe()
                shard.objects[api] = tuple((resource, one.name) for resource, one in sealed)
                await self._apply(shard, api, sealed)
        except BaseException:
            shard.stale = True
            raise
        for api in shard.objects.keys() - set(apis):
            del shard.objects[api]
        shard.rules = sum(len(group.rules) for group in groups)
        shard.rendered = {name: rules.version for name, rules in made.items()}
        shard.faults = {
            name: "; ".join(map(str, rules.problems)) for name, rules in made.items() if rules.problems
        }
        return True

    async def _apply(self, shard: Shard, api: RuleApi, documents: Sequence[tuple[Resource, Sealed]]) -> None:
        for resource, document in documents:
            try:
                await self._keeper.keep(resource, document)
            except (RefusedError, NotOursError) as error:
                if isinstance(error, RefusedError) and may_pass(error):
                    raise
                shard.refused[api] = in_words(f"{resource.kind} {document.name.name}", str(error))
                shard.stale = True
                return

    async def _render(self, namespace: str, shard: Shard, slices: Slices) -> dict[str, _Made]:
        """Render the Checks of a shard that have rules, by name; of the others, say why they have none."""
        made: dict[str, _Made] = {}
        for name in sorted(shard.checks):
            key = CheckKey(namespace, name)
            held = self._store.checks.get(key)
            if held is None:
                continue
            rules = rules_of(held.document, self._pool_alert(key), self._renderer)
            if isinstance(rules, Outcome):
                self._outcomes.put(key, uid=held.uid, generation=held.generation, outcome=rules)
            else:
                made[name] = _Made(rules.group, rules.problems, Version(held.uid, held.generation))
            await slices.breathe()
        return made

    async def _tidy(self, namespace: str, rules: NamespaceRules) -> bool:
        """Delete what no Check asks for; return whether all of it was let go."""
        wanted: set[ObjectKey] = {
            key for shard in rules.shards for keys in shard.objects.values() for key in keys
        }
        refused = []
        for api in RULE_APIS:
            try:
                await self._tidy_api(namespace, api, wanted)
            except RefusedError as error:
                if may_pass(error):
                    raise
                refused.append(in_words(api.rules.kind, str(error)))
        left = "; ".join(refused)
        if left and left != rules.left:
            self._log.warning(
                "alert rules that are not wanted are still there", namespace=namespace, error=left
            )
        rules.left = left
        return not refused

    async def _tidy_api(self, namespace: str, api: RuleApi, wanted: Collection[ObjectKey]) -> None:
        # Rules before the folder that they are in.
        for resource in reversed(api.resources):
            for name in self._keeper.names(resource, namespace):
                if (resource, name) not in wanted and self._lookout.can_reach(resource, namespace):
                    await self._keeper.drop(resource, name)

    def _tell_absent(self, namespace: str, rules: NamespaceRules) -> None:
        for shard in rules.shards:
            shard.stale = False
            shard.rules = 0
        for name in rules.unseen:
            key = CheckKey(namespace, name)
            held = self._store.checks.get(key)
            if held is not None:
                self._outcomes.put(key, uid=held.uid, generation=held.generation, outcome=NO_RULE_API)
        rules.unseen.clear()

    def _held_shards(self, namespace: str, apis: Sequence[RuleApi]) -> int:
        names = [name.name for api in apis for name in self._keeper.names(api.rules, namespace)]
        numbers = [number for number in map(shard_of_object, names) if number is not None]
        return max(numbers, default=0) + 1

    def _log_trouble(self, namespace: str, shard: Shard, trouble: str) -> None:
        if trouble == shard.told:
            return
        shard.told = trouble
        if trouble:
            self._log.warning("alert rules are not in force", namespace=namespace, error=trouble)
        else:
            self._log.info("alert rules are in force again", namespace=namespace)


def _outcome(problems: Sequence[str], places: Sequence[str], waits: Sequence[str], *, fault: str) -> Outcome:
    if problems:
        elsewhere = f" In force are the {' and '.join(places)}." if places else ""
        return Outcome(AlertsReason.REFUSED, f"{'; '.join(problems)}.{elsewhere}")
    if fault:
        return Outcome(AlertsReason.INVALID_TEMPLATE, f"{fault}. The alerts are there without it.")
    if places:
        also = "".join(f" Waiting: {one}." for one in waits)
        # Which of them it is may change with every other Check.
        return Outcome(AlertsReason.RENDERED, f"In the {' and '.join(places)} of the namespace.{also}")
    return Outcome(AlertsReason.REFUSED, f"{'; '.join(waits)}.")


def _version(held: HeldCheck | None) -> Version | None:
    return Version(held.uid, held.generation) if held is not None else None
