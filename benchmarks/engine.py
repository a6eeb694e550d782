"""What a probe costs the prober: processor time by protocol, memory, and what a name lookup costs.

Run: `python -m benchmarks.engine [--probes 5000] [--concurrency 50] [--repetitions 5]`

A small server in another process answers every request with 2 KiB. The figures are user and system
time of this process alone (getrusage), divided by the probes; each probe is a fresh connection, and
over TLS a full handshake with verification. Repetitions are interleaved; the median is given.
"""

import argparse
import asyncio
import multiprocessing
import multiprocessing.connection
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import dns.asyncresolver
import dns.nameserver
import httptools
import uvloop

from benchmarks.results import spread, table
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Probe, Target, TcpProbe, TlsOptions
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.samples import Outcome, Sample
from pollwatch.probes.hosts import HostsFiles
from pollwatch.probes.network import Network, SystemConnector
from pollwatch.probes.resolv_conf import NameServer, OptionsSource, ResolverOptions
from pollwatch.probes.resolver import StubResolver, look_up
from pollwatch.probes.sampling import take_sample
from tests.support.certificates import Authority
from tests.support.dns import Zone, running_name_server

ANSWER = b"HTTP/1.1 200 OK\r\nServer: benchmark\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
ANSWER += b"Content-Type: text/html\r\nContent-Length: 2048\r\nConnection: close\r\n\r\n" + b"x" * 2048
QUESTION = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Pollwatch\r\nAccept: */*\r\n\r\n"
NAME = "www.example.org"


class FastSite(asyncio.Protocol):
    """Answers as soon as a header has ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; see `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer; see `asyncio.Protocol`."""
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)
            self._transport.close()


class BareExchange(asyncio.Protocol):
    """A request and its answer on uvloop and httptools, and nothing else: the floor under an HTTP probe."""

    def __init__(self, ended: asyncio.Future[None]) -> None:
        self._ended = ended
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask; see `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(QUESTION)

    def data_received(self, data: bytes) -> None:
        """Parse; see `asyncio.Protocol`."""
        if self._parser is not None:
            self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Close; called by httptools."""
        self._transport.abort()
        self._parser = None
        self._ended.set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Where the other process listens."""

    http: int
    https: int
    dns: int
    ca_pem: str


def serve(pipe: multiprocessing.connection.Connection) -> None:
    """Serve until killed; the body of the other process."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        authority = Authority()
        http = await loop.create_server(FastSite, "127.0.0.1", 0, backlog=1024)
        https = await loop.create_server(
            FastSite, "127.0.0.1", 0, backlog=1024, ssl=authority.server_context("127.0.0.1", NAME)
        )
        async with running_name_server(Zone(addresses={NAME: ("127.0.0.1",)})) as names:
            pipe.send(
                Served(
                    http=http.sockets[0].getsockname()[1],
                    https=https.sockets[0].getsockname()[1],
                    dns=names.port,
                    ca_pem=authority.pem,
                )
            )
            await asyncio.Event().wait()

    uvloop.run(main())


def make_target(probe: Probe) -> Target:
    """A Check around a probe."""
    key = CheckKey("benchmarks", "engine")
    return Target(CheckPlan(key=key, uid="", generation=0, period=60.0, timeout=30.0, target="", probe=probe))


def resolver_options(served: Served) -> ResolverOptions:
    """The benchmark's name server."""
    return ResolverOptions(servers=(NameServer("127.0.0.1", served.dns),))


def make_network(served: Served) -> Network:
    """The real network, with the benchmark's name server."""
    clock = SystemClock()
    options = resolver_options(served)
    resolver = StubResolver(hosts=HostsFiles((), clock=clock), conf=OptionsSource(options))
    return Network(clock=clock, resolver=resolver, connector=SystemConnector())


async def saturate(work: Callable[[], Awaitable[object]], *, times: int, concurrency: int) -> float:
    """Do something often, many at a time; return microseconds of processor time for each."""
    left = times

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await work()

    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / times * 1e6


def works(served: Served, network: Network) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is measured, by name."""
    tls = TlsOptions(ca_pem=served.ca_pem)
    probes: dict[str, Probe] = {
        "HTTP": HttpProbe(url=f"http://127.0.0.1:{served.http}/"),
        "HTTP, by name": HttpProbe(url=f"http://{NAME}:{served.http}/"),
        "HTTPS": HttpProbe(url=f"https://127.0.0.1:{served.https}/", tls=tls),
        "TCP": TcpProbe(host="127.0.0.1", port=served.http),
    }

    def sampling(target: Target) -> Callable[[], Awaitable[Sample]]:
        async def sample() -> Sample:
            sample = await take_sample(target, network)
            if sample.outcome is not Outcome.SUCCESS:
                raise RuntimeError(f"{sample.reason}: {sample.evidence}")
            return sample

        return sample

    options = resolver_options(served)

    async def exchange() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        await loop.create_connection(lambda: BareExchange(ended), "127.0.0.1", served.http)
        await ended

    peer = dns.asyncresolver.Resolver(configure=False)
    peer.nameservers = [dns.nameserver.Do53Nameserver("127.0.0.1", served.dns)]
    return {
        "HTTP, uvloop and httptools alone": exchange,
        **{name: sampling(make_target(probe)) for name, probe in probes.items()},
        "lookup (A and AAAA), ours": lambda: look_up(NAME, options),
        "lookup (A and AAAA), dnspython's": lambda: peer.resolve_name(NAME),
    }


async def measure(
    served: Served, *, probes: int, concurrency: int, repetitions: int, only: str | None
) -> str:
    """Measure each work some times over, in turns; return the table as Markdown."""
    network = make_network(served)
    measured = {name: work for name, work in works(served, network).items() if only in (None, name)}
    found: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(repetitions):
        for name, work in measured.items():
            times = probes // 10 if "dnspython" in name else probes
            found[name].append(await saturate(work, times=times, concurrency=concurrency))
    await network.aclose()
    return table(("work", "CPU, us"), [(name, spread(results)) for name, results in found.items()])


def report(
    *, probes: int = 5000, concurrency: int = 50, repetitions: int = 5, only: str | None = None
) -> str:
    """Start the server, measure, stop it; give the table as Markdown."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        return uvloop.run(
            measure(here.recv(), probes=probes, concurrency=concurrency, repetitions=repetitions, only=only)
        )
    finally:
        process.terminate()
        process.join()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--probes", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", help="measure this one, by its name in the table")
    print(report(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
