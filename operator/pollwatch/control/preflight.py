"""What must be so before the operator starts, and one line on what to apply when it is not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pollwatch.control.cluster import (
    CHECKS,
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    EVENTS,
    NAMESPACES,
    PROBE_POOLS,
    SECRETS,
    SERVICES,
    Cluster,
    RefusedError,
    Resource,
    UnreachableError,
)
from pollwatch.control.lease import LEASE, LEASES
from pollwatch.control.owner import CLUSTER_ROLES
from pollwatch.control.pools import addresses
from pollwatch.control.pools.owned import OWNED, PODS
from pollwatch.control.settings import InstalledPool, Pooled

FOLLOW = ("list", "watch")
READ = ("get", *FOLLOW)
KEEP = (*FOLLOW, "create", "patch", "delete")


class PreflightError(Exception):
    """The operator cannot work here; the message is one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something that the operator must be allowed to do."""

    verb: str
    resource: Resource
    subresource: str = ""
    name: str = ""
    """Of the one object that it is about; empty: all of the resource."""

    @property
    def object(self) -> str:
        """What it is about, as `kubectl auth can-i` spells it."""
        kind = ".".join(filter(None, (self.resource.plural, self.resource.group)))
        return "/".join(filter(None, (kind, self.subresource, self.name)))

    def __str__(self) -> str:
        return f"{self.verb} {self.object}"


RIGHTS: Sequence[Right] = (
    *(Right(verb=verb, resource=CHECKS) for verb in FOLLOW),
    Right(verb="patch", resource=CHECKS, subresource="status"),
    *(Right(verb=verb, resource=SECRETS) for verb in READ),
    *(Right(verb=verb, resource=CONFIG_MAPS) for verb in READ),
    Right(verb="create", resource=EVENTS),
)
"""All that the operator needs in the namespaces that it serves: what manifests/rbac grants, no more."""

RIGHTS_TO_POOLS: Sequence[Right] = (
    *(Right(verb=verb, resource=PROBE_POOLS) for verb in READ),
    Right(verb="patch", resource=PROBE_POOLS, subresource="status"),
    *(Right(verb=verb, resource=NAMESPACES) for verb in FOLLOW),
)
"""What it needs in the whole cluster for pools: manifests/rbac/pools."""

RIGHTS_AT_HOME: Sequence[Right] = (
    *(Right(verb=verb, resource=resource) for resource in OWNED for verb in KEEP if resource != PODS),
    *(Right(verb=verb, resource=PODS) for verb in FOLLOW),
    Right(verb="get", resource=SECRETS),
    Right(verb="create", resource=LEASES),
    *(Right(verb=verb, resource=LEASES, name=LEASE) for verb in ("get", "update")),
)
"""What it needs in its own namespace for pools: manifests/rbac/pools, too."""

RIGHTS_IN_DEFAULT: Sequence[Right] = (
    *(Right(verb="get", resource=one, name=addresses.NAME) for one in (SERVICES, ENDPOINT_SLICES)),
    Right(verb="create", resource=EVENTS),
)
"""What it needs in the namespace `default`: who may not know where the API server is cannot keep workers
from it. Events about pools, which are in no namespace, are there."""


def rights_to_installed_pool(installed: InstalledPool) -> Sequence[Right]:
    """Return what it needs to make a pool itself: manifests/rbac/pools/default-pool.yaml."""
    rights = [
        Right(verb="create", resource=PROBE_POOLS),
        Right(verb="patch", resource=PROBE_POOLS, name=installed.name),
    ]
    if installed.owner is not None:
        rights.append(Right(verb="get", resource=CLUSTER_ROLES, name=installed.owner))
    return rights


async def preflight(cluster: Cluster, namespaces: Sequence[str], *, pooled: Pooled | None = None) -> None:
    """Make sure that the API server answers, knows our resources, and lets us work.

    Args:
        cluster: the API server.
        namespaces: what is to be served; empty: all.
        pooled: what it is to do with pools; `None`: it has none.

    Raises:
        PreflightError: it is not so.
    """
    await _require_api(cluster, (CHECKS,) if pooled is None else (CHECKS, PROBE_POOLS))
    questions = [(right, namespace) for namespace in namespaces or ("",) for right in RIGHTS]
    missing = await _missing_rights(cluster, questions)
    if missing:
        remedy = "manifests/rbac/namespaced/" if namespaces else "manifests/rbac/"
        raise _not_allowed(missing, remedy)
    if pooled is None:
        return
    questions = [(right, "") for right in RIGHTS_TO_POOLS]
    if pooled.installed_pool is not None:
        questions += ((right, "") for right in rights_to_installed_pool(pooled.installed_pool))
    questions += ((right, pooled.system_namespace) for right in RIGHTS_AT_HOME)
    questions += ((right, addresses.NAMESPACE) for right in RIGHTS_IN_DEFAULT)
    missing = await _missing_rights(cluster, questions)
    if missing:
        raise _not_allowed(missing, "manifests/rbac/pools/")


def _not_allowed(missing: Sequence[str], remedy: str) -> PreflightError:
    return PreflightError(
        f"not allowed to {'; '.join(missing)}: kubectl apply -f {remedy}, "
        "and run the operator as its service account"
    )


async def _require_api(cluster: Cluster, resources: Sequence[Resource]) -> None:
    try:
        served = await cluster.request("GET", CHECKS.prefix)
    except UnreachableError as error:
        raise PreflightError(
            f"the Kubernetes API cannot be reached (by {cluster.credentials.source}): {error}"
        ) from error
    except RefusedError as error:
        if error.code == HTTPStatus.UNAUTHORIZED:
            raise PreflightError(
                f"the API server does not accept our credentials (by {cluster.credentials.source}): {error}"
            ) from error
        if error.code != HTTPStatus.NOT_FOUND:
            raise PreflightError(f"the API server does not work: {error}") from error
        served = {"resources": []}
    known = {resource["name"] for resource in served["resources"]}
    for resource in resources:
        if resource.plural not in known:
            raise PreflightError(
                f"this cluster does not know {resource.kind}s ({resource.api_version}): "
                "kubectl apply -f manifests/crds/, or pollwatch crds | kubectl apply -f -"
            )


async def _missing_rights(cluster: Cluster, questions: Sequence[tuple[Right, str]]) -> list[str]:
    """Return what we may not do, in words."""
    try:
        answers = await asyncio.gather(*(_allowed(cluster, *question) for question in questions))
    except UnreachableError as error:
        raise PreflightError(f"the Kubernetes API cannot be reached: {error}") from error
    except RefusedError as error:
        raise PreflightError(f"the API server does not say what we may do: {error}") from error
    return in_words([question for question, allowed in zip(questions, answers, strict=True) if not allowed])


def in_words(missing: Sequence[tuple[Right, str]]) -> list[str]:
    """Write rights, each with its namespace (empty: all), verbs of one object together."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for right, namespace in missing:
        verbs.setdefault((right.object, namespace), []).append(right.verb)
    return [
        f"{', '.join(of_object)} {name} in {f'namespace {namespace}' if namespace else 'all namespaces'}"
        for (name, namespace), of_object in verbs.items()
    ]


async def _allowed(cluster: Cluster, right: Right, namespace: str) -> bool:
    return await cluster.allowed(
        {
            "namespace": namespace,
            "verb": right.verb,
            "group": right.resource.group,
            "version": right.resource.version,
            "resource": right.resource.plural,
            "subresource": right.subresource,
            "name": right.name,
        }
    )
