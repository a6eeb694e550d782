"""Looks, every few seconds, at which kinds the API server knows and at what of ours is in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

from pollwatch.control.alerting.apis import RuleApi
from pollwatch.control.alerting.discovery import served
from pollwatch.control.alerting.keeper import Keeper, ObjectKey
from pollwatch.control.cluster import Cluster, ClusterError, RefusedError, Resource

Scope = str | None
"""A namespace; `None`: all of them."""


class Access(Enum):
    """What can be done in a namespace by way of an API."""

    UNKNOWN = "unknown"
    """It was not looked at yet."""
    ABSENT = "absent"
    """The API server does not know it."""
    DENIED = "denied"
    """We may not even look."""
    OPEN = "open"


@dataclass(slots=True)
class Seen:
    """What one look brought."""

    access_changed: bool = False
    """Whether an API came, went, was opened or denied."""
    changed: set[ObjectKey] = field(default_factory=set)
    """Objects that are not as we left them."""
    spoken: set[ObjectKey] = field(default_factory=set)
    """Objects whose status says something else, or has said something bad for long enough."""


class Lookout:
    """Knows what the API server knows. Belongs to one event loop, and to the time that we lead."""

    def __init__(
        self, *, cluster: Cluster, keeper: Keeper, watched: Mapping[Resource, Sequence[Scope]]
    ) -> None:
        """Know nothing yet.

        Args:
            cluster: the API server.
            keeper: keeps what is found.
            watched: the kinds to look for, each with where.
        """
        self._cluster = cluster
        self._keeper = keeper
        self._watched = dict(watched)
        self._served: frozenset[Resource] | None = None
        self._listed: set[tuple[Resource, Scope]] = set()
        self._denied: dict[tuple[Resource, Scope], str] = {}

    def serves(self, api: RuleApi) -> bool:
        """Whether the API server knows an API."""
        return self._served is not None and self._served.issuperset(api.resources)

    def access(self, api: RuleApi, namespace: str) -> Access:
        """Say what can be done in a namespace by way of an API."""
        found = {self._access(resource, namespace) for resource in api.resources}
        return next(one for one in Access if one in found)

    def can_reach(self, resource: Resource, namespace: str) -> bool:
        """Whether objects of a kind can be looked at in a namespace."""
        return self._access(resource, namespace) is Access.OPEN

    def denial(self, api: RuleApi, namespace: str) -> str:
        """Give the words in which the API server denies an API; empty where it does not."""
        keys = ((resource, self._scope(resource, namespace)) for resource in api.resources)
        return next((self._denied[key] for key in keys if key in self._denied), "")

    def denials(self, resources: Collection[Resource]) -> list[str]:
        """Give all such words about some kinds."""
        return sorted({said for (resource, _), said in self._denied.items() if resource in resources})

    def ignore(self, resource: Resource) -> None:
        """Look for a kind no more, unless there may be something of ours in it."""
        scopes = self._watched.get(resource, ())
        if not self._keeper.names(resource) and all(
            (resource, scope) in self._listed or (resource, scope) in self._denied for scope in scopes
        ):
            self._watched.pop(resource, None)

    async def look(self) -> tuple[Seen, ClusterError | None]:
        """Look once.

        Returns:
            What was seen, and what kept us from seeing all of it.
        """
        seen = Seen()
        try:
            known = await served(self._cluster, self._watched)
        except ClusterError as error:
            return seen, error
        if known != self._served:
            seen.access_changed = True
            for resource in (self._served or frozenset()) - known:
                self._lose(resource)
            self._served = known
        failure: ClusterError | None = None
        for resource in self._watched:
            for scope in self._watched[resource] if resource in known else ():
                try:
                    await self._look_at(resource, scope, seen)
                except ClusterError as error:
                    failure = error
        seen.spoken.update(self._keeper.ripen())
        return seen, failure

    async def _look_at(self, resource: Resource, scope: Scope, seen: Seen) -> None:
        try:
            moved = await self._keeper.look(resource, scope)
        except RefusedError as error:
            if error.code not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                raise
            # Not found: its definition has just been deleted, and discovery did not know yet.
            if self._denied.get((resource, scope)) != str(error):
                self._denied[resource, scope] = str(error)
                self._listed.discard((resource, scope))
                seen.access_changed = True
            return
        if self._denied.pop((resource, scope), "") or (resource, scope) not in self._listed:
            self._listed.add((resource, scope))
            seen.access_changed = True
        seen.changed.update((resource, name) for name in moved.changed)
        await self._keeper.hear(resource, moved.spoken)
        seen.spoken.update((resource, name) for name in moved.spoken)

    def _access(self, resource: Resource, namespace: str) -> Access:
        if self._served is None:
            return Access.UNKNOWN
        if resource not in self._served:
            return Access.ABSENT
        key = resource, self._scope(resource, namespace)
        if key in self._denied:
            return Access.DENIED
        return Access.OPEN if key in self._listed else Access.UNKNOWN

    def _scope(self, resource: Resource, namespace: str) -> Scope:
        return None if None in self._watched.get(resource, ()) else namespace

    def _lose(self, resource: Resource) -> None:
        self._keeper.forget_kind(resource)
        self._listed = {key for key in self._listed if key[0] != resource}
        self._denied = {key: said for key, said in self._denied.items() if key[0] != resource}
