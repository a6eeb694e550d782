"""The Kubernetes API, as much of it as the operator needs.

Documents are plain JSON in and out: the client's generated models cost several times the
request itself, and 10,000 Checks are listed here.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from pollwatch import __version__
from pollwatch.control.api_calls import verb_of
from pollwatch.control.credentials import Credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.versions import ObjectVersion, read_versions
from pollwatch.plan.clock import Clock

T = TypeVar("T")

REQUEST_TIMEOUT = 30.0
"""Seconds that any request may take."""

PAGE = 200
"""Objects in a page of a list: what is decoded at once holds the event loop for about 3 ms."""

JSON = "application/json"

FIELD_MANAGER = "pollwatch"
"""Who we are to server-side apply: the owner of the fields that we set, and of no others."""

METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""Accept header for a list without the objects' content."""

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""Accept header for one object without its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of object and where the API has it."""

    kind: str
    group: str
    """Empty for the core group."""
    version: str
    plural: str
    field_selector: str = ""
    """Narrows every list and watch of it."""
    label_selector: str = ""
    """Narrows every list and watch of it."""

    @property
    def api_version(self) -> str:
        """What its documents have in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        """The path of its API group and version."""
        if not self.group:
            return f"/api/{self.version}"
        return f"/apis/{self.group}/{self.version}"

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Return the path of a collection or of one object.

        `namespace` is `None` for kinds that have none, and for a collection of all namespaces.
        """
        parts = [self.prefix]
        if namespace is not None:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


CHECKS = Resource(kind="Check", group="pollwatch.dev", version="v1alpha1", plural="checks")
SECRETS = Resource(
    kind="Secret",
    group="",
    version="v1",
    plural="secrets",
    # No Check can mean these, and they are many and big.
    field_selector="type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token"
    ",type!=pollwatch.dev/plan,type!=pollwatch.dev/keys",
)
CONFIG_MAPS = Resource(kind="ConfigMap", group="", version="v1", plural="configmaps")
EVENTS = Resource(kind="Event", group="events.k8s.io", version="v1", plural="events")
PROBE_POOLS = Resource(kind="ProbePool", group="pollwatch.dev", version="v1alpha1", plural="probepools")
NAMESPACES = Resource(kind="Namespace", group="", version="v1", plural="namespaces")
SERVICES = Resource(kind="Service", group="", version="v1", plural="services")
ENDPOINT_SLICES = Resource(
    kind="EndpointSlice", group="discovery.k8s.io", version="v1", plural="endpointslices"
)
REVIEWS = Resource(
    kind="SelfSubjectAccessReview",
    group="authorization.k8s.io",
    version="v1",
    plural="selfsubjectaccessreviews",
)


class ClusterError(Exception):
    """A request to the API server did not succeed."""


class UnreachableError(ClusterError):
    """There was no answer: connection, TLS, timeout."""


class RefusedError(ClusterError):
    """The API server answered with an error (`metav1.Status`)."""

    def __init__(self, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"HTTP {code}: {message}")
        self.code = code
        self.retry_after = retry_after
        """Seconds that the server asks to wait, if it does."""

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed later."""
        return (
            self.code
            in (
                HTTPStatus.UNAUTHORIZED,
                HTTPStatus.FORBIDDEN,
                HTTPStatus.REQUEST_TIMEOUT,
                HTTPStatus.TOO_MANY_REQUESTS,
            )
            or self.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


class NotLeadingError(ClusterError):
    """Nothing was sent: only the leader writes, and we may not be it any more."""


class Cluster:
    """A client of one API server under one identity."""

    def __init__(self, credentials: Credentials, *, metrics: ControlMetrics, clock: Clock) -> None:
        self.credentials = credentials
        self._client = ApiClient(credentials.configuration)
        self._metrics = metrics
        self._clock = clock
        self._may_write: Callable[[], bool] = lambda: True

    def fenced(self, may_write: Callable[[], bool]) -> "Cluster":
        """Return the same client, which asks right before each request that is not a read."""
        fenced = copy(self)
        fenced._may_write = may_write  # noqa: SLF001 - of the same class
        return fenced

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Any:
        """Send one request and return the JSON document of its answer.

        Raises:
            UnreachableError: no answer.
            RefusedError: an answer that is not 2xx.
            NotLeadingError: this client is `fenced`.
        """
        return await self._exchange(
            json.loads, method, path, query=query, body=body, content_type=content_type, accept=accept
        )

    async def _exchange(
        self,
        read: Callable[[bytes], T],
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Any = None,
        content_type: str = JSON,
        accept: str,
    ) -> T:
        access = await self.credentials.access()
        if method != "GET" and not self._may_write():
            raise NotLeadingError(f"{method} {path} was not sent: another operator may lead by now")
        headers = {
            "Accept": accept,
            "Content-Type": content_type,
            "User-Agent": f"pollwatch/{__version__}",
        }
        if access.token:
            headers["Authorization"] = access.token
        url = access.server + path + (f"?{urlencode(query)}" if query else "")
        started = self._clock.monotonic()
        code = 0
        try:
            response = await self._client.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=REQUEST_TIMEOUT
            )
            content = await response.read()
            code = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnreachableError(f"{access.server}: {str(error) or type(error).__name__}") from error
        finally:
            self._metrics.count_request(verb_of(method, path), code, self._clock.monotonic() - started)
        if code == HTTPStatus.UNAUTHORIZED:
            self.credentials.refused()
        if not HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES:
            raise _refusal(code, content, response.headers.get("Retry-After"))
        try:
            return read(content)
        except ValueError as error:
            raise UnreachableError(
                f"{access.server}: the answer is not the JSON that was asked for: no API server?"
            ) from error

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """Read one object. Raises `RefusedError` with code 404 when it does not exist."""
        document: dict[str, Any] = await self.request("GET", resource.path(namespace, name))
        return document

    async def find(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read one object as who may list, but not get; `None` when it does not exist."""
        found = await self.request(
            "GET", resource.path(namespace), query={"fieldSelector": f"metadata.name={name}"}
        )
        return next(iter(found["items"]), None)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        document: Mapping[str, Any],
        *,
        metadata_only: bool = False,
    ) -> dict[str, Any]:
        """Create one object; of it, or of its metadata alone, return what became of it.

        Raises `RefusedError` with code 409 when its name exists.
        """
        made: dict[str, Any] = await self.request(
            "POST",
            resource.path(namespace),
            query={"fieldManager": FIELD_MANAGER},
            body=document,
            accept=METADATA_ONLY if metadata_only else JSON,
        )
        return made

    async def apply(
        self, resource: Resource, namespace: str | None, document: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Make an object have the fields of a document, by server-side apply.

        Fields that we applied earlier and do not name any more are removed; those that others
        set stay. Where somebody else has set a field of ours, ours wins.
        """
        applied: dict[str, Any] = await self.request(
            "PATCH",
            resource.path(namespace, document["metadata"]["name"]),
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=document,
            content_type="application/apply-patch+yaml",
        )
        return applied

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str = "",
        metadata_only: bool = False,
    ) -> dict[str, Any]:
        """Change an object by a merge patch (RFC 7396); return it, or its metadata alone.

        A `uid` and a `resourceVersion` in the patch's metadata are preconditions: where the
        object is another one, or was changed since, the answer is 409.
        """
        patched: dict[str, Any] = await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type="application/merge-patch+json",
            accept=METADATA_ONLY if metadata_only else JSON,
        )
        return patched

    async def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str) -> None:
        """Delete an object and, in the background, all that it owns.

        The uid is a precondition: of an object that was made again under its name, the answer
        is `RefusedError` with code 409. With code 404 it is gone already.
        """
        await self.request(
            "DELETE",
            resource.path(namespace, name),
            body={
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "preconditions": {"uid": uid},
                "propagationPolicy": "Background",
            },
        )

    def pages(
        self, resource: Resource, namespace: str | None, *, metadata_only: bool = False
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """List all objects of a namespace (or of all), in pages of one consistent snapshot."""
        return self._list(_read_page, resource, namespace, accept=METADATA_LIST if metadata_only else JSON)

    def versions(self, resource: Resource, namespace: str | None) -> AsyncIterator[Sequence[ObjectVersion]]:
        """List which objects there are, as `pages` does, for a tenth of the CPU."""
        return self._list(read_versions, resource, namespace, accept=METADATA_LIST)

    async def _list(
        self,
        read: Callable[[bytes], tuple[Sequence[T], str]],
        resource: Resource,
        namespace: str | None,
        *,
        accept: str,
    ) -> AsyncIterator[Sequence[T]]:
        query = {"limit": str(PAGE)}
        if resource.field_selector:
            query["fieldSelector"] = resource.field_selector
        if resource.label_selector:
            query["labelSelector"] = resource.label_selector
        while True:
            page, following = await self._exchange(
                read, "GET", resource.path(namespace), query=query, accept=accept
            )
            yield page
            if not following:
                return
            query["continue"] = following
            await asyncio.sleep(0)

    async def patch_status(
        self,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        status: Mapping[str, Any],
        resource_version: str = "",
        resource: Resource = CHECKS,
    ) -> dict[str, Any]:
        """Write the status of an object by a merge patch (RFC 7396).

        The uid is a precondition: of an object that was deleted and made again, the answer is
        409. So is the resource version, where one is given: of an object that was changed since.
        """
        metadata = {"uid": uid}
        if resource_version:
            metadata["resourceVersion"] = resource_version
        return await self.patch(
            resource, namespace, name, {"metadata": metadata, "status": status}, subresource="status"
        )

    async def create_event(self, namespace: str, document: Mapping[str, Any]) -> None:
        """Create an Event (events.k8s.io/v1). Raises `RefusedError` with code 409 when its name exists."""
        await self.request("POST", EVENTS.path(namespace), body=document)

    async def allowed(self, attributes: Mapping[str, str]) -> bool:
        """Ask whether we may do that (`SelfSubjectAccessReview.spec.resourceAttributes`)."""
        review = await self.request(
            "POST",
            REVIEWS.path(None),
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": REVIEWS.kind,
                "spec": {"resourceAttributes": dict(attributes)},
            },
        )
        return bool(review["status"].get("allowed"))


def _read_page(content: bytes) -> tuple[Sequence[dict[str, Any]], str]:
    """Give what is on a page of a list, and what gives the next one."""
    page = json.loads(content)
    # Of custom resources, an empty list of metadata alone is `null`.
    return page["items"] or (), page["metadata"].get("continue", "")


def _refusal(code: int, content: bytes, retry_after: str | None) -> RefusedError:
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        message = content[:200].decode(errors="replace") or responses.get(code, "without a word")
    # Only the form in seconds (RFC 9110, 10.2.3): the API server sends no other.
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
    return RefusedError(code, message, seconds)
