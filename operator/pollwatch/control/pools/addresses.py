"""Where the API server is: no target of a Check, unless the pool's egress policy opens it."""

import ipaddress
from http import HTTPStatus
from typing import Any

from pollwatch.control.cluster import ENDPOINT_SLICES, SERVICES, Cluster, RefusedError, Resource

NAMESPACE, NAME = "default", "kubernetes"
"""Of the Service that every cluster has, and of the EndpointSlice that the API server keeps for it."""


async def api_server_addresses(cluster: Cluster) -> tuple[str, ...]:
    """Read the addresses of the API server, sorted; none where nobody may know them.

    Raises:
        ClusterError: the API server did not answer.
    """
    service = await _read(cluster, SERVICES)
    slices = await _read(cluster, ENDPOINT_SLICES)
    found = set[str](service.get("spec", {}).get("clusterIPs") or [])
    for endpoint in slices.get("endpoints") or []:
        found.update(endpoint["addresses"])
    return tuple(sorted(address for address in found if _is_address(address)))


async def _read(cluster: Cluster, resource: Resource) -> dict[str, Any]:
    try:
        return await cluster.get(resource, NAMESPACE, NAME)
    except RefusedError as error:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            return {}
        raise


def _is_address(text: str) -> bool:
    """Whether it is one: a headless Service has `None`."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
