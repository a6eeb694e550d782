"""Which kinds the API server knows: asked again and again, as CRDs come and go while we run.

Discovery is open to everybody who is authenticated (ClusterRole `system:discovery`). To watch
CustomResourceDefinitions would need a right in the whole cluster, to be told the same.
"""

from collections.abc import Iterable
from http import HTTPStatus

from pollwatch.control.cluster import Cluster, RefusedError, Resource


async def served(cluster: Cluster, resources: Iterable[Resource]) -> frozenset[Resource]:
    """Return those of the resources that the API server knows.

    Raises:
        ClusterError: it does not say.
    """
    asked = list(resources)
    known: dict[str, frozenset[str]] = {}
    for resource in asked:
        if resource.prefix not in known:
            known[resource.prefix] = await _plurals(cluster, resource.prefix)
    return frozenset(resource for resource in asked if resource.plural in known[resource.prefix])


async def _plurals(cluster: Cluster, prefix: str) -> frozenset[str]:
    try:
        answer = await cluster.request("GET", prefix)
    except RefusedError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return frozenset()
    return frozenset(one["name"] for one in answer["resources"])
