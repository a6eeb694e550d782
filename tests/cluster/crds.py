"""Custom resource definitions on a control plane."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.cluster.apiclient import ApiClient, ApiError
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def establish(admin: ApiClient, definitions: Iterable[Mapping[str, Any]]) -> None:
    """Apply CustomResourceDefinitions, and return when each served version answers.

    Raises:
        ApiError: A definition was refused.
        DeadlineError: One was accepted, but not established in time.
    """
    for crd in admin.apply(definitions):
        name, spec = crd["metadata"]["name"], crd["spec"]
        wait_until(partial(_is_established, admin, name), what=f"{name} to be established")
        for version in spec["versions"]:
            if version["served"]:
                path = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
                # The API server begins to serve them a moment after it says so.
                wait_until(partial(_is_served, admin, path), what=f"{path} to be served")


def _is_established(admin: ApiClient, name: str) -> bool:
    crd = admin.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    conditions = crd.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _is_served(admin: ApiClient, path: str) -> bool:
    try:
        admin.get(path, limit=1)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True
