"""Plain documents of Checks and ProbePools, for tests to vary."""

from __future__ import annotations

from typing import Any

URL = "https://www.example.org/"


def check_document(**spec: Any) -> dict[str, Any]:
    """A Check as JSON or YAML gives it; of HTTP, unless the spec says otherwise."""
    protocol = {} if "tcp" in spec or "http" in spec else {"http": {"url": URL}}
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "Check",
        "metadata": {"name": "front-page", "namespace": "public-sites"},
        "spec": {**protocol, **spec},
    }


def http_document(**http: Any) -> dict[str, Any]:
    """A Check with these fields in `spec.http`."""
    return check_document(http={"url": URL, **http})


def pool_document(**spec: Any) -> dict[str, Any]:
    """A ProbePool as JSON or YAML gives it."""
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "ProbePool",
        "metadata": {"name": "east"},
        "spec": spec,
    }
