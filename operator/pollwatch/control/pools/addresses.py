"""Where the API server is: no target of a Check, unless the pool's egress policy opens it."""

import ipaddress
from collections.abc import Collection, Container
from http import HTTPStatus
from typing import Any

from pollwatch.control.cluster import ENDPOINT_SLICES, SERVICES, Cluster, RefusedError, Resource
from pollwatch.plan.clock import Clock

NAMESPACE, NAME = "default", "kubernetes"
"""Of the Service that every cluster has, and of the EndpointSlice that the API server keeps for it."""

REMEMBERED = 24 * 3600.0
"""Seconds that an address stays known after it was there last."""

MOST = 64
"""Addresses that are known at a time, unless more are there at once."""


class ApiServerAddresses:
    """The addresses of the API server, those that were there lately too. Belongs to one event loop.

    While a control plane is upgraded its API servers leave the EndpointSlice and come back, one after the
    other: none may be reached in the moment that it is back and was not read yet. What was there before
    this process began to look is not known to it, so a new operator begins with what is there then.
    """

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        """Know none yet."""
        self._cluster = cluster
        self._clock = clock
        self._seen: dict[str, float] = {}
        """When each was there last, monotonic seconds; the latest at the end."""

    async def look(self) -> tuple[str, ...]:
        """Read them, and give all that are known, sorted.

        Raises:
            ClusterError: see `api_server_addresses`. What was known still is.
        """
        found = await api_server_addresses(self._cluster, known=self._seen)
        now = self._clock.monotonic()
        before = [(address, at) for address, at in self._seen.items() if address not in found]
        kept = [(address, at) for address, at in before if now - at < REMEMBERED]
        room = max(0, MOST - len(found))
        self._seen = dict([*kept[max(0, len(kept) - room) :], *((address, now) for address in found)])
        return tuple(sorted(self._seen))


async def api_server_addresses(cluster: Cluster, *, known: Collection[str] = ()) -> tuple[str, ...]:
    """Read the addresses of the API server, sorted; none where nobody may know them.

    Args:
        cluster: the API server.
        known: what was read before. Where there was something, we may read it: an API server that was
            just started refuses it for a moment, and nothing must be opened by that.

    Raises:
        ClusterError: the API server did not answer, or not as it did before.
    """
    accepted = {HTTPStatus.NOT_FOUND, *([] if known else [HTTPStatus.FORBIDDEN])}
    service = await _read(cluster, SERVICES, accepted)
    slices = await _read(cluster, ENDPOINT_SLICES, accepted)
    found = set[str](service.get("spec", {}).get("clusterIPs") or [])
    for endpoint in slices.get("endpoints") or []:
        found.update(endpoint["addresses"])
    return tuple(sorted(address for address in found if _is_address(address)))


async def _read(cluster: Cluster, resource: Resource, accepted: Container[int]) -> dict[str, Any]:
    """Read an object; an empty one where it is refused with one of these codes."""
    try:
        return await cluster.get(resource, NAMESPACE, NAME)
    except RefusedError as error:
        if error.code in accepted:
            return {}
        raise


def _is_address(text: str) -> bool:
    """Whether it is one: a headless Service has `None`."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
