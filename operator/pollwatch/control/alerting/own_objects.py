"""Keeps the objects by which others scrape Pollwatch itself, alert on it, and show what it found."""

import asyncio
from collections.abc import Sequence

import structlog

from pollwatch.control.alerting.apis import HAS_STATUS, OWN_KINDS, SELF_RULES
from pollwatch.control.alerting.compare import seal
from pollwatch.control.alerting.keeper import Keeper, NotOursError
from pollwatch.control.alerting.lookout import Lookout
from pollwatch.control.alerting.monitors import Document
from pollwatch.control.alerting.owner import Owner
from pollwatch.control.alerting.refusals import in_words, may_pass
from pollwatch.control.alerting.standing import Standing
from pollwatch.control.cluster import ClusterError, RefusedError, Resource
from pollwatch.control.follower import ObjectName, name_of

APART = 1.0
"""Seconds between two objects for grafana-operator. It notes in one place which dashboards it brought to
Grafana; where notes collide it tries again, finds the dashboard there and notes nothing (5.18): such a one
stays in Grafana for ever."""


class OwnObjects:
    """Keeps monitors, dashboards and its own alerts. They are no Check's: what goes wrong is logged, once."""

    def __init__(
        self,
        *,
        namespace: str,
        wanted: Sequence[tuple[Resource, Document]],
        owner: Owner,
        keeper: Keeper,
        lookout: Lookout,
    ) -> None:
        """Wire it.

        Args:
            namespace: where Pollwatch runs.
            wanted: what there is to be; other objects of ours, of these kinds, are deleted.
            owner: owns them.
            keeper: applies and deletes.
            lookout: knows what the API server knows.
        """
        self._namespace = namespace
        self._wanted = wanted
        self._owner = owner
        self._keeper = keeper
        self._lookout = lookout
        self._told: dict[str, str] = {}
        self._out_of_force: set[str] = set()
        self._log = structlog.get_logger("pollwatch.alerting")

    async def tend(self) -> ClusterError | None:
        """Bring the objects to what is wanted; return what kept us from it for now."""
        failure: ClusterError | None = None
        try:
            await self._drop_others()
        except ClusterError as error:
            failure = error
        for resource, document in self._wanted:
            if not self._can_reach(resource):
                continue
            what = f"{resource.kind} {document['metadata']['name']}"
            try:
                written = await self._keeper.keep(resource, seal(self._owner.claim(document)))
            except (RefusedError, NotOursError) as error:
                self._tell(what, str(error))
            except ClusterError as error:
                failure = error
            else:
                self._tell(what, "")
                self._tell_standing(what, self._keeper.said(resource, name_of(document)))
                if written and resource in HAS_STATUS:
                    await asyncio.sleep(APART)
        return failure

    def _can_reach(self, resource: Resource) -> bool:
        """Whether objects of a kind can be kept; a folder is for nothing where no rules can be in it."""
        needed = SELF_RULES.resources if resource in SELF_RULES.resources else (resource,)
        return all(self._lookout.can_reach(one, self._namespace) for one in needed)

    async def _drop_others(self) -> None:
        wanted = {(resource, name_of(document)) for resource, document in self._wanted}
        # Rules before the folder that they are in.
        for resource in reversed(OWN_KINDS):
            for name in self._keeper.names(resource, self._namespace):
                if (resource, name) not in wanted:
                    await self._drop(resource, name)

    async def _drop(self, resource: Resource, name: ObjectName) -> None:
        what, trouble = f"{resource.kind} {name.name}", ""
        try:
            await self._keeper.drop(resource, name)
        except RefusedError as error:
            if may_pass(error):
                raise
            trouble = in_words(resource.kind, str(error))
        self._tell(what, trouble, event="an object about Pollwatch itself is not wanted, and still there")

    def _tell(
        self, what: str, trouble: str, *, event: str = "an object about Pollwatch itself was not written"
    ) -> None:
        if self._told.get(what, "") != trouble:
            self._told[what] = trouble
            if trouble:
                self._log.warning(event, object=what, error=trouble)

    def _tell_standing(self, what: str, standing: Standing) -> None:
        """Say, once, that an object is not taken: in other words at each try, it is the same trouble."""
        trouble = standing.problem or standing.waiting
        if bool(trouble) == (what in self._out_of_force):
            return
        if trouble:
            self._out_of_force.add(what)
            self._log.warning("an object about Pollwatch itself is not in force", object=what, error=trouble)
        else:
            self._out_of_force.discard(what)
            self._log.info("an object about Pollwatch itself is in force again", object=what)
