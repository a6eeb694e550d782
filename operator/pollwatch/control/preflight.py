"""What must be so before the operator starts, and one line on what to apply when it is not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from pollwatch.control.cluster import (
    CHECKS,
    CONFIG_MAPS,
    EVENTS,
    SECRETS,
    Cluster,
    RefusedError,
    Resource,
    UnreachableError,
)

FOLLOW = ("list", "watch")
READ = ("get", *FOLLOW)


class PreflightError(Exception):
    """The operator cannot work here; the message is one line for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something that the operator must be allowed to do."""

    verb: str
    resource: Resource
    subresource: str = ""

    def __str__(self) -> str:
        parts = [self.resource.plural, self.resource.group]
        name = ".".join(part for part in parts if part)
        return f"{self.verb} {name}/{self.subresource}" if self.subresource else f"{self.verb} {name}"


RIGHTS: Sequence[Right] = (
    *(Right(verb=verb, resource=CHECKS) for verb in FOLLOW),
    Right(verb="patch", resource=CHECKS, subresource="status"),
    *(Right(verb=verb, resource=SECRETS) for verb in READ),
    *(Right(verb=verb, resource=CONFIG_MAPS) for verb in READ),
    Right(verb="create", resource=EVENTS),
)
"""All that the operator needs: what manifests/rbac grants, no more."""


async def preflight(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Make sure that the API server answers, knows Checks, and lets us work.

    Args:
        cluster: the API server.
        namespaces: what is to be served; empty: all.

    Raises:
        PreflightError: it is not so.
    """
    await _require_api(cluster)
    missing = await _missing_rights(cluster, namespaces)
    if missing:
        remedy = "manifests/rbac/namespaced/" if namespaces else "manifests/rbac/"
        raise PreflightError(
            f"not allowed to {'; '.join(missing)}: kubectl apply -f {remedy}, "
            "and run the operator as its service account"
        )


async def _require_api(cluster: Cluster) -> None:
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
    if not any(resource["name"] == CHECKS.plural for resource in served["resources"]):
        raise PreflightError(
            f"this cluster does not know Checks ({CHECKS.group}/{CHECKS.version}): "
            "kubectl apply -f manifests/crds/, or pollwatch crds | kubectl apply -f -"
        )


async def _missing_rights(cluster: Cluster, namespaces: Sequence[str]) -> list[str]:
    """Return what we may not do, in words."""
    questions = [(right, namespace) for namespace in namespaces or ("",) for right in RIGHTS]
    try:
        answers = await asyncio.gather(*(_allowed(cluster, *question) for question in questions))
    except UnreachableError as error:
        raise PreflightError(f"the Kubernetes API cannot be reached: {error}") from error
    except RefusedError as error:
        raise PreflightError(f"the API server does not say what we may do: {error}") from error
    return [
        f"{right} in namespace {namespace}" if namespace else f"{right} in all namespaces"
        for (right, namespace), allowed in zip(questions, answers, strict=True)
        if not allowed
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
        }
    )
