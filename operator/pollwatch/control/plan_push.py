"""Pushes plans to workers, ahead of the kubelet, which may take a minute to mount them."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import httpx

from pollwatch.control.feed_page import NoAnswerError, said
from pollwatch.plan.codec import EncodedPlan
from pollwatch.plan.reports import PlanReport
from pollwatch.plan.wire import WireError, read_plan_report
from pollwatch.worker.keys import PlanBox, authorization

MAX_SEALED = 16 << 20
"""Bytes that a worker takes; what is longer comes by the mounted Secret alone."""

MAX_ANSWER = 64 << 10
"""Bytes of an answer that are read."""

TIMEOUT = httpx.Timeout(5.0, read=30.0, write=30.0)
"""Seconds: a worker decodes a big plan before it answers, a little at a time."""


class PushOutcome(Enum):
    """What became of a push."""

    LIVE = "live"
    STALE = "stale"
    """The worker has a plan that is as new, or newer."""
    REFUSED = "refused"
    """It cannot use the plan, and says why."""
    UNAUTHORIZED = "unauthorized"
    """It does not accept the key."""
    TOO_LARGE = "too-large"
    """Not sent: the mounted Secret will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push, and what the worker says of its plan."""

    outcome: PushOutcome
    report: PlanReport | None = None
    """There is one with `LIVE`, `STALE` and `REFUSED`."""
    message: str = ""
    """What the worker said otherwise."""


_OUTCOMES: Mapping[int, PushOutcome] = {
    HTTPStatus.OK: PushOutcome.LIVE,
    HTTPStatus.CONFLICT: PushOutcome.STALE,
    HTTPStatus.UNPROCESSABLE_ENTITY: PushOutcome.REFUSED,
}


async def push_plan(
    client: httpx.AsyncClient, url: str, plan: EncodedPlan, revision: int, *, token: str, plan_key: str
) -> Pushed:
    """Push a plan to a worker.

    Args:
        client: see `control.links.feed_client`.
        url: where the worker is, `http://HOST:PORT`.
        plan: what to push.
        revision: of the plan, as its Secret has it.
        token: what to show the worker.
        plan_key: what to seal the plan with.

    Raises:
        NoAnswerError: there was no answer, or none that a worker gives.
    """
    # In a thread, for it is as long as the plan.
    sealed = await asyncio.to_thread(_sealed, plan, revision, plan_key)
    if len(sealed) > MAX_SEALED:
        return Pushed(outcome=PushOutcome.TOO_LARGE)
    headers = {
        **authorization(token),
        "Content-Type": "application/octet-stream",
        "Accept-Encoding": "identity",
    }
    try:
        async with (
            asyncio.timeout(TIMEOUT.read),
            client.stream(
                "POST", f"{url}/plan", content=sealed, headers=headers, timeout=TIMEOUT
            ) as response,
        ):
            return await _pushed(response)
    except (httpx.HTTPError, httpx.InvalidURL, WireError, TimeoutError, OSError) as error:
        raise NoAnswerError(f"{url}/plan: {str(error) or type(error).__name__}") from error


def _sealed(plan: EncodedPlan, revision: int, plan_key: str) -> bytes:
    return PlanBox((plan_key,)).seal(plan.header(revision) + b"\n" + plan.payload)


async def _pushed(response: httpx.Response) -> Pushed:
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Pushed(outcome=PushOutcome.UNAUTHORIZED, message=await said(response))
    outcome = _OUTCOMES.get(response.status_code)
    if outcome is None:
        raise NoAnswerError(f"HTTP {response.status_code}: {await said(response)}")
    return Pushed(outcome=outcome, report=read_plan_report(await _document(response)))


async def _document(response: httpx.Response) -> dict[str, object]:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise WireError(f"the answer is longer than {MAX_ANSWER} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError("the answer is not JSON") from error
    if not isinstance(document, dict):
        raise WireError("the answer is not a JSON object")
    return document
