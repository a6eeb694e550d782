"""The ClusterRole with which goes what the operator makes: Kubernetes deletes what has no owner any more."""

from collections.abc import Mapping

from pollwatch.control.cluster import Cluster, Resource

CLUSTER_ROLES = Resource(
    kind="ClusterRole", group="rbac.authorization.k8s.io", version="v1", plural="clusterroles"
)


async def owner_reference(cluster: Cluster, name: str) -> Mapping[str, str]:
    """Refer to a ClusterRole as the owner: one of another uid is another installation's.

    Raises:
        ClusterError: it could not be read.
    """
    role = await cluster.get(CLUSTER_ROLES, None, name)
    return {
        "apiVersion": CLUSTER_ROLES.api_version,
        "kind": CLUSTER_ROLES.kind,
        "name": name,
        "uid": role["metadata"]["uid"],
    }
