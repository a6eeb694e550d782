"""Answers `/metrics`: a page in slices, so that neither its size nor a slow reader is felt elsewhere."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from enum import StrEnum
from http import HTTPStatus
from itertools import chain
from typing import Protocol

from pollwatch.series.exposition import Exposition
from pollwatch.worker.asgi import Receive, Scope, Send, begin, header, reply
from pollwatch.worker.connection import client_of
from pollwatch.worker.negotiation import accepts_gzip, choose_exposition

GZIP_LEVEL = 1
"""Series repeat themselves so much that the cheapest level does nearly all there is to do."""

INLINE_BYTES = 1 << 15
"""A slice up to this size is compressed at once; a larger one in a thread, where zlib holds up nobody."""

_GZIP = 16 + zlib.MAX_WBITS
"""Makes zlib write the gzip format (RFC 1952)."""


class MetricsSource(Protocol):
    """Has metric families to show."""

    def render(self, exposition: Exposition) -> Iterator[bytes]:
        """Render whole families in slices, each in well below 5 ms; without what ends a page."""
        ...


class ScrapeOutcome(StrEnum):
    """How a scrape ended: a closed set, safe as a metric label."""

    COMPLETE = "complete"
    REFUSED = "refused"
    """As many as are allowed were under way."""
    STALLED = "stalled"
    """The scraper took too long to take the next slice."""
    ABORTED = "aborted"
    """The scraper went away."""


class ScrapeApp:
    """The ASGI application of `/metrics`."""

    def __init__(
        self,
        sources: Sequence[MetricsSource],
        *,
        max_concurrent: int,
        count: Callable[[ScrapeOutcome], None],
    ) -> None:
        """Prepare to answer.

        Args:
            sources: What is shown, in this order; no two may have a family in common.
            max_concurrent: How many scrapes may be under way; more get a 503.
            count: Is told how each scrape ended.
        """
        self._sources = sources
        self._max_concurrent = max_concurrent
        self._count = count
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one scrape."""
        if self._running >= self._max_concurrent:
            self._count(ScrapeOutcome.REFUSED)
            await reply(
                send,
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._running} scrapes are under way already; try again later",
                headers={"Retry-After": "5"},
            )
            return
        self._running += 1
        try:
            outcome = await self._answer(scope, send)
        finally:
            self._running -= 1
        self._count(outcome)
        if outcome is not ScrapeOutcome.COMPLETE:
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _answer(self, scope: Scope, send: Send) -> ScrapeOutcome:
        client = client_of(scope)
        exposition = choose_exposition(header(scope, "Accept"))
        gzip = accepts_gzip(header(scope, "Accept-Encoding"))
        coding = {"Content-Encoding": "gzip"} if gzip else {}
        await begin(
            send,
            HTTPStatus.OK,
            {"Content-Type": exposition.value, "Vary": "Accept, Accept-Encoding", **coding},
        )
        if scope["method"] != "HEAD":
            page = self._page(exposition)
            async with aclosing(_compressed(page) if gzip else _paced(page)) as parts:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    if client.is_gone():
                        return ScrapeOutcome.STALLED if client.stalled else ScrapeOutcome.ABORTED
        await send({"type": "http.response.body", "body": b""})
        return ScrapeOutcome.STALLED if client.stalled else ScrapeOutcome.COMPLETE

    def _page(self, exposition: Exposition) -> Iterator[bytes]:
        slices = (source.render(exposition) for source in self._sources)
        return chain(chain.from_iterable(slices), (exposition.end,))


async def _paced(page: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give the event loop its turn after each slice, whether it is to be sent or was only looked for."""
    for part in page:
        if part:
            yield part
        await asyncio.sleep(0)


async def _compressed(page: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Compress slice by slice."""
    gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    async with aclosing(_paced(page)) as parts:
        async for part in parts:
            inline = len(part) <= INLINE_BYTES
            compressed = gzip.compress(part) if inline else await asyncio.to_thread(gzip.compress, part)
            if compressed:
                yield compressed
    yield gzip.flush()
