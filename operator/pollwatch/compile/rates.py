"""How often one host is probed by all Checks of a pool together: a pool is no load generator.

What a host may get is shared by max-min fairness (Bertsekas and Gallager, Data Networks, 6.5.2): nobody
gets more than it asks for, and what it leaves is shared by those who ask for more. First between
namespaces, so that a tenant with a thousand Checks takes nothing from one with two; then in each.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pollwatch.plan.checks import MAX_ADDRESSES, CheckKey, CheckPlan, HttpProbe, Probe, Resolve
from pollwatch.probes.urls import parse_url

Name = TypeVar("Name", str, CheckKey)

DEFAULT_LIMIT = 50.0
"""Probes a second that a host gets, all Checks of a pool together."""


def host_of(probe: Probe) -> str:
    """Name the host that is probed first: a redirect may lead elsewhere."""
    host = parse_url(probe.url).origin.host if isinstance(probe, HttpProbe) else probe.host
    return host.lower().rstrip(".")


def demand_of(check: CheckPlan) -> float:
    """Give the probes a second that a Check asks for, at most: nobody knows yet how many addresses it has."""
    addresses = MAX_ADDRESSES if check.probe.resolve is Resolve.EACH_ADDRESS else 1
    return addresses / check.period


def fair_shares(limit: float, demands: Mapping[Name, float]) -> dict[Name, float]:
    """Share a limit by max-min fairness.

    Args:
        limit: What there is to share, not below 0.
        demands: What each would take, above 0.

    Returns:
        What each gets. Only who gets no less than all others gets less than it asks for.
    """
    shares: dict[Name, float] = {}
    left, waiting = limit, len(demands)
    for name, demand in sorted(demands.items(), key=lambda item: (item[1], item[0])):
        shares[name] = share = min(demand, left / waiting)
        left -= share
        waiting -= 1
    return shares


def host_rates(limit: float, checks: Iterable[CheckPlan]) -> dict[CheckKey, float]:
    """Say which Checks of one host are to be probed less often than they ask for.

    Args:
        limit: Probes a second that the host gets.
        checks: All Checks of one pool that probe it.

    Returns:
        Probes a second, for those that get less than they may ask for. Rounded down to two digits,
        so that one Check more does not change the plan of each of a thousand others.
    """
    demands: defaultdict[str, dict[CheckKey, float]] = defaultdict(dict)
    for check in checks:
        demands[check.key.namespace][check.key] = demand_of(check)
    totals = {namespace: sum(of_checks.values()) for namespace, of_checks in demands.items()}
    if sum(totals.values()) <= limit:
        return {}
    rates: dict[CheckKey, float] = {}
    for namespace, share in fair_shares(limit, totals).items():
        if share >= totals[namespace]:
            continue
        for key, rate in fair_shares(share, demands[namespace]).items():
            if rate < demands[namespace][key]:
                rates[key] = _rounded_down(rate)
    return rates


class HostRates:
    """The Checks of one pool by the host that they probe, and what each of them gets.

    Belongs to one event loop. A change is worked out for its host alone, when it is asked for.
    """

    def __init__(self, limit: float = DEFAULT_LIMIT) -> None:
        """Start without a Check; `limit` is probes a second to one host."""
        self._limit = limit
        self._hosts: defaultdict[str, dict[CheckKey, CheckPlan]] = defaultdict(dict)
        self._host_of: dict[CheckKey, str] = {}
        self._rates: dict[CheckKey, float] = {}
        self._stale: set[str] = set()

    @property
    def limit(self) -> float:
        """Probes a second to one host."""
        return self._limit

    @limit.setter
    def limit(self, limit: float) -> None:
        if limit != self._limit:
            self._limit = limit
            self._stale.update(self._hosts)

    def put(self, check: CheckPlan) -> None:
        """Take in a Check that is new or changed."""
        key, host = check.key, host_of(check.probe)
        if self._host_of.get(key, host) != host:
            self._leave(key)
        before = self._hosts[host].get(key)
        self._hosts[host][key] = check
        self._host_of[key] = host
        if before is None or demand_of(before) != demand_of(check):
            self._stale.add(host)

    def drop(self, key: CheckKey) -> None:
        """Forget a Check, if it is there."""
        if key in self._host_of:
            self._leave(key)
            self._rates.pop(key, None)

    def rate(self, key: CheckKey) -> float | None:
        """Give what a Check gets, as of the last `take`; `None`: as much as it asks for."""
        return self._rates.get(key)

    def take(self) -> dict[CheckKey, float | None]:
        """Give the rates that changed since the last call."""
        changed: dict[CheckKey, float | None] = {}
        for host in self._stale:
            checks = self._hosts.get(host, {})
            rates = host_rates(self._limit, checks.values())
            changed.update((key, rates.get(key)) for key in checks if rates.get(key) != self._rates.get(key))
        self._stale.clear()
        for key, rate in changed.items():
            if rate is None:
                del self._rates[key]
            else:
                self._rates[key] = rate
        return changed

    def _leave(self, key: CheckKey) -> None:
        host = self._host_of.pop(key)
        checks = self._hosts[host]
        del checks[key]
        self._stale.add(host)
        if not checks:
            del self._hosts[host]


def _rounded_down(rate: float) -> float:
    unit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    # A share of exactly two digits may have lost its last bit to the subtractions.
    return float(f"{math.floor(rate / unit * (1 + 1e-9)) * unit:.1e}")
