"""Who may read `/feed` and push to `/plan`: judged before anything is spent on a request."""

from http import HTTPStatus

from pollwatch.worker.asgi import Scope, Send, header, reply
from pollwatch.worker.keys import Keys


async def admitted(scope: Scope, send: Send, keys: Keys | None) -> bool:
    """Tell whether a request has a feed token; if not, it is answered.

    Args:
        scope: The request.
        send: Takes the answer.
        keys: Those that are accepted; `None`: they are not known yet.
    """
    if keys is None:
        await busy(send, "starting: the plan folder has not been read yet")
        return False
    if not keys.feed_tokens:
        await reply(
            send,
            HTTPStatus.FORBIDDEN,
            "closed: the plan folder has no usable keys.json, so nobody can be told from anybody else",
        )
        return False
    if not keys.admit(header(scope, "Authorization")):
        await reply(
            send,
            HTTPStatus.UNAUTHORIZED,
            "needs 'Authorization: Bearer TOKEN' with a feed token of keys.json",
            headers={"WWW-Authenticate": 'Bearer realm="pollwatch"'},
        )
        return False
    return True


async def busy(send: Send, message: str) -> None:
    """Answer that it may be tried again soon."""
    headers = {"Retry-After": "1", "Connection": "close"}
    await reply(send, HTTPStatus.SERVICE_UNAVAILABLE, message, headers=headers)
