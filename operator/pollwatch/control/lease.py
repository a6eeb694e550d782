"""The Lease by which one of several operators leads."""

from pollwatch.control.cluster import Resource

LEASES = Resource(kind="Lease", group="coordination.k8s.io", version="v1", plural="leases")

LEASE = "pollwatch"
"""Its name, in the operator's own namespace."""
