"""A link to a worker, and what came over it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from pollwatch.control.links import LinkReason, LinkState, WorkerLink, feed_client
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.plan_book import PlanBook
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.states import Verdict
from tests.control.api_server import sample
from tests.support.plan_folders import KEYS
from tests.support.plans import make_check
from tests.support.waiting import until

if TYPE_CHECKING:
    from pollwatch.control.data_plane import Found


class Linked:
    """A link, and what came over it."""

    def __init__(self, url: str | None, client: httpx.AsyncClient) -> None:
        self.url = url
        self.keys = KEYS
        self.book = PlanBook()
        self.book.update(
            {check.key: check for check in map(make_check, ("a", "b", "first", "early", "busy"))}
        )
        self.found: list[Found] = []
        self.metrics = ControlMetrics()
        self.times_heard = 0
        self.link = WorkerLink(
            pool="east",
            worker="east-0",
            address=lambda: self.url,
            keys=lambda: self.keys,
            client=client,
            book=self.book,
            found=self.found.append,
            heard=self._heard,
            metrics=self.metrics,
            clock=SystemClock(),
            random=lambda: 0.5,
        )
        self.task = asyncio.create_task(self.link.run())

    def _heard(self) -> None:
        self.times_heard += 1

    @property
    def state(self) -> LinkState:
        return self.link.state

    @property
    def told(self) -> list[tuple[str, Verdict]]:
        return [(one.state.key.name, one.state.verdict) for one in self.found]

    @property
    def reason(self) -> LinkReason | None:
        return self.state.problem.reason if self.state.problem is not None else None

    @property
    def message(self) -> str:
        return self.state.problem.message if self.state.problem is not None else ""

    async def until_told(self, *expected: tuple[str, Verdict]) -> None:
        await until(lambda: len(self.found) >= len(expected), f"{expected}, got {self.told}")
        assert self.told == list(expected)

    def pushes(self, outcome: str) -> float:
        return sample(self.metrics, "pollwatch_operator_plan_pushes_total", pool="east", outcome=outcome)


@asynccontextmanager
async def linked(url: str | None) -> AsyncIterator[Linked]:
    async with feed_client() as client:
        link = Linked(url, client)
        try:
            yield link
        finally:
            link.task.cancel()
            await asyncio.wait([link.task])
