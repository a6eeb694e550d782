"""Objects of the API as tests need them: say what matters, the rest is filled in."""

from typing import Any

from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.control.status import Admission


def check_document(
    name: str = "front-page",
    *,
    namespace: str = "public-sites",
    uid: str = "",
    version: int = 1,
    generation: int = 1,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """A Check of a web page; `spec` are fields of it."""
    document: dict[str, Any] = {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "Check",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "resourceVersion": str(version),
            "generation": generation,
        },
        "spec": {"http": {"url": "http://www.example.org/"}} | spec,
    }
    if status is not None:
        document["status"] = status
    return document


def secret_document(name: str, version: int = 1, uid: str = "u", **data: str) -> dict[str, Any]:
    """A Secret of namespace public-sites; the values are in base64 already."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": "public-sites",
            "name": name,
            "uid": uid,
            "resourceVersion": str(version),
        },
        "data": data,
    }


ACCEPTED = Admission(
    generation=1,
    accepted=AcceptedReason.ACCEPTED,
    accepted_message="fine",
    ready=ReadyReason.PROBING,
    ready_message="Probed every 30 s.",
)

REJECTED = Admission(
    generation=1,
    accepted=AcceptedReason.SECRET_NOT_FOUND,
    accepted_message="spec.http.headers[0].valueFrom.secretKeyRef.name: there is no Secret",
    ready=ReadyReason.NOT_ACCEPTED,
    ready_message="Not probed.",
)
