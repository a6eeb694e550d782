"""Which address is connected to."""

import asyncio
import errno
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pollwatch.plan.samples import Outcome, Reason
from pollwatch.probes.dialling import ATTEMPT_DELAY, dial, in_turns
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.network import Network
from pollwatch.probes.tracing import Trace
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.dns import Zone, running_name_server
from tests.support.probing import make_network, sample_http, sample_tcp
from tests.support.sites import running_site


class FixedResolver:
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str) -> tuple[str, ...]:
        del host
        return self._addresses

    async def aclose(self) -> None:
        pass


class FakeTransport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


@dataclass
class FakeConnector:
    """Connects after some seconds, or fails with an error."""

    behaviour: dict[str, tuple[float, int]]
    """By address: seconds, and an errno or 0."""
    clock: FakeClock
    attempts: list[tuple[float, str]] = field(default_factory=list)
    transports: dict[str, FakeTransport] = field(default_factory=dict)

    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        del port
        self.attempts.append((self.clock.monotonic(), address))
        seconds, error = self.behaviour[address]
        await asyncio.sleep(seconds)
        if error:
            raise OSError(error, "made up")
        self.transports[address] = FakeTransport()
        protocol.connection_made(self.transports[address])


@dataclass
class Race:
    """One dialling in fake time, and what came of it."""

    behaviour: dict[str, tuple[float, int]]
    trace: Trace = field(default_factory=Trace)
    clock: FakeClock = field(default_factory=lambda: FakeClock(monotonic=0.0))

    def run(self) -> FakeConnector:
        connector = FakeConnector(self.behaviour, self.clock)
        network = Network(clock=self.clock, resolver=FixedResolver(*self.behaviour), connector=connector)

        async def main() -> None:
            (await dial("www.example.org", 80, network=network, trace=self.trace)).close()
            await asyncio.sleep(10)

        run_in_fake_time(self.clock, main())
        return connector


NEVER = (3600.0, 0)
second_loopback = pytest.mark.skipif(
    sys.platform != "linux", reason="only on Linux: elsewhere 127.0.0.2 is not an address of this machine"
)


def test_families_take_turns_ipv6_first() -> None:
    assert in_turns(["a.1", "a.2", "a.3", "x::1"]) == ["x::1", "a.1", "a.2", "a.3"]
    assert in_turns(["a.1", "x::1", "x::2"]) == ["x::1", "a.1", "x::2"]


def test_the_next_address_is_tried_beside_one_that_takes_long() -> None:
    race = Race({"192.0.2.1": (0.01, 0), "2001:db8::1": NEVER})
    connector = race.run()
    assert connector.attempts == [(0.0, "2001:db8::1"), (pytest.approx(ATTEMPT_DELAY), "192.0.2.1")]
    assert race.trace.address == "192.0.2.1"
    assert race.trace.resolved == ("192.0.2.1", "2001:db8::1")


def test_the_next_address_is_tried_at_once_after_a_failure() -> None:
    race = Race({"2001:db8::1": (0.0, errno.ENETUNREACH), "192.0.2.1": (0.0, 0)})
    connector = race.run()
    assert [at for at, _ in connector.attempts] == [0.0, 0.0]
    assert race.trace.address == "192.0.2.1"


def test_the_connection_that_comes_second_is_closed() -> None:
    race = Race({"2001:db8::1": (0.3, 0), "192.0.2.1": (0.05, 0)})
    connector = race.run()
    assert set(connector.transports) == {"2001:db8::1", "192.0.2.1"}
    assert all(transport.aborted for transport in connector.transports.values())


def test_a_reason_that_speaks_of_the_host_goes_before_no_way_there() -> None:
    with pytest.raises(ProbeError) as caught:
        Race({"2001:db8::1": (0.0, errno.ENETUNREACH), "192.0.2.1": (0.0, errno.ECONNREFUSED)}).run()
    assert caught.value.reason is Reason.CONNECT_REFUSED
    assert "[2001:db8::1]:80" in caught.value.evidence
    assert "192.0.2.1:80" in caught.value.evidence


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EHOSTUNREACH, Reason.CONNECT_FAILED),
        (errno.EACCES, Reason.CONNECT_FAILED),
        (errno.ETIMEDOUT, Reason.CONNECT_TIMEOUT),
        (errno.ECONNRESET, Reason.CONNECTION_RESET),
        (errno.EADDRNOTAVAIL, Reason.RESOURCES_EXHAUSTED),
        (errno.ENOMEM, Reason.RESOURCES_EXHAUSTED),
        (errno.EMFILE, Reason.RESOURCES_EXHAUSTED),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) and value in errno.errorcode else "",
)
def test_an_error_of_connect_has_a_reason(number: int, reason: Reason) -> None:
    with pytest.raises(ProbeError) as caught:
        Race({"192.0.2.1": (0.0, number)}).run()
    assert caught.value.reason is reason


@second_loopback
async def test_a_pinned_target_connects_to_its_address_and_no_other(hosts_file: Path) -> None:
    async with running_site(host="127.0.0.1") as one, running_site(host="127.0.0.2", port=one.port) as two:
        url = one.url_for("www.example.org")
        for address, visited, other in (("127.0.0.1", one, two), ("127.0.0.2", two, one)):
            before = other.server.connections
            sample = await sample_http(url, network=make_network(hosts_file=hosts_file), address=address)
            assert sample.outcome is Outcome.SUCCESS
            assert sample.address == address
            assert sample.resolved == ("127.0.0.1", "127.0.0.2")
            assert sample.phases.resolve > 0
            assert visited.requests[-1].headers["host"] == f"www.example.org:{one.port}"
            assert other.server.connections == before


@second_loopback
async def test_a_pinned_target_does_not_fall_back_to_a_healthy_address(hosts_file: Path) -> None:
    async with running_site(host="127.0.0.1") as site:
        sample = await sample_tcp(
            "www.example.org", site.port, network=make_network(hosts_file=hosts_file), address="127.0.0.2"
        )
    assert sample.reason is Reason.CONNECT_REFUSED
    assert sample.resolved == ("127.0.0.1", "127.0.0.2")
    assert site.server.connections == 0


@second_loopback
async def test_any_address_falls_back_to_a_healthy_one(hosts_file: Path) -> None:
    async with running_site(host="127.0.0.2") as site:
        sample = await sample_http(
            site.url_for("www.example.org"), network=make_network(hosts_file=hosts_file)
        )
    assert sample.outcome is Outcome.SUCCESS
    assert sample.address == "127.0.0.2"


async def test_a_pinned_target_by_name_server_reports_every_address() -> None:
    zone = Zone(addresses={"www.example.org": ("127.0.0.1", "127.0.0.2", "::1")})
    async with running_name_server(zone) as server, running_site(host="::1") as site:
        sample = await sample_http(
            site.url_for("www.example.org"), network=make_network(server), address="::1"
        )
    assert sample.outcome is Outcome.SUCCESS
    assert sample.address == "::1"
    assert sample.resolved == ("127.0.0.1", "127.0.0.2", "::1")


async def test_ipv6_is_probed_by_address_and_by_name(hosts_file: Path) -> None:
    async with running_site(host="::1") as site:
        by_address = await sample_http(site.url)
        by_name = await sample_http(
            site.url_for("six.example.org"), network=make_network(hosts_file=hosts_file)
        )
    assert by_address.outcome is by_name.outcome is Outcome.SUCCESS
    assert by_address.resolved == by_name.resolved == ("::1",)
    assert [request.headers["host"] for request in site.requests] == [
        f"[::1]:{site.port}",
        f"six.example.org:{site.port}",
    ]


async def test_an_address_literal_is_not_resolved() -> None:
    async with running_site() as site:
        sample = await sample_http(site.url)
    assert sample.phases.resolve == 0
    assert sample.resolved == ("127.0.0.1",)
