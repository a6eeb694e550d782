"""Counts requests to the Kubernetes API by the words that its own metrics have for them."""

import aiohttp

from pollwatch.control.metrics import ControlMetrics

_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

_PREFIX = {"api": 2, "apis": 3}
"""Parts of a path before what is asked for: `api/VERSION` and `apis/GROUP/VERSION`."""


def verb_of(method: str, path: str, *, watches: bool = False) -> str:
    """Give the verb of a request, as an API server derives it for rights, audit and metrics.

    Args:
        method: of HTTP.
        path: of the URL; what comes before `/api/` or `/apis/` is a proxy's.
        watches: whether the query says so.
    """
    if method != "GET":
        return _WRITES.get(method, method.lower())
    if watches:
        return "watch"
    parts = [part for part in path.split("/") if part]
    prefix = next((part for part in parts if part in _PREFIX), "")
    if not prefix:
        return "get"
    asked = parts[parts.index(prefix) + _PREFIX[prefix] :]
    match asked:
        case [_] | ["namespaces", _, _]:
            return "list"
        case _:
            return "get"


def traced(metrics: ControlMetrics) -> aiohttp.TraceConfig:
    """Return what counts the requests of a session that is not ours.

    What they take is not measured: most are watches, which are answered for as long as they go on.
    """
    trace = aiohttp.TraceConfig()

    def count(asked: aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams, code: int) -> None:
        watches = asked.url.query.get("watch") == "true"
        metrics.count_request(verb_of(asked.method, asked.url.path, watches=watches), code)

    async def end(_: aiohttp.ClientSession, __: object, answered: aiohttp.TraceRequestEndParams) -> None:
        count(answered, answered.response.status)

    async def fail(_: aiohttp.ClientSession, __: object, failed: aiohttp.TraceRequestExceptionParams) -> None:
        count(failed, 0)

    trace.on_request_end.append(end)
    trace.on_request_exception.append(fail)
    return trace
