"""A sample is taken whatever happens, and only a cancellation from outside gets through."""

import asyncio

import pytest

from pollwatch.plan.samples import Outcome, Phases, Reason
from pollwatch.probes.network import Network, SystemConnector, system_network
from pollwatch.probes.sampling import take_sample
from pollwatch.probes.tracing import Phase, Trace
from tests.support import hostile
from tests.support.clock import ELECTION_NIGHT, FakeClock, run_in_fake_time
from tests.support.probing import http_target, make_network, tcp_target
from tests.support.sites import running_site, serve


class BrokenResolver:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    async def resolve(self, host: str) -> tuple[str, ...]:
        del host
        raise self._error

    async def aclose(self) -> None:
        pass


class HangingConnector:
    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        del address, port, protocol
        await asyncio.sleep(3600)


@pytest.mark.parametrize("error", [ZeroDivisionError("made up"), KeyError("x"), RuntimeError()])
async def test_a_defect_is_an_error_that_says_where_and_not_a_failure(error: Exception) -> None:
    network = Network(clock=make_network().clock, resolver=BrokenResolver(error), connector=SystemConnector())
    sample = await take_sample(http_target("http://www.example.org/"), network)
    assert sample.outcome is Outcome.ERROR
    assert sample.reason is Reason.INTERNAL
    assert type(error).__name__ in sample.evidence
    assert "test_sampling.py:" in sample.evidence


async def test_want_of_memory_is_the_prober_s_own() -> None:
    network = Network(
        clock=make_network().clock, resolver=BrokenResolver(MemoryError()), connector=SystemConnector()
    )
    sample = await take_sample(http_target("http://www.example.org/"), network)
    assert (sample.outcome, sample.reason) == (Outcome.ERROR, Reason.RESOURCES_EXHAUSTED)


def test_the_deadline_is_the_check_s_timeout_on_the_clock_that_was_passed_in() -> None:
    clock = FakeClock(monotonic=0.0)
    network = Network(clock=clock, resolver=BrokenResolver(AssertionError()), connector=HangingConnector())
    sample = run_in_fake_time(clock, take_sample(tcp_target("192.0.2.1", 80, timeout=7.0), network))
    assert sample.started == ELECTION_NIGHT
    assert sample.duration == 7.0
    assert sample.reason is Reason.CONNECT_TIMEOUT
    assert sample.phases == Phases(connect=7.0)


async def test_a_cancellation_from_outside_goes_through_and_closes_the_connection() -> None:
    opened, closed = asyncio.Event(), asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer
        opened.set()
        try:
            while await reader.read(1000):
                pass
        finally:
            closed.set()

    async with serve(wait_for_end) as server:
        task = asyncio.ensure_future(take_sample(http_target(server.url), make_network()))
        await asyncio.wait_for(opened.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 20)


async def test_a_cancellation_that_meets_the_deadline_is_not_swallowed() -> None:
    async with serve(hostile.silence) as server:
        task = asyncio.ensure_future(take_sample(http_target(server.url, timeout=0.05), make_network()))
        asyncio.get_running_loop().call_later(0.05, task.cancel)
        try:
            sample = await task
        except asyncio.CancelledError:
            return
        # The deadline was first by a hair: then the sample was made before the cancellation came.
        assert sample.reason is Reason.RESPONSE_TIMEOUT


async def test_a_task_goes_on_as_if_nothing_had_been_after_a_missed_deadline() -> None:
    async with serve(hostile.silence) as server:
        sample = await take_sample(http_target(server.url, timeout=0.05), make_network())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert sample.reason is Reason.RESPONSE_TIMEOUT


async def test_the_machine_s_own_network_probes_too() -> None:
    network = system_network()
    async with running_site() as site:
        sample = await take_sample(http_target(site.url_for("localhost"), address="127.0.0.1"), network)
    await network.aclose()
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert "127.0.0.1" in sample.resolved


def test_a_trace_charges_time_to_the_phase_it_was_spent_in() -> None:
    trace = Trace()
    trace.enter(Phase.RESOLVE, 10.0)
    trace.enter(Phase.CONNECT, 11.0)
    trace.enter(Phase.TRANSFER, 13.0)
    trace.leave(16.0)
    assert trace.phases() == Phases(resolve=1.0, connect=2.0, transfer=3.0)
