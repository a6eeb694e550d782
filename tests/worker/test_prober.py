"""What every process that probes has: its endpoints tell how it is."""

import asyncio

import httpx

from pollwatch.probes.network import Network
from pollwatch.worker.health import LoopMonitor
from pollwatch.worker.prober import Prober
from tests.support.clock import FakeClock
from tests.support.waiting import until_async
from tests.support.worker import NoNetwork


async def test_healthz_fails_when_the_loop_was_held_for_five_seconds_and_not_before() -> None:
    clock = FakeClock()
    prober = Prober(Network(clock=clock, resolver=NoNetwork(), connector=NoNetwork()))
    server = prober.server("127.0.0.1:0")
    await server.start()
    running = asyncio.create_task(prober.run())
    try:
        async with httpx.AsyncClient(base_url=server.url) as client:

            async def beats() -> bool:
                return prober.monitor._due > clock.monotonic()

            await until_async(beats, "a beat")
            clock.advance(LoopMonitor.LIMIT + LoopMonitor.INTERVAL - 0.01)
            assert (await client.get("/healthz")).status_code == 200
            await until_async(beats, "a beat")
            clock.advance(LoopMonitor.LIMIT + LoopMonitor.INTERVAL + 0.01)
            response = await client.get("/healthz")
            assert (response.status_code, response.text) == (503, "the event loop was held for 5.0 s\n")
            assert (await client.get("/readyz")).status_code == 200
    finally:
        prober.worker.stop()
        await running
        await server.stop()
