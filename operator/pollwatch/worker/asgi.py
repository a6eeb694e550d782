"""The little of ASGI that the worker's endpoints need: routes, texts, methods.

References:
    https://asgi.readthedocs.io/en/stable/specs/www.html
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

TEXT = "text/plain; charset=utf-8"

_NONE: Mapping[str, App] = MappingProxyType({})


async def begin(send: Send, status: HTTPStatus, headers: Mapping[str, str]) -> None:
    """Send the head of a response."""
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": fields})


async def reply(
    send: Send, status: HTTPStatus, text: str, *, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole response of plain text, a line end added."""
    body = f"{text}\n".encode()
    await begin(send, status, {"Content-Type": TEXT, "Content-Length": str(len(body)), **(headers or {})})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: str) -> str:
    """Read a request header; several fields of the name are joined (RFC 9110, 5.3), none is ''."""
    wanted = name.lower().encode()
    return ", ".join(value.decode("latin-1") for field, value in scope["headers"] if field == wanted)


READING = ("GET", "HEAD")


def router(routes: Mapping[str, App], *, uploads: Mapping[str, App] = _NONE) -> App:
    """Make an application of one application a path.

    `routes` are for reading, `uploads` are posted to: other methods get 405, other paths 404.
    `/` lists the paths, unless it is one of them.
    """
    methods = {**dict.fromkeys(("/", *routes), READING), **dict.fromkeys(uploads, ("POST",))}
    apps = {"/": _index(sorted({*routes, *uploads})), **routes, **uploads}

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        app = apps.get(path)
        if app is None:
            await reply(send, HTTPStatus.NOT_FOUND, "not found; / lists what is here")
        elif scope["method"] not in methods[path]:
            allowed = methods[path]
            await reply(
                send,
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"only {' and '.join(allowed)}",
                headers={"Allow": ", ".join(allowed)},
            )
        else:
            await app(scope, receive, send)

    return route


def _index(paths: Sequence[str]) -> App:
    text = "\n".join(["Pollwatch", *paths])

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await reply(send, HTTPStatus.OK, text)

    return answer
