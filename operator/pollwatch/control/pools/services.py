"""What crews share: everything that leads out of one pool."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from pollwatch.control.cluster import Cluster
from pollwatch.control.data_plane import Found
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.apply import Applier
from pollwatch.control.pools.delivery import Delivery
from pollwatch.control.pools.events import PoolEvents
from pollwatch.control.pools.owned import OwnedObjects
from pollwatch.control.pools.registry import Pools
from pollwatch.plan.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """For the time that we lead."""

    cluster: Cluster
    pools: Pools
    owned: OwnedObjects
    applier: Applier
    delivery: Delivery
    events: PoolEvents
    client: httpx.AsyncClient
    """For the links to workers."""
    found: Callable[[Found], None]
    """Takes in what workers found."""
    image: str
    """Of workers, where their pool names none."""
    metrics: ControlMetrics
    clock: Clock
    random: Callable[[], float]
    """Numbers in [0, 1)."""
