"""The objects of one collection, as they are now: a list and a watch, like a controller's informer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.apiclient import JsonObject

_PAUSE = 0.1
"""Seconds before another try where the API server was not there."""


class _GoneError(Exception):
    """The watch cannot go on from where it was: everything is listed anew."""


class Mirror:
    """A copy of a collection that follows the API server; outages and 410 are survived.

    Attributes:
        path: The collection: `/api/v1/namespaces/NS/pods`.
        objects: By name. Replaced, never changed in place.
        listed: Whether `objects` has been complete once.
    """

    def __init__(self, http: httpx.AsyncClient, path: str, *, changed: Callable[[], None]) -> None:
        """Follow nothing yet; see `run`.

        Args:
            http: A client of the API server.
            path: The collection.
            changed: Called after each change of `objects`.
        """
        self.path = path
        self.objects: dict[str, JsonObject] = {}
        self.listed = False
        self._http = http
        self._changed = changed
        self._version = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._list()
                while True:
                    await self._watch()
            except (httpx.HTTPError, _GoneError):
                await asyncio.sleep(_PAUSE)

    def take(self, document: JsonObject) -> None:
        """Take over an object that a request has just answered, ahead of the watch.

        Where the watch is further than the answer and there is no such object, it has gone meanwhile.
        """
        if document["metadata"]["name"] in self.objects or _version_of(document) > self._followed_to():
            self._put(document)

    def drop(self, name: str) -> None:
        """Forget an object that a request has just found gone."""
        if self.objects.pop(name, None) is not None:
            self._changed()

    def _followed_to(self) -> int:
        return int(self._version or 0)

    async def _list(self) -> None:
        response = await self._http.get(self.path)
        if response.status_code == httpx.codes.NOT_FOUND:
            # No such kind here, or not at the moment: its definition may come (again).
            self.objects, self.listed = {}, True
            self._changed()
        response.raise_for_status()
        answer = response.json()
        self._version = answer["metadata"]["resourceVersion"]
        self.objects = {item["metadata"]["name"]: item for item in answer["items"]}
        self.listed = True
        self._changed()

    async def _watch(self) -> None:
        parameters: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": 300,
        }
        timeout = httpx.Timeout(30.0, read=None)
        async with self._http.stream("GET", self.path, params=parameters, timeout=timeout) as response:
            if response.status_code == httpx.codes.GONE:
                raise _GoneError
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line:
                    self._heard(json.loads(line))

    def _heard(self, event: dict[str, Any]) -> None:
        document = event["object"]
        if event["type"] == "ERROR":
            raise _GoneError
        self._version = document["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            held = self.objects.get(document["metadata"]["name"])
            if held is not None and held["metadata"]["uid"] == document["metadata"]["uid"]:
                self.drop(document["metadata"]["name"])
        elif event["type"] != "BOOKMARK":
            self._put(document)

    def _put(self, document: JsonObject) -> None:
        name = document["metadata"]["name"]
        held = self.objects.get(name)
        if held is None or _version_of(held) < _version_of(document):
            self.objects[name] = document
            self._changed()


def _version_of(document: JsonObject) -> int:
    return int(document["metadata"]["resourceVersion"])
