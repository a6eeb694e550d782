"""Names and labels of what is made of a ProbePool, in the operator's own namespace."""

from collections.abc import Mapping

LABEL_NAME = "app.kubernetes.io/name"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_POOL = "pollwatch.dev/pool"
LABEL_SHARD = "pollwatch.dev/shard"

OURS: Mapping[str, str] = {
    LABEL_NAME: "pollwatch",
    LABEL_COMPONENT: "worker",
    LABEL_MANAGED_BY: "pollwatch",
}
"""Labels of everything that is made of any pool."""

SELECTOR = ",".join(f"{name}={value}" for name, value in OURS.items())
"""The same as a label selector."""

HTTP_PORT = "http"
"""Name of the port at which a worker listens."""

PORT_NUMBER = 9877

MOST_PARTS = 8
"""Secrets that one plan may take."""


def base_name(pool: str) -> str:
    """Name of the objects that a pool has one of."""
    return f"probepool-{pool}"


def worker_name(pool: str, shard: int) -> str:
    """Name of the worker of a shard: the one that its plan carries."""
    return f"{pool}-{shard}"


def stateful_set_name(pool: str, shard: int) -> str:
    """Name of the StatefulSet of one shard."""
    return f"{base_name(pool)}-{shard}"


def pod_name(pool: str, shard: int) -> str:
    """Name of the pod of one shard."""
    return f"{stateful_set_name(pool, shard)}-0"


def keys_name(pool: str, shard: int) -> str:
    """Name of the Secret with the keys of a shard's worker."""
    return f"{stateful_set_name(pool, shard)}-keys"


def plan_name(pool: str, shard: int, part: int = 0) -> str:
    """Name of the Secret with one part of a shard's plan; part 0 holds the header too."""
    name = f"{stateful_set_name(pool, shard)}-plan"
    return f"{name}-{part}" if part else name


def labels(pool: str, shard: int | None = None) -> dict[str, str]:
    """Labels of an object of a pool, or of one of its shards."""
    of_shard = {} if shard is None else {LABEL_SHARD: str(shard)}
    return {**OURS, LABEL_POOL: pool, **of_shard}
