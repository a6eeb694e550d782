"""Where probes may lead: judged by the address that is connected to, however it was come by."""

import asyncio
import errno
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.addresses import SPECIAL_ADDRESSES
from pollwatch.plan.checks import TlsOptions
from pollwatch.plan.egress import EgressPolicy, EgressRule, PortRange
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.probes import dialling
from pollwatch.probes.network import Network
from pollwatch.probes.sampling import take_sample
from tests.support.certificates import Authority
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.dns import Zone, running_name_server
from tests.support.probing import http_target, make_network, sample_http, sample_tcp
from tests.support.sites import Answer, running_site

PROTECTED = tuple(network for network, _ in SPECIAL_ADDRESSES)
SAFE = EgressPolicy(protected=PROTECTED)
PUBLIC = "127.0.0.2"
"""Stands for the rest of the world, which the policy below opens: two addresses."""
PUBLIC_TOO = "127.0.0.3"
POLICY = replace(SAFE, allow=(EgressRule(networks=(ip_network("127.0.0.2/31"),)),))

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only on Linux: elsewhere 127.0.0.2 is not an address of this machine"
)


def assert_denied(sample: Sample, *telling: str) -> None:
    assert (sample.outcome, sample.reason) == (Outcome.ERROR, Reason.EGRESS_DENIED), sample.evidence
    for text in telling:
        assert text in sample.evidence


async def test_a_name_that_is_rebound_to_the_loopback_is_not_followed_there() -> None:
    zone = Zone(addresses={"rebinding.example.org": (PUBLIC,)})
    async with (
        running_name_server(zone) as server,
        running_site(host=PUBLIC) as outside,
        running_site(port=outside.port) as inside,
    ):
        network = make_network(server, egress=POLICY)
        url = outside.url_for("rebinding.example.org")
        first = await take_sample(http_target(url), network)
        zone.addresses["rebinding.example.org"] = ("127.0.0.1",)
        second = await take_sample(http_target(url), network)
        await network.aclose()
    assert first.outcome is Outcome.SUCCESS
    assert_denied(second, "127.0.0.1", "loopback", "spec.egress.allow")
    assert inside.server.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
async def test_an_address_that_was_pinned_is_judged_anew(address: str) -> None:
    zone = Zone(addresses={"www.example.org": (PUBLIC,)})
    async with running_name_server(zone) as server, running_site() as inside:
        sample = await sample_tcp(
            "www.example.org", inside.port, network=make_network(server, egress=POLICY), address=address
        )
    assert_denied(sample, address)
    assert inside.server.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.example.org/",
        "//169.254.169.254/",
        "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    ],
)
async def test_a_redirect_does_not_lead_to_cloud_metadata(location: str) -> None:
    zone = Zone(addresses={"metadata.example.org": ("169.254.169.254",)})
    async with running_name_server(zone) as server, running_site(host=PUBLIC) as site:
        site.answer = Answer(status=302, phrase="Found", headers=(("Location", location),), body=b"")
        sample = await sample_http(site.url, network=make_network(server, egress=POLICY), max_redirects=5)
    assert_denied(sample, "cloud metadata")
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "some.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "①②⑦.⓪.⓪.①",
        "in-hosts-file.example.org",
        "2130706433.example.org",
    ],
)
async def test_no_way_to_write_the_loopback_gets_round_the_policy(host: str, tmp_path: Path) -> None:
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text("127.0.0.1 in-hosts-file.example.org\n::1%lo 2130706433.example.org\n")
    async with running_site() as inside:
        sample = await sample_http(
            f"http://{host}:{inside.port}/", network=make_network(hosts_file=hosts_file, egress=POLICY)
        )
    assert_denied(sample)
    assert inside.server.connections == 0


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1.", "%31%32%37.0.0.1"]
)
async def test_numbers_that_only_some_libraries_take_for_addresses_are_names_and_their_answers_are_judged(
    host: str,
) -> None:
    zone = Zone(addresses={})
    async with running_name_server(zone) as server, running_site() as inside:
        url = f"http://{host}:{inside.port}/"
        network = make_network(server, egress=POLICY)
        unknown = await take_sample(http_target(url), network)
        zone.addresses[host.rstrip(".")] = ("127.0.0.1",)
        known = await take_sample(http_target(url), network)
        await network.aclose()
    assert unknown.reason is Reason.DNS_NOT_FOUND
    assert known.reason in (Reason.EGRESS_DENIED, Reason.DNS_NOT_FOUND)
    assert inside.server.connections == 0


@pytest.mark.parametrize("permitted", [(PUBLIC_TOO,), (PUBLIC, PUBLIC_TOO)], ids=len)
async def test_of_several_addresses_only_those_that_may_be_connected_to_are_tried(
    permitted: tuple[str, ...],
) -> None:
    zone = Zone(addresses={"www.example.org": ("127.0.0.1", "::1", *permitted)})
    async with (
        running_name_server(zone) as server,
        running_site(host=PUBLIC_TOO) as outside,
        running_site(port=outside.port) as inside,
    ):
        sample = await sample_http(
            outside.url_for("www.example.org"), network=make_network(server, egress=POLICY)
        )
    assert sample.outcome is Outcome.SUCCESS
    assert sample.address == PUBLIC_TOO
    assert sample.resolved == tuple(sorted(("127.0.0.1", "::1", *permitted)))
    assert inside.server.connections == 0


async def test_where_every_address_is_refused_the_evidence_names_one_and_counts_the_others() -> None:
    zone = Zone(addresses={"www.example.org": ("127.0.0.1", "127.0.0.4", "::1")})
    async with running_name_server(zone) as server:
        sample = await sample_http("http://www.example.org/", network=make_network(server, egress=POLICY))
    assert_denied(sample, "::1 port 80 is refused: loopback is protected", "2 more addresses")
    assert sample.resolved == ("127.0.0.1", "127.0.0.4", "::1")
    assert sample.address == ""
    assert sample.phases.connect == 0


async def test_tcp_and_tls_probes_are_held_back_too(authority: Authority) -> None:
    tls = TlsOptions(ca_pem=authority.pem)
    async with running_site(tls=authority.server_context()) as site:
        plain = await sample_tcp("127.0.0.1", site.port, network=make_network(egress=SAFE))
        secure = await sample_tcp("127.0.0.1", site.port, network=make_network(egress=SAFE), tls=tls)
        https = await sample_http(site.url, network=make_network(egress=SAFE), tls=tls)
        assert site.server.connections == 0
        for sample in (plain, secure, https):
            assert_denied(sample, f"127.0.0.1 port {site.port}")
        allowed = await sample_tcp("127.0.0.1", site.port, network=make_network(), tls=tls)
    assert allowed.outcome is Outcome.SUCCESS


async def test_a_port_that_is_denied_is_not_connected_to() -> None:
    async with running_site() as site, running_site() as other:
        policy = EgressPolicy(deny=(EgressRule(ports=(PortRange(site.port, site.port),)),))
        network = make_network(egress=policy)
        assert_denied(await take_sample(http_target(site.url), network), "spec.egress.deny[0]")
        assert (await take_sample(http_target(other.url), network)).outcome is Outcome.SUCCESS
    assert site.server.connections == 0


async def test_a_host_that_is_denied_is_not_reached_by_a_redirect_either(hosts_file: Path) -> None:
    policy = EgressPolicy(deny=(EgressRule(hosts=("*.example.org",)),))
    async with running_site() as site:
        there = site.url_for("other.example.org", "/there")
        site.answers["/"] = Answer(status=302, phrase="Found", headers=(("Location", there),), body=b"")
        sample = await sample_http(
            site.url, network=make_network(hosts_file=hosts_file, egress=policy), max_redirects=1
        )
    assert_denied(sample, "spec.egress.deny[0]")
    assert [request.path for request in site.requests] == ["/"]


WAYS_OUT = re.compile(
    r"\b(create_connection|open_connection|sock_connect|connect_ex|getaddrinfo|\.connect)\("
)


def test_there_is_no_other_way_out_than_the_one_that_asks_the_policy() -> None:
    folder = Path(dialling.__file__).parent
    found = {path.name for path in folder.glob("*.py") if WAYS_OUT.search(path.read_text(encoding="utf-8"))}
    # The one that asks, what it connects by, and questions to the machine's own name servers.
    assert found == {"dialling.py", "network.py", "dns_query.py"}


# What follows has a world of its own: names that say anything, and servers that redirect anywhere.

ADDRESSES = [
    *("203.0.113.7", "10.0.0.1", "10.96.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"),
    *("2001:db8::1", "::1", "fe80::1%eth0", "fd00:ec2::254"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
]
NETWORKS = list(map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/0", "::/0", "169.254.0.0/16")))
NAMES = [f"{letter}.example.org" for letter in "abc"]
PORTS = (80, 8080)

addresses = st.sampled_from(ADDRESSES)
rules = st.builds(
    EgressRule,
    networks=st.lists(st.sampled_from(NETWORKS), max_size=2).map(tuple),
    ports=st.lists(st.sampled_from([PortRange(80, 80), PortRange(1024, 65_535)]), max_size=1).map(tuple),
    hosts=st.lists(st.sampled_from([*NAMES, "*.example.org"]), max_size=1).map(tuple),
)


class Judgement(NamedTuple):
    address: str
    port: int
    permitted: bool


class Attempt(NamedTuple):
    address: str
    port: int


@dataclass(frozen=True, kw_only=True)
class WatchedPolicy(EgressPolicy):
    """Takes note of what it is asked, in one list with what is connected to."""

    events: list[Judgement | Attempt] = field(default_factory=list, compare=False)

    def refusal(self, host: str, address: str, port: int) -> str | None:
        refusal = super().refusal(host, address, port)
        self.events.append(Judgement(address, port, refusal is None))
        return refusal


policies = st.builds(
    WatchedPolicy,
    deny=st.lists(rules, max_size=2).map(tuple),
    allow=st.lists(rules, max_size=2).map(tuple),
    protected=st.sampled_from([(), PROTECTED, (*PROTECTED, ip_network("10.96.0.1/32"))]),
    default_allow=st.booleans(),
    events=st.builds(list),
)
hosts = st.one_of(
    st.sampled_from(NAMES),
    addresses.filter(lambda a: "%" not in a).map(lambda a: f"[{a}]" if ":" in a else a),
)
urls = st.builds(lambda host, port: f"http://{host}:{port}/", hosts, st.sampled_from(PORTS))


@dataclass
class Wilderness:
    """Resolves names to what it likes, another thing each time, and redirects every request."""

    answers: Mapping[str, list[tuple[str, ...]]]
    locations: list[str]
    dead: frozenset[str]
    """Addresses that refuse connections."""
    events: list[Judgement | Attempt]
    asked: Counter[str] = field(default_factory=Counter)

    async def resolve(self, host: str) -> tuple[str, ...]:
        self.asked[host] += 1
        answers = self.answers[host]
        return answers[self.asked[host] % len(answers)]

    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        self.events.append(Attempt(address, port))
        if address in self.dead:
            raise OSError(errno.ECONNREFUSED, "made up")
        await asyncio.sleep(0.1)
        location = self.locations[len(self.events) % len(self.locations)]
        protocol.connection_made(_Redirecting(protocol, location))

    async def aclose(self) -> None:
        pass


class _Redirecting(asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol, location: str) -> None:
        super().__init__()
        self._protocol = protocol
        self._answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()

    def write(self, data: object) -> None:
        del data
        asyncio.get_running_loop().call_soon(self._protocol.data_received, self._answer)

    def abort(self) -> None:
        pass


@given(
    policy=policies,
    answers=st.fixed_dictionaries(
        {name: st.lists(st.lists(addresses, min_size=1, max_size=4).map(tuple), min_size=1) for name in NAMES}
    ),
    url=urls,
    locations=st.lists(urls, min_size=1, max_size=6),
    pinned=st.none() | addresses,
    dead=st.frozensets(addresses),
)
def test_no_connection_is_ever_attempted_to_an_address_that_the_policy_refuses(
    policy: WatchedPolicy,
    answers: Mapping[str, list[tuple[str, ...]]],
    url: str,
    locations: list[str],
    pinned: str | None,
    dead: frozenset[str],
) -> None:
    clock, world = FakeClock(), Wilderness(answers, locations, dead, policy.events)
    network = Network(clock=clock, resolver=world, connector=world, egress=policy)
    target = http_target(url, address=pinned, max_redirects=8, timeout=60.0)
    sample = run_in_fake_time(clock, take_sample(target, network))
    expected = (Reason.EGRESS_DENIED, Reason.CONNECT_REFUSED, Reason.TOO_MANY_REDIRECTS)
    assert sample.reason in expected, sample.evidence
    last_judged: dict[tuple[str, int], bool] = {}
    for event in policy.events:
        if isinstance(event, Judgement):
            last_judged[event.address, event.port] = event.permitted
        else:
            assert last_judged[event]
    if not policy.allow:
        # And by a reckoning of the test's own.
        attempts = [event for event in policy.events if isinstance(event, Attempt)]
        literals = [ip_address(attempt.address.partition("%")[0]) for attempt in attempts]
        assert not any(literal in network for literal in literals for network in policy.protected)
