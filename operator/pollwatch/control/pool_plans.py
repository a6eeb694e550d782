"""The Checks of each pool as they were compiled, and what the data plane has to be told of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pollwatch.compile.pool import PoolSettings
from pollwatch.compile.rates import HostRates
from pollwatch.control.plan_book import Changes
from pollwatch.plan.checks import CheckKey, CheckPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What changed since the data plane was told last."""

    changes: Mapping[str, Changes]
    """By pool."""
    slowed: frozenset[CheckKey]
    """Checks that a pool's rate for one host slows otherwise than before."""


class PoolPlans:
    """Collects what is compiled until it is taken. Belongs to one event loop."""

    def __init__(self) -> None:
        self._pools: defaultdict[str, _PoolPlan] = defaultdict(_PoolPlan)
        self._where: dict[CheckKey, tuple[str, ...]] = {}

    def put(self, key: CheckKey, plans: Iterable[tuple[PoolSettings, CheckPlan]]) -> bool:
        """Have a Check probed in these pools and in no others; return whether that is news."""
        wanted = {settings.name: (settings.host_rate, check) for settings, check in plans}
        news = False
        for name in self._where.pop(key, ()):
            if name not in wanted:
                self._pools[name].drop(key)
                news = True
        if wanted:
            self._where[key] = tuple(wanted)
        for name, (host_rate, check) in wanted.items():
            news |= self._pools[name].put(check, host_rate)
        return news

    def rates(self, key: CheckKey) -> Mapping[str, float]:
        """Give the probes a second that a Check is held to, by pool, where that is below one a period.

        One with many addresses may be slowed above that: only its worker knows how many it has.
        """
        found = {}
        for name in self._where.get(key, ()):
            pool = self._pools[name]
            rate = pool.rates.rate(key)
            if rate is not None and rate * pool.checks[key].period < 1.0:
                found[name] = rate
        return found

    def take(self) -> Taken:
        """Give what changed since the last call, with the rates that are fair now."""
        changes: dict[str, Changes] = {}
        slowed: set[CheckKey] = set()
        for name, pool in self._pools.items():
            rates = pool.rates.take()
            slowed |= rates.keys()
            changed = pool.changed | rates.keys()
            if changed:
                changes[name] = {key: pool.rated(key) for key in changed}
                pool.changed.clear()
        return Taken(changes=changes, slowed=frozenset(slowed))


@dataclass(slots=True, kw_only=True)
class _PoolPlan:
    """The Checks of one pool."""

    rates: HostRates = field(default_factory=HostRates)
    checks: dict[CheckKey, CheckPlan] = field(default_factory=dict)
    """As they were compiled, without a rate."""
    changed: set[CheckKey] = field(default_factory=set)

    def put(self, check: CheckPlan, host_rate: float) -> bool:
        news = host_rate != self.rates.limit
        self.rates.limit = host_rate
        if self.checks.get(check.key) == check:
            return news
        self.checks[check.key] = check
        self.rates.put(check)
        self.changed.add(check.key)
        return True

    def drop(self, key: CheckKey) -> None:
        del self.checks[key]
        self.rates.drop(key)
        self.changed.add(key)

    def rated(self, key: CheckKey) -> CheckPlan | None:
        check, rate = self.checks.get(key), self.rates.rate(key)
        return check if check is None or rate is None else replace(check, rate=rate)
