"""The pools there are, and which Checks use them."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pollwatch.api.alert import AlertSpec
from pollwatch.api.check import Check
from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.pool import ProbePool, parse_pool
from pollwatch.api.problems import Invalid, Problem
from pollwatch.compile.check import Rejected
from pollwatch.compile.pool import PoolSettings, pool_settings
from pollwatch.control.cluster import NAMESPACES, PROBE_POOLS, Resource
from pollwatch.control.follower import Follower, ObjectName
from pollwatch.control.placement import Placed
from pollwatch.control.pools.tenants import Tenants
from pollwatch.control.store import is_newer
from pollwatch.plan.checks import CheckKey


@dataclass(slots=True, kw_only=True)
class HeldPool:
    """One ProbePool as the API server last showed it."""

    uid: str
    made_at: float
    """Unix seconds."""
    generation: int
    resource_version: str
    status: Mapping[str, Any]
    pool: ProbePool | None
    """What it asks for; `None`: it never was valid."""
    problems: tuple[Problem, ...] = ()
    """Of its current generation. While there are some, `pool` is as it was before."""
    settings: PoolSettings | None = None
    """What its Checks are compiled with."""
    idle: bool = False
    """Whether none of its workers is ready."""
    starting: bool = False
    """Whether it is coming up: its workers are being made, and none was ready yet."""


class Pools:
    """The pools and who uses them. Belongs to one event loop.

    It follows ProbePools, and is the `Placement` of Checks.
    """

    namespaces = (None,)

    def __init__(self, *, default_pool: str, recompile: Callable[[CheckKey], None]) -> None:
        """Make it empty.

        Args:
            default_pool: of Checks that name none.
            recompile: called for each Check that may have to be placed elsewhere, or compiled otherwise.
        """
        self._default = default_pool
        self._recompile = recompile
        self._pools: dict[str, HeldPool] = {}
        self._placed: dict[CheckKey, tuple[str, ...]] = {}
        self._users: defaultdict[str, set[CheckKey]] = defaultdict(set)
        self._of_namespace: defaultdict[str, set[CheckKey]] = defaultdict(set)
        self._protected: tuple[str, ...] = ()
        self._tell: list[Callable[[str], None]] = []
        self._listed = asyncio.Event()
        self._protected_known = asyncio.Event()
        self._tenants = Tenants(relabelled=self._relabelled)
        self.followers: Mapping[Resource, Follower] = {NAMESPACES: self._tenants, PROBE_POOLS: self}
        """What feeds it."""

    # What the fleet asks

    def subscribe(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the name of each pool that is made, changed or gone."""
        self._tell.append(tell)

    def names(self) -> list[str]:
        """Names of all pools."""
        return list(self._pools)

    def get(self, name: str) -> HeldPool | None:
        """Return a pool; `None`: there is none of this name."""
        return self._pools.get(name)

    def made_at(self, name: str) -> float:
        """Return when a pool was made, Unix seconds."""
        return self._pools[name].made_at

    def admits_some(self, name: str) -> bool:
        """Whether a pool admits any of the namespaces there are."""
        held = self._pools.get(name)
        return held is not None and any(_admits(held, labels) for labels in self._tenants.all_labels())

    def set_readiness(self, name: str, *, idle: bool, starting: bool) -> None:
        """Say how the workers of a pool are.

        Args:
            name: the pool.
            idle: whether none of them is ready.
            starting: whether they are being brought up, and none was ready yet.
        """
        held = self._pools.get(name)
        if held is not None and (held.idle, held.starting) != (idle, starting):
            held.idle, held.starting = idle, starting
            self._recompile_users(name)

    def set_cluster_addresses(self, addresses: Iterable[str]) -> None:
        """Say which addresses are those of the API server and are protected in every pool."""
        self._protected_known.set()
        protected = tuple(sorted(set(addresses)))
        if protected == self._protected:
            return
        self._protected = protected
        for name, held in self._pools.items():
            if held.pool is not None:
                self._settle(name, held)

    # Placement

    async def known(self) -> None:
        """Return when all pools and namespaces were listed once, and the API server's addresses read."""
        await self._listed.wait()
        await self._protected_known.wait()
        await self._tenants.known.wait()

    def place(self, check: Check) -> Placed:
        """Say where a Check is probed.

        Raises:
            Rejected: none of the pools that it names exists and admits its namespace.
        """
        names = check.spec.pool_names(self._default)
        self._index(check.key, names)
        found: list[PoolSettings] = []
        problems: list[Problem] = []
        for index, name in enumerate(names):
            held = self._pools.get(name)
            path = f"spec.pools[{index}]" if check.spec.pools else "spec.pool"
            if held is None or held.settings is None:
                problems.append(_not_found(path, name, held, named=bool(check.spec.pools or check.spec.pool)))
            elif not _admits(held, self._tenants.labels(check.key.namespace)):
                problems.append(
                    Problem(
                        path=path,
                        message=f"ProbePool {name} does not admit namespace {check.key.namespace}: its"
                        " spec.allowedNamespaces does not select the namespace's labels; name another"
                        " pool, or ask the platform team to admit the namespace",
                        reason=AcceptedReason.NAMESPACE_NOT_ADMITTED,
                    )
                )
            else:
                found.append(held.settings)
        if not found:
            raise Rejected(problems)
        return Placed(
            pools=tuple(found),
            idle=tuple(pool.name for pool in found if self._pools[pool.name].idle),
            starting=frozenset(pool.name for pool in found if self._pools[pool.name].starting),
            problems=tuple(problems),
        )

    def forget(self, key: CheckKey) -> None:
        """Drop a Check that is gone."""
        self._index(key, ())

    def alert_of(self, key: CheckKey) -> AlertSpec | None:
        """Give what the first pool of a Check says of alerts."""
        first, *_ = self._placed.get(key, ("",))
        held = self._pools.get(first)
        return None if held is None or held.pool is None else held.pool.spec.alert

    def _index(self, key: CheckKey, names: tuple[str, ...]) -> None:
        for name in self._placed.pop(key, ()):
            _discard(self._users, name, key)
        if names:
            self._placed[key] = names
            self._of_namespace[key.namespace].add(key)
            for name in names:
                self._users[name].add(key)
        else:
            _discard(self._of_namespace, key.namespace, key)

    # What the watch and the re-lists tell

    def held(self) -> Mapping[ObjectName, str]:
        """Give the uid of each pool."""
        return {ObjectName("", name): held.uid for name, held in self._pools.items()}

    def seen(self, document: Mapping[str, Any]) -> None:
        """Take in a pool."""
        metadata = document["metadata"]
        name, version = metadata["name"], metadata["resourceVersion"]
        held = self._pools.get(name)
        if held is not None and held.uid == metadata["uid"]:
            if not is_newer(version, held.resource_version):
                return
        else:
            held = HeldPool(
                uid=metadata["uid"],
                made_at=_unix(metadata["creationTimestamp"]),
                generation=-1,
                resource_version="",
                status={},
                pool=None,
            )
            self._pools[name] = held
        held.resource_version = version
        held.status = document.get("status") or {}
        if held.generation != metadata["generation"]:
            held.generation = metadata["generation"]
            before = _of_placement(held.pool)
            try:
                held.pool = parse_pool(
                    {"apiVersion": PROBE_POOLS.api_version, "kind": PROBE_POOLS.kind, **document}
                )
                held.problems = ()
            except Invalid as error:
                held.problems = error.problems
            if _of_placement(held.pool) != before:
                self._recompile_users(name)
            self._settle(name, held)
            self._changed(name)

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        """Take in that a pool is gone."""
        held = self._pools.get(name.name)
        if held is None or held.uid != uid:
            return False
        del self._pools[name.name]
        self._recompile_users(name.name)
        self._changed(name.name)
        return True

    def _settle(self, name: str, held: HeldPool) -> None:
        """Work out what Checks are compiled with; have them compiled anew where that changed."""
        if held.pool is None:
            self._recompile_users(name)
            return
        settings = pool_settings(held.pool, cluster_addresses=self._protected)
        if settings != held.settings:
            held.settings = settings
            self._recompile_users(name)

    def listed(self) -> None:
        """Take in that all of them were seen."""
        self._listed.set()

    def _relabelled(self, namespace: str) -> None:
        self._recompile_all(self._of_namespace.get(namespace, ()))
        for name, held in self._pools.items():
            if held.pool is not None and held.pool.spec.allowed_namespaces is not None:
                self._changed(name)

    def _recompile_users(self, name: str) -> None:
        self._recompile_all(self._users.get(name, ()))

    def _recompile_all(self, keys: Iterable[CheckKey]) -> None:
        for key in sorted(keys):
            self._recompile(key)

    def _changed(self, name: str) -> None:
        for tell in self._tell:
            tell(name)


def _discard(index: dict[str, set[CheckKey]], name: str, key: CheckKey) -> None:
    """Take a Check out of an index, and with the last one the entry: anybody may name any pool."""
    index[name].discard(key)
    if not index[name]:
        del index[name]


def _of_placement(pool: ProbePool | None) -> object:
    """What of a pool is asked for when a Check is placed, beside what it is compiled with."""
    return (pool.spec.allowed_namespaces, pool.spec.alert) if pool is not None else (None, None)


def _admits(held: HeldPool, labels: Mapping[str, str]) -> bool:
    if held.pool is None:
        return False
    selector = held.pool.spec.allowed_namespaces
    return selector is None or selector.selects(labels)


def _not_found(path: str, name: str, held: HeldPool | None, *, named: bool) -> Problem:
    if held is not None:
        message = f"the spec of ProbePool {name} is not valid: kubectl describe probepool {name} says why"
    else:
        missing = (
            f"there is no ProbePool {name}"
            if named
            else f"no pool is named, and there is no ProbePool {name}, the operator's default"
        )
        message = f"{missing}: name one of those of kubectl get probepools, or create it"
    return Problem(path=path, message=message, reason=AcceptedReason.POOL_NOT_FOUND)


def _unix(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
