"""Where the API server is: no target of a Check, unless the pool's egress policy opens it."""

import ipaddress
from collections.abc import Collection, Container
from http import HTTPStatus
from typing import Any

from pollwatch.control.cluster import ENDPOINT_SLICES, SERVICES, Cluster, RefusedError, Resource

NAMESPACE, NAME = "default", "kubernetes"
"""Of the Service that every cluster has, and of the EndpointSlice that the API server keeps for it."""


async def api_server_addresses(cluster: Cluster, *, known: Collection[str] = ()) -> tuple[str, ...]:
    """Read the addresses of the API server, sorted; none where nobody may know them.

    Args:
        cluster: the API server.
        known: what was read last. Where there was something, we may read it: an API server that was
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
