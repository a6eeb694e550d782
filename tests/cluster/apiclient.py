"""A small synchronous client of the Kubernetes API, to arrange and look at things in tests."""

from __future__ import annotations

import ssl
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

JsonObject = dict[str, Any]

_TRIES = 20
"""How often a request is sent again to an API server that is too busy for it."""

_MERGE_PATCH = "application/merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: The HTTP status code.
        reason: The machine-readable `reason` of the Status object, such as `NotFound`.
        message: Its `message`: for an invalid object, each field's path and fault.
    """

    def __init__(self, request: str, *, status: int, reason: str, message: str) -> None:
        super().__init__(f"{request}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class ApiClient:
    """Requests with one bearer token. Paths are those of the API: `/api/v1/namespaces/default`."""

    def __init__(self, url: str, *, ca_file: Path, token: str) -> None:
        self._url = url
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._token = token
        self._http = self._connect()

    def _connect(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._token}"},
            verify=self._tls,
            timeout=30.0,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def reconnect(self) -> None:
        """Forget connections to an API server that is gone."""
        self._http.close()
        self._http = self._connect()

    def is_ready(self) -> bool:
        """Whether the API server is there and says that it is ready."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str, **parameters: str | int) -> JsonObject:
        """Read an object or a list."""
        return self._request("GET", path, parameters=parameters)

    def post(self, path: str, body: Mapping[str, Any], **parameters: str | int) -> JsonObject:
        """Create an object."""
        return self._request("POST", path, body=body, parameters=parameters)

    def put(self, path: str, body: Mapping[str, Any], **parameters: str | int) -> JsonObject:
        """Replace an object."""
        return self._request("PUT", path, body=body, parameters=parameters)

    def patch(
        self, path: str, body: Mapping[str, Any] | list[JsonObject], *, content_type: str = _MERGE_PATCH
    ) -> JsonObject:
        """Change an object; by default with a JSON merge patch (RFC 7386)."""
        return self._request("PATCH", path, body=body, content_type=content_type)

    def delete(self, path: str, **parameters: str | int) -> JsonObject:
        """Delete an object, or all of a collection."""
        return self._request("DELETE", path, parameters=parameters)

    def apply(
        self,
        documents: Iterable[Mapping[str, Any]],
        *,
        namespace: str = "default",
        field_validation: str = "Strict",
        dry_run: bool = False,
    ) -> list[JsonObject]:
        """Apply objects on the server, as `kubectl apply --server-side --force-conflicts` does.

        Args:
            documents: The objects, applied in their order.
            namespace: For namespaced objects that name none.
            field_validation: `Strict` refuses unknown and duplicate fields, `Warn` and `Ignore` drop them.
            dry_run: Have everything judged, and nothing kept.

        Returns:
            The objects as they are now.

        Raises:
            ApiError: One was refused; those before it are applied.
        """
        parameters = {
            "fieldManager": "pollwatch-tests",
            "force": "true",
            "fieldValidation": field_validation,
            **({"dryRun": "All"} if dry_run else {}),
        }
        return [
            self._request(
                "PATCH",
                self.path_of(document, namespace=namespace),
                body=document,
                parameters=parameters,
                content_type=_APPLY_PATCH,
            )
            for document in documents
        ]

    def path_of(self, document: Mapping[str, Any], *, namespace: str = "default") -> str:
        """The path of an object, from its apiVersion, kind and metadata, by asking for discovery.

        Raises:
            LookupError: The API server does not serve that kind.
        """
        version, kind = document["apiVersion"], document["kind"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for resource in self.get(prefix)["resources"]:
            if resource["kind"] == kind and "/" not in resource["name"]:
                break
        else:
            raise LookupError(f"{prefix} serves no {kind}")
        metadata = document["metadata"]
        scope = f"namespaces/{metadata.get('namespace', namespace)}/" if resource["namespaced"] else ""
        return f"{prefix}/{scope}{resource['name']}/{metadata['name']}"

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | list[JsonObject] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        # JSON is YAML: apply patches may be sent so too.
        request = self._http.build_request(
            method, path, json=body, params=parameters, headers={"Content-Type": content_type}
        )
        response = self._http.send(request)
        for _ in range(_TRIES):
            # One without a time is no matter of load: a disruption budget says no, too.
            busy = response.status_code == HTTPStatus.TOO_MANY_REQUESTS and "Retry-After" in response.headers
            if not busy:
                break
            # "storage is (re)initializing", say, after a definition was applied: every client tries again.
            time.sleep(float(response.headers["Retry-After"]))
            response = self._http.send(request)
        answer = response.json() if "json" in response.headers.get("Content-Type", "") else {}
        if response.is_error:
            raise ApiError(
                f"{method} {path}",
                status=response.status_code,
                reason=answer.get("reason", response.reason_phrase),
                message=answer.get("message", response.text),
            )
        return dict(answer)


def documents_in(path: Path) -> list[JsonObject]:
    """The YAML documents of a file, or of all `*.yaml` files of a folder in the order of their names."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [
        document
        for file in files
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
        if document is not None
    ]
