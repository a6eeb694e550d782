"""What a pool adds to the Checks that it probes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pollwatch.api.pool import ProbePool
from pollwatch.compile.check import Rejected
from pollwatch.compile.egress import embedded_policy, foreseen_refusal, pool_policy
from pollwatch.plan.checks import CheckPlan
from pollwatch.plan.egress import EgressPolicy, IPNetwork

POOL_LABEL = "pool"
"""Set on every series of a pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """A pool, as far as Checks are compiled with it."""

    name: str
    labels: tuple[tuple[str, str], ...]
    """Of its series; they win over a Check's of the same name."""
    egress: EgressPolicy
    host_rate: float
    """Probes a second that all its Checks together may send to one host."""

    def __hash__(self) -> int:
        # A name is enough, and hashing a hundred networks for each Check is not cheap.
        return hash(self.name)


def pool_settings(pool: ProbePool, *, cluster_addresses: Iterable[str]) -> PoolSettings:
    """Take from a pool what Checks are compiled with.

    Args:
        pool: As the platform team wrote it.
        cluster_addresses: IP addresses of the API server, and of others that are protected in each pool.
    """
    labels = {**pool.spec.labels, POOL_LABEL: pool.name}
    return PoolSettings(
        name=pool.name,
        labels=tuple(sorted(labels.items())),
        egress=pool_policy(pool.spec.egress, cluster_addresses=cluster_addresses),
        host_rate=float(pool.spec.max_probes_per_second_per_host),
    )


def embedded_settings(
    name: str, *, allow: Iterable[IPNetwork], protected: Iterable[IPNetwork] = ()
) -> PoolSettings:
    """Describe the operator's own process as a pool.

    Args:
        name: What it is called where pools are told apart.
        allow: Networks that it may connect to though they are protected.
        protected: Addresses that are protected here beside those that are everywhere.
    """
    egress = embedded_policy(allow, protected=protected)
    return PoolSettings(name=name, labels=(), egress=egress, host_rate=math.inf)


def compile_for_pool(check: CheckPlan, settings: PoolSettings) -> CheckPlan:
    """Make a compiled Check that of a pool.

    Raises:
        Rejected: The pool's egress policy forbids what it would connect to, and no name server
            could change that.
    """
    problem = foreseen_refusal(check.probe, settings.egress)
    if problem is not None:
        raise Rejected([problem])
    if not settings.labels:
        return check
    return replace(check, labels=tuple(sorted({**dict(check.labels), **dict(settings.labels)}.items())))
