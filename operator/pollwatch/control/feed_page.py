"""Reads pages of a worker's feed.

A worker talks to untrusted endpoints, so it may have been taken over: how much is read and kept is
bounded, and what it says counts for Checks that it was given, at times that a clock may show.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.plan.states import CheckState
from pollwatch.plan.wire import FeedEnd, FeedHead, WireError, read_head, read_line
from pollwatch.worker.keys import authorization
from pollwatch.worker.slices import Slices

MAX_LINE = 256 << 10
"""Bytes of a line; the longest is the head with its lists."""

MAX_PAGE = 64 << 20
"""Bytes of a page: a whole ring, and the state of each of 20,000 Checks, with all evidence there may be."""

MAX_HISTORY = 16_384
"""States that are kept beside the newest one of each Check; of more, the oldest are lost."""

AHEAD = 86_400.0
"""Seconds that a worker's clock may be ahead of ours: a day, since either may be wrong, and when a turn was
is what it is known by, to whoever leads."""

SLACK = 5.0
"""Seconds that a page may take, beside the time it is waited for."""

QUOTED = 200
"""Bytes of an error's text that are told."""


class FeedError(Exception):
    """A page could not be read. The message is one line."""


class UnauthorizedError(FeedError):
    """The worker does not accept the key that it was shown."""


class NoAnswerError(FeedError):
    """There was no answer."""


class BadFeedError(FeedError):
    """What answered does not speak as a worker of this version does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a feed, believed as far as it can be."""

    head: FeedHead
    history: tuple[CheckState, ...]
    """What Checks went through before their newest state, oldest first."""
    newest: tuple[CheckState, ...]
    """One for each Check that the page speaks of."""
    recent: frozenset[CheckKey]
    """Checks whose newest state was found within the last quarter of an hour, as far as that is told."""
    cursor: int
    """Where to go on."""
    overflowed: int
    """States that were given up here, for there were too many."""


async def read_page(
    client: httpx.AsyncClient,
    url: str,
    token: str,
    *,
    instance: str,
    after: int,
    wait: float,
    owns: Callable[[CheckKey], bool],
    clock: Clock,
) -> Page:
    """Read what came after a cursor.

    Args:
        client: see `control.links.feed_client`.
        url: where the worker is, `http://HOST:PORT`.
        token: what to show it.
        instance: the feed that the cursor belongs to; empty: there is none yet.
        after: the cursor.
        wait: seconds to wait for news.
        owns: whether the worker was given a Check.
        clock: now.

    Raises:
        FeedError: see its subclasses. Nothing of the page was taken in.
    """
    question = httpx.QueryParams({"instance": instance, "after": after, "wait": f"{wait:g}"})
    try:
        async with (
            asyncio.timeout(wait + SLACK),
            client.stream(
                "GET",
                f"{url}/feed",
                params=question,
                headers={**authorization(token), "Accept-Encoding": "identity"},
                timeout=httpx.Timeout(5.0, read=wait + SLACK),
            ) as response,
        ):
            await _judge(response)
            collecting = _Collecting(owns, clock)
            await collecting.read(response)
            return collecting.page()
    except WireError as error:
        raise BadFeedError(f"{url}/feed: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise NoAnswerError(f"{url}: {str(error) or type(error).__name__}") from error


async def _judge(response: httpx.Response) -> None:
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise UnauthorizedError(await said(response))
    if response.status_code != HTTPStatus.OK:
        raise NoAnswerError(f"HTTP {response.status_code}: {await said(response)}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        # It might unpack to anything.
        raise WireError("the page is compressed, which was not asked for")


async def said(response: httpx.Response) -> str:
    """Quote the beginning of what an answer says, in one line."""
    text = bytearray()
    async for chunk in response.aiter_raw(QUOTED):
        text += chunk
        if len(text) >= QUOTED:
            break
    words = " ".join(text[:QUOTED].decode(errors="replace").split())
    return "".join(character if character.isprintable() else "?" for character in words)


class _Collecting:
    """A page while it comes in."""

    def __init__(self, owns: Callable[[CheckKey], bool], clock: Clock) -> None:
        self._owns = owns
        self._clock = clock
        self._head: FeedHead | None = None
        self._history: deque[CheckState] = deque(maxlen=MAX_HISTORY)
        self._newest: dict[CheckKey, CheckState] = {}
        self._recent: set[CheckKey] = set()
        self._states = 0
        """How many there were until now, those of Checks that are not the worker's too."""
        self._overflowed = 0
        self._end: FeedEnd | None = None

    async def read(self, response: httpx.Response) -> None:
        """Take in the whole page.

        Raises:
            WireError: it is none.
        """
        slices = Slices(self._clock)
        async for line in _lines(response):
            if self._end is not None:
                raise WireError("the page goes on after its end")
            if self._head is None:
                self._head = read_head(line)
            else:
                self._take(read_line(line))
            await slices.breathe()

    def page(self) -> Page:
        """Give what was read.

        Raises:
            WireError: it is not whole.
        """
        if self._head is None or self._end is None:
            raise WireError("the page ends before its last line")
        return Page(
            head=self._head,
            history=tuple(self._history),
            newest=tuple(self._newest.values()),
            recent=frozenset(self._recent),
            cursor=self._end.cursor,
            overflowed=self._overflowed,
        )

    def _take(self, line: CheckState | FeedEnd) -> None:
        if isinstance(line, FeedEnd):
            self._end = line
            return
        self._states += 1
        if not self._owns(line.key):
            return
        before = self._newest.get(line.key)
        if before is not None:
            self._remember(before)
        self._newest[line.key] = line
        if self._head is not None and self._states <= (self._head.recent or 0):
            self._recent.add(line.key)
        else:
            self._recent.discard(line.key)

    def _remember(self, state: CheckState) -> None:
        if max(state.since, state.at) > self._clock.time() + AHEAD:
            # When it was is not known, so neither is whether it was told before.
            return
        self._overflowed += len(self._history) == MAX_HISTORY
        self._history.append(state)


def at_latest(state: CheckState, now: float) -> CheckState:
    """Give a state that began at most `AHEAD` seconds after `now` (Unix seconds)."""
    if max(state.since, state.at) <= now + AHEAD:
        return state
    return replace(state, since=min(state.since, now), at=min(state.at, now))


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Split a body into its lines, without line ends.

    Raises:
        WireError: a line, or the whole, is too long.
    """
    rest = bytearray()
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_PAGE:
            raise WireError(f"the page is longer than {MAX_PAGE} bytes")
        rest += chunk
        if b"\n" in chunk:
            *lines, last = rest.split(b"\n")
            for line in lines:
                yield bytes(line)
            rest = last
        if len(rest) > MAX_LINE:
            raise WireError(f"a line is longer than {MAX_LINE} bytes")
    if rest:
        raise WireError("the page ends in the middle of a line")
