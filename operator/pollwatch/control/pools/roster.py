"""How many workers a pool has, and which of them share its Checks."""

from collections.abc import Iterable

from pollwatch.api.pool import ProbePool
from pollwatch.control.pools.autosize import Load, Size, decide
from pollwatch.control.pools.delivery import held_header
from pollwatch.control.pools.membership import choose_members, may_move
from pollwatch.control.pools.names import plan_name, worker_name
from pollwatch.control.pools.owned import SECRETS, STATEFUL_SETS
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shard, Shards
from pollwatch.control.pools.workers import Workers

REFIT = 60.0
"""Seconds until Checks are moved again to workers whose plans would not have fitted."""

DRAIN = 30.0
"""Seconds that a worker which is to go may take to let go of its Checks."""

PATIENCE = 30.0
"""Seconds that Checks stay where they are while a worker that is up, and loses or gets some, cannot be
spoken to: a new leader has read every feed by then."""


class Roster:
    """Of one pool. Belongs to one event loop."""

    def __init__(self, name: str, shards: Shards, services: Services, workers: Workers) -> None:
        """Start without any worker; what there is is found at the first call of `muster`."""
        self._name = name
        self._shards = shards
        self._services = services
        self._workers = workers
        self._size: Size | None = None
        self._leaving: dict[str, float] = {}
        """Workers that are to go, by when that was noticed, monotonic seconds."""
        self._mustered = False
        self._unfit: tuple[str, ...] = ()
        """Members whose plans would not have fitted."""
        self._refit_at = 0.0
        """When to try them again, monotonic seconds."""
        self._waiting_since: float | None = None
        """Since when Checks are to move, and have not, monotonic seconds."""

    @property
    def is_stuck(self) -> bool:
        """Whether Checks stay with workers that are not to have them: elsewhere they would not fit."""
        return bool(self._unfit)

    def wanted(self, pool: ProbePool) -> list[str]:
        """Name the workers that there are to be, by number."""
        count = self._size.workers if self._size is not None else pool.spec.fewest_workers
        return [worker_name(self._name, number) for number in range(count)]

    def has_moved(self, pool: ProbePool) -> bool:
        """Whether others should have the Checks than those that have them."""
        return self._choose(self.wanted(pool)) != self._shards.members

    def muster(self, pool: ProbePool) -> None:
        """Have a shard for each worker that there is or is to be, and Checks with those that can probe."""
        self._resize(pool)
        wanted = self.wanted(pool)
        found = {held.shard for held in self._services.owned[SECRETS].of_pool(self._name)}
        for number in sorted({*range(len(wanted)), *(one for one in found if one is not None)}):
            self._shards.add(number)
        if not self._mustered:
            self._mustered = True
            self._adopt()
        self._workers.keep(self._shards.shards)
        self._workers.look()
        self._shards.share_out(self._choose(wanted))

    def stay(self, members: tuple[str, ...]) -> None:
        """Leave Checks where they are for a while, for the plans of these members would not fit."""
        self._unfit, self._refit_at = members, self._services.clock.monotonic() + REFIT

    def leaving(self, wanted: Iterable[str]) -> list[Shard]:
        """Give the workers that are there and are not to be."""
        stay = {*wanted, *self._shards.members}
        going = [shard for shard in self._shards.shards if shard.worker not in stay]
        now = self._services.clock.monotonic()
        self._leaving = {shard.worker: self._leaving.get(shard.worker, now) for shard in going}
        return going

    def can_go(self, shard: Shard) -> bool:
        """Whether others probe what a worker that is leaving had, or have had the time for it."""
        workers, waited = self._workers, self._services.clock.monotonic() - self._leaving[shard.worker]
        if waited > DRAIN or workers.facts(shard.worker).stopped_for > 0.0:
            return True
        return all(workers.pending_for(name) == 0.0 for name in (*self._shards.members, shard.worker))

    def dismiss(self, shards: Iterable[Shard]) -> None:
        """Forget workers that are gone."""
        for shard in shards:
            self._shards.remove(shard.worker)
        self._workers.keep(self._shards.shards)

    def _choose(self, wanted: list[str]) -> tuple[str, ...]:
        before = self._shards.members
        facts = {name: self._workers.facts(name) for name in {*wanted, *before}}
        chosen = tuple(sorted(choose_members(wanted, before, facts)))
        now = self._services.clock.monotonic()
        if chosen != self._unfit or chosen == before:
            self._unfit = ()
        elif now < self._refit_at:
            return before
        if not before or chosen == before or may_move(before, chosen, facts):
            self._waiting_since = None
            return chosen
        self._waiting_since = self._waiting_since or now
        return before if now - self._waiting_since < PATIENCE else chosen

    def _adopt(self) -> None:
        """Go on with the workers that had Checks under the leader before us, also those that are to go.

        What they found is read before others get their Checks.
        """
        secrets = self._services.owned[SECRETS]
        running = {held.shard for held in self._services.owned[STATEFUL_SETS].of_pool(self._name)}
        members = []
        for shard in self._shards.shards:
            held = secrets.get(plan_name(self._name, shard.number))
            header = held_header(held)
            # A plan that somebody spoilt or deleted was one: its worker goes on by the copy it has.
            had_one = held is not None or shard.number in running
            if header.checks if header is not None else had_one:
                members.append(shard.worker)
        if members:
            self._shards.share_out(members)

    def _resize(self, pool: ProbePool) -> None:
        autosize, now = pool.spec.autosize, self._services.clock.monotonic()
        if autosize is None:
            self._size = None
            return
        if self._size is None:
            # The leader before us sized it too: go on from there.
            running = len(self._services.owned[STATEFUL_SETS].of_pool(self._name))
            self._size = Size(workers=running, changed_at=now) if running else None
        reports = [view.link.report for view in self._workers.views() if view.link.report is not None]
        load = Load(
            planned=self._shards.cores,
            measured=sum(report.utilisation for report in reports),
            lateness=max((report.lateness for report in reports), default=0.0),
        )
        self._size = decide(autosize, load, self._size, now=now)
