"""Answers `/feed`: what came after a reader's cursor, as soon as there is something.

A page is a head with the worker's report, one line a state, and the cursor to go on from (`plan.wire`).
A reader that this feed does not know, or that was away for too long, gets a snapshot: the transitions that
are still kept, and the state of every Check of which they do not tell the last one. To show a cursor is to
have read what is before it: of that, a reader without one is told again what is recent.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.reports import WorkerReport
from pollwatch.plan.states import CheckState
from pollwatch.plan.wire import FeedEnd, FeedHead, end_line, head_line, state_line
from pollwatch.worker.asgi import Receive, Scope, Send, begin, reply
from pollwatch.worker.connection import client_of
from pollwatch.worker.feed import Feed
from pollwatch.worker.guard import admitted, busy
from pollwatch.worker.keys import Keys

MAX_FIELDS = 10
"""In a query."""
LONGEST_WAIT = 30.0
"""Seconds that a reader may wait for news."""
MAX_READERS = 8
"""At a time: each of two operators, a person who looks, and those that have not noticed that they left."""
REPLAYED = 900.0
"""How old the transitions are, seconds, that a reader gets who comes without a cursor, though somebody
has read them: longer than it takes until somebody else reads in place of one who died."""
GATHERED = 0.05
"""For how long states that follow the first are waited for, seconds: one page for all of them."""
SLICE = 50
"""States that are encoded in one go: well below 1 ms of the event loop."""

NDJSON = "application/x-ndjson"


class Question(NamedTuple):
    """What a reader asks for."""

    instance: str = ""
    """The feed that its cursor belongs to; empty: it has none."""
    after: int = 0
    wait: float = 0.0
    """Seconds."""


class QuestionError(ValueError):
    """The query cannot be understood."""


class Answer(NamedTuple):
    """What it gets."""

    states: list[CheckState]
    cursor: int
    lost: int
    snapshot: bool
    recent: int | None = None
    """How many states, the first ones, are news: nobody has read them, or they were found within
    `REPLAYED` seconds; `None`: not told."""


def read_question(query: str) -> Question:
    """Read the query of a request.

    Raises:
        QuestionError: A value is out of its range. The message is one line.
    """
    try:
        fields = dict(parse_qsl(query, max_num_fields=MAX_FIELDS))
        after, wait = int(fields.get("after", "0")), float(fields.get("wait", "0"))
    except ValueError as error:
        raise QuestionError("write instance=ID&after=CURSOR&wait=SECONDS, with numbers") from error
    if after < 0 or not 0.0 <= wait <= LONGEST_WAIT:
        raise QuestionError(f"after must be 0 or more, and wait 0 to {LONGEST_WAIT:g} seconds")
    return Question(fields.get("instance", ""), after, wait)


def answer(question: Question, feed: Feed, states: Callable[[], Mapping[CheckKey, CheckState]]) -> Answer:
    """Look up what a reader gets."""
    known = question.instance == feed.instance and question.after <= feed.cursor
    if known:
        feed.acknowledge(question.after)
        kept, lost = feed.since(question.after)
        if not lost:
            return Answer(kept, feed.cursor, 0, snapshot=False)
    else:
        kept, lost = feed.replay(REPLAYED)
    now = states()
    # What a Check went through that is not probed here any more is not how it is now.
    kept = [state for state in kept if state.key in now]
    recent = None if known else len(kept)
    last = {state.key: state for state in kept}
    # A state that was told may since have got another generation.
    kept += (state for key, state in now.items() if (told := last.get(key)) is not state and told != state)
    return Answer(kept, feed.cursor, lost, snapshot=True, recent=recent)


@dataclass(kw_only=True, eq=False)
class FeedApp:
    """The ASGI application of `/feed`."""

    feed: Feed
    states: Callable[[], Mapping[CheckKey, CheckState]]
    """The state of every Check."""
    report: Callable[[], WorkerReport]
    keys: Callable[[], Keys | None]
    """`None`: not known yet."""
    max_readers: int = MAX_READERS
    readers: int = field(init=False, default=0)
    """How many wait, or are being answered."""
    _closing: bool = field(init=False, default=False)

    def close(self) -> None:
        """Let nobody wait any more: all are told what there is."""
        self._closing = True
        self.feed.notice()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one reader."""
        if not await admitted(scope, send, self.keys()):
            return
        try:
            question = read_question(scope["query_string"].decode("latin-1"))
        except QuestionError as error:
            await reply(send, HTTPStatus.BAD_REQUEST, str(error))
            return
        if self.readers >= self.max_readers:
            await busy(send, f"{self.readers} readers are here already; try again later")
            return
        self.readers += 1
        try:
            await self._answer(question, scope, receive, send)
        finally:
            self.readers -= 1

    async def _answer(self, question: Question, scope: Scope, receive: Receive, send: Send) -> None:
        reads = scope["method"] != "HEAD"
        has_all = question.instance == self.feed.instance and question.after == self.feed.cursor
        if reads and has_all and not self._closing:
            await self._wait(question, receive)
        await begin(send, HTTPStatus.OK, {"Content-Type": NDJSON})
        if reads:
            page = answer(question, self.feed, self.states)
            head = FeedHead(
                report=self.report(),
                lost=page.lost,
                snapshot=page.snapshot,
                recent=page.recent,
                now=self.feed.now,
            )
            client = client_of(scope)
            for part in _encoded(head, page):
                await send({"type": "http.response.body", "body": part, "more_body": True})
                if client.is_gone():
                    return
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    async def _wait(self, question: Question, receive: Receive) -> None:
        """Return when there is news, when the time is over, or when nobody waits any more."""
        news = asyncio.ensure_future(self._news(question.after))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({news, gone}, timeout=question.wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            gone.cancel()

    async def _news(self, after: int) -> None:
        await self.feed.wait(after)
        if not self._closing:
            await asyncio.sleep(GATHERED)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(head: FeedHead, page: Answer) -> Iterator[bytes]:
    yield head_line(head)
    for start in range(0, len(page.states), SLICE):
        yield b"".join(map(state_line, page.states[start : start + SLICE]))
    yield end_line(FeedEnd(page.cursor))
