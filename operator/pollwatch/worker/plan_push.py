"""Answers `POST /plan`: a plan that an operator sends ahead of the mounted one.

The body is sealed (`worker.keys`): a header line, then the payload, as `plan.codec` makes them. Only who
has a feed token may send one at all, so that nobody else can make the worker hold memory.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from pollwatch.plan.reports import PlanReport
from pollwatch.plan.wire import plan_report_document
from pollwatch.worker.asgi import Receive, Scope, Send, begin, header, reply
from pollwatch.worker.guard import admitted, busy
from pollwatch.worker.keys import Keys, SealError
from pollwatch.worker.plan_intake import Outcome

MAX_BODY = 16 << 20
"""Bytes."""
MAX_PUSHES = 2
"""Under way at a time: one operator, and another that does not know yet that it leads no more."""

_STATUSES = {
    Outcome.LIVE: HTTPStatus.OK,
    Outcome.NOT_NEWER: HTTPStatus.CONFLICT,
    Outcome.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
}


class _TooLongError(Exception):
    """The body is longer than `MAX_BODY`."""


@dataclass(kw_only=True, eq=False)
class PlanPush:
    """The ASGI application of `/plan`."""

    push: Callable[[bytes, bytes], Awaitable[Outcome]]
    """Judges a header and a payload."""
    report: Callable[[], PlanReport]
    keys: Callable[[], Keys | None]
    """`None`: not known yet."""
    _under_way: int = field(init=False, default=0)
    _closing: bool = field(init=False, default=False)

    def close(self) -> None:
        """Take nothing more."""
        self._closing = True

    def body_limit(self, scope: Scope) -> int:
        """Say from the head of a request how many bytes its body may have."""
        keys = self.keys()
        if keys is None or not keys.plan_keys or self._closing or self._under_way >= MAX_PUSHES:
            return 0
        return MAX_BODY if keys.admit(header(scope, "Authorization")) else 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one push."""
        keys = self.keys()
        if not await admitted(scope, send, keys) or keys is None:
            return
        if self._closing:
            await busy(send, "the worker is stopping")
            return
        if not keys.plan_keys:
            await reply(send, HTTPStatus.FORBIDDEN, "closed: keys.json in the plan folder has no plan key")
            return
        if self._under_way >= MAX_PUSHES:
            await busy(send, f"{self._under_way} plans are being taken in already; try again later")
            return
        self._under_way += 1
        try:
            await self._answer(scope, receive, send, keys)
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send, keys: Keys) -> None:
        try:
            sealed = await _body(scope, receive)
        except _TooLongError:
            await reply(
                send,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"a sealed plan has at most {MAX_BODY} bytes",
                headers={"Connection": "close"},
            )
            return
        if sealed is None:
            return
        try:
            # In a thread, for it is as long as the plan.
            plan = await asyncio.to_thread(keys.plan_box.open, sealed)
        except SealError as error:
            await reply(send, HTTPStatus.UNAUTHORIZED, str(error))
            return
        head, _, payload = plan.partition(b"\n")
        outcome = await self.push(head, payload)
        await _reply_report(send, _STATUSES[outcome], self.report())


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Read the body; `None` if the client went away.

    Raises:
        _TooLongError: It is, or says that it will be.
    """
    announced = header(scope, "Content-Length")
    if announced.isdecimal() and int(announced) > MAX_BODY:
        raise _TooLongError
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if len(body) > MAX_BODY:
            raise _TooLongError
        more = message["more_body"]
    return bytes(body)


async def _reply_report(send: Send, status: HTTPStatus, report: PlanReport) -> None:
    body = json.dumps(plan_report_document(report)).encode() + b"\n"
    await begin(send, status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
    await send({"type": "http.response.body", "body": body})
