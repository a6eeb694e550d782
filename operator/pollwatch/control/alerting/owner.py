"""Whose the objects in other people's namespaces are, so that they go with the installation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog

from pollwatch.control.cluster import Cluster, RefusedError
from pollwatch.control.owner import owner_reference

REMEDY = "kubectl apply -f manifests/rbac/alerts/owner.yaml makes it, and lets it be read"


class Owner:
    """Knows the ClusterRole that owns what is written. Belongs to one event loop.

    It is looked at again and again: one that was deleted and made anew is another owner, and
    Kubernetes deletes whatever still refers to the former one.
    """

    def __init__(self, cluster: Cluster, name: str | None) -> None:
        """Know nothing yet.

        Args:
            cluster: where it is.
            name: of the ClusterRole; `None`: nobody owns what is written.
        """
        self._cluster = cluster
        self._name = name
        self._reference: Mapping[str, str] | None = None
        self._told = ""
        self._log = structlog.get_logger("pollwatch.alerting")

    async def look(self) -> bool:
        """Look at it; return whether it is another one than before.

        One that cannot be found or read any more stays the owner: what is written while an
        installation is being taken away must go, too. As long as it never could be, there is
        none: alerts that outlive the installation are better than no alerts.

        Raises:
            ClusterError: it could not be looked at now.
        """
        if self._name is None:
            return False
        try:
            found = await owner_reference(self._cluster, self._name)
        except RefusedError as error:
            if error.code not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                raise
            self._tell(str(error))
            return False
        self._told = ""
        changed = found != self._reference
        self._reference = found
        return changed

    def claim(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a document as one that belongs to the owner, where there is one."""
        if self._reference is None:
            return document
        return {**document, "metadata": {**document["metadata"], "ownerReferences": [self._reference]}}

    def _tell(self, trouble: str) -> None:
        if self._told != trouble:
            self._told = trouble
            self._log.warning(
                "the owner of alert rules cannot be read: uninstalling may leave them",
                owner=self._name,
                error=trouble,
                remedy=REMEDY,
            )
