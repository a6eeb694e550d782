"""A pool's Checks, shared out to its workers: each Check is in exactly one shard."""

from collections.abc import Collection, Mapping, Sequence

from pollwatch.compile.cost import cost
from pollwatch.compile.shards import Sharding
from pollwatch.control.plan_book import Changes, PlanBook
from pollwatch.control.pools.names import worker_name
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.codec import EncodedPlan, PlanEncoder
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy


class Shard:
    """What one worker is told. Belongs to one event loop."""

    def __init__(self, pool: str, number: int) -> None:
        """Make one without Checks."""
        self.pool = pool
        self.number = number
        self.worker = worker_name(pool, number)
        self.book = PlanBook()
        self.stale = True
        """Whether the plan changed since it was delivered."""
        self.heirs: dict[str, int] = {}
        """Workers that were given what this one had, and since which revision of their plans (0: not yet):
        it is to go on until they probe by that one."""
        self.revision = 0
        """Of the plan that was written, or found written, last; 0: none yet."""
        self.delivered: EncodedPlan | None = None
        """That plan."""
        self.written: Mapping[str, str] = {}
        """Digests of the data that its Secrets had then, by name."""
        self._encoder = PlanEncoder(pool=pool, worker=self.worker)

    def encode(self) -> EncodedPlan:
        """Encode the plan as it is now.

        Raises:
            PlanTooLargeError: It does not fit into the Secrets of one worker.
        """
        return self._encoder.encode(self.book.plan())


class Shards:
    """The shards of one pool, and who is a member: has Checks. Belongs to one event loop."""

    def __init__(self, pool: str) -> None:
        """Make it without Checks and without workers."""
        self._pool = pool
        self._egress: EgressPolicy = UNRESTRICTED
        self._host_rate: float | None = None
        self._checks: dict[CheckKey, CheckPlan] = {}
        self._cores = 0.0
        self._sharding: Sharding | None = None
        self._before: Sharding | None = None
        """The one before, while nobody was told of the move."""
        self._shards: dict[str, Shard] = {}

    def __len__(self) -> int:
        """Count the Checks of the pool."""
        return len(self._checks)

    @property
    def checks(self) -> Collection[CheckPlan]:
        """All Checks of the pool."""
        return self._checks.values()

    @property
    def cores(self) -> float:
        """Cores that probing them should take, by what probes cost when they were measured."""
        return max(0.0, self._cores)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the workers that Checks are shared out to, sorted."""
        return self._sharding.workers if self._sharding is not None else ()

    @property
    def shards(self) -> Sequence[Shard]:
        """All shards, those of workers that are no members too, by number."""
        return sorted(self._shards.values(), key=lambda shard: shard.number)

    def get(self, worker: str) -> Shard | None:
        """Return the shard of a worker; `None`: it has none."""
        return self._shards.get(worker)

    def apply(self, changes: Changes) -> None:
        """Take in Checks that changed."""
        shares: dict[str, dict[CheckKey, CheckPlan | None]] = {}
        for key, check in changes.items():
            before = self._checks.get(key)
            if before is not None:
                self._cores -= cost(before)
            if check is not None:
                self._cores += cost(check)
                self._checks[key] = check
            elif before is not None:
                del self._checks[key]
            if self._sharding is not None:
                shares.setdefault(self._sharding.owner(key), {})[key] = check
        for worker, share in shares.items():
            self._update(self._shards[worker], share)

    def set_egress(self, egress: EgressPolicy) -> None:
        """Change what all workers may connect to."""
        if egress == self._egress:
            return
        self._egress = egress
        for shard in self._shards.values():
            shard.book.egress = egress
            shard.stale = True

    def set_host_rate(self, rate: float) -> None:
        """Change how many probes a second one host gets from all workers together."""
        self._host_rate = rate
        self._share_host_rate()

    def add(self, number: int) -> None:
        """Have a worker, without any Checks yet."""
        shard = Shard(self._pool, number)
        if shard.worker not in self._shards:
            shard.book.egress = self._egress
            self._shards[shard.worker] = shard

    def remove(self, worker: str) -> None:
        """Drop a worker that is no member."""
        if worker in self.members:
            raise ValueError(f"{worker} has Checks")
        self._shards.pop(worker, None)

    def share_out(self, members: Sequence[str]) -> None:
        """Share all Checks out to these workers, which must have been added.

        The plans of those that lose Checks and of those that win them become stale together.
        """
        if tuple(sorted(members)) == self.members:
            return
        before = self._before = self._sharding
        self._sharding = Sharding(members) if before is None else before.resized(members)
        moves: dict[str, dict[CheckKey, CheckPlan | None]] = {}
        heirs: set[tuple[str, str]] = set()
        for key, check in self._checks.items():
            loser, winner = before.owner(key) if before is not None else "", self._sharding.owner(key)
            if winner == loser:
                continue
            moves.setdefault(winner, {})[key] = check
            if loser:
                moves.setdefault(loser, {})[key] = None
                heirs.add((loser, winner))
        for worker, share in moves.items():
            self._update(self._shards[worker], share)
        for loser, winner in heirs:
            self._shards[loser].heirs[winner] = 0
            # It takes back what it gave: none waits for the other.
            self._shards[winner].heirs.pop(loser, None)
        self._share_host_rate()

    def told(self) -> None:
        """Take in that workers are being told of the move: it cannot be taken back any more."""
        self._before = None

    def take_back(self) -> tuple[str, ...]:
        """Leave all Checks with those who had them before the last move.

        Returns:
            The members that there should have been; none: workers know of the move, or there was none.
        """
        before, refused = self._before, self.members
        if before is None:
            return ()
        self.share_out(before.workers)
        self._before = None
        return refused

    def reset(self) -> None:
        """Forget the workers, and keep the Checks: somebody else leads now."""
        self._sharding = self._before = None
        self._shards.clear()

    def _share_host_rate(self) -> None:
        """Tell each member its share. Who is none any more has no Checks to start."""
        if self._host_rate is None:
            return
        for worker in self.members:
            shard, share = self._shards[worker], self._host_rate / len(self.members)
            if shard.book.host_rate != share:
                shard.book.host_rate = share
                shard.stale = True

    def _update(self, shard: Shard, changes: Changes) -> None:
        if shard.book.update(changes):
            shard.stale = True
