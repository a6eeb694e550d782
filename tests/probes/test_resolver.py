"""Names to addresses, with a real name server on the loopback."""

import asyncio
import threading
from pathlib import Path

import dns.rcode
import dns.rdatatype
import pytest

from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.hosts import parse_hosts
from pollwatch.probes.network import Network
from pollwatch.probes.resolv_conf import NameServer, ResolverOptions, parse_resolv_conf
from pollwatch.probes.watched_file import RECHECK_SECONDS, WatchedFile
from tests.support.clock import FakeClock
from tests.support.dns import Zone, running_name_server
from tests.support.probing import make_network

A, AAAA = dns.rdatatype.A, dns.rdatatype.AAAA
WWW = "www.example.org"
BOTH = ("192.0.2.1", "192.0.2.2", "2001:db8::1")


async def resolve(network: Network, host: str) -> set[str]:
    try:
        return set(await network.resolver.resolve(host))
    finally:
        await network.aclose()


async def failure_of(network: Network, host: str = WWW) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await resolve(network, host)
    return caught.value


async def test_both_families_are_resolved() -> None:
    async with running_name_server(Zone(addresses={WWW: BOTH})) as server:
        assert await resolve(make_network(server), WWW) == set(BOTH)


async def test_a_name_is_looked_up_in_any_case_and_with_a_final_dot() -> None:
    async with running_name_server(Zone(addresses={WWW: BOTH})) as server:
        assert await resolve(make_network(server), "WWW.Example.ORG.") == set(BOTH)


async def test_a_chain_of_aliases_is_followed() -> None:
    zone = Zone(
        addresses={"edge.example.net": BOTH},
        aliases={WWW: "cdn.example.net", "cdn.example.net": "edge.example.net"},
    )
    async with running_name_server(zone) as server:
        assert await resolve(make_network(server), WWW) == set(BOTH)


async def test_a_loop_of_aliases_is_a_failure_of_the_server() -> None:
    zone = Zone(aliases={WWW: "a.example.net", "a.example.net": WWW})
    async with running_name_server(zone) as server:
        failure = await failure_of(make_network(server))
    assert failure.reason in (Reason.DNS_FAILED, Reason.DNS_NOT_FOUND)


async def test_a_name_that_does_not_exist_is_told_from_one_without_addresses() -> None:
    async with running_name_server(Zone(addresses={"empty.example.org": ()})) as server:
        missing = await failure_of(make_network(server))
        empty = await failure_of(make_network(server), "empty.example.org")
    assert missing.reason is Reason.DNS_NOT_FOUND
    assert "NXDOMAIN" in missing.evidence
    assert empty.reason is Reason.DNS_NOT_FOUND
    assert "neither an IPv4 nor an IPv6 address" in empty.evidence


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR], ids=str)
async def test_a_server_that_cannot_answer_is_named_with_what_it_said(rcode: dns.rcode.Rcode) -> None:
    async with running_name_server(Zone(rcodes={WWW: rcode})) as server:
        failure = await failure_of(make_network(server))
    assert failure.reason is Reason.DNS_FAILED
    assert dns.rcode.to_text(rcode) in failure.evidence
    assert server.address in failure.evidence


async def test_the_next_server_answers_for_one_that_cannot() -> None:
    bad, good = Zone(rcodes={WWW: dns.rcode.SERVFAIL}), Zone(addresses={WWW: BOTH})
    async with running_name_server(bad) as first, running_name_server(good) as second:
        assert await resolve(make_network(first, second), WWW) == set(BOTH)
        assert bad.questions


async def test_the_next_server_answers_for_one_that_nobody_runs() -> None:
    async with running_name_server(Zone()) as server:
        gone = server
    async with running_name_server(Zone(addresses={WWW: BOTH})) as second:
        # The refusal (ICMP) is heard at once: the patience of an hour is not used up.
        assert await resolve(make_network(gone, second, timeout=3600.0), WWW) == set(BOTH)


async def test_when_nobody_runs_any_server_it_is_a_failure_at_once_and_no_timeout() -> None:
    async with running_name_server(Zone()) as server:
        gone = server
    failure = await failure_of(make_network(gone, timeout=3600.0))
    assert failure.reason is Reason.DNS_FAILED
    assert failure.evidence == f"{WWW}: name server {gone.address}: Connection refused"


async def test_one_server_that_says_nothing_beside_one_that_nobody_runs_is_a_timeout() -> None:
    zone = Zone(silent={(WWW, A), (WWW, AAAA)})
    async with running_name_server(Zone()) as server:
        gone = server
    async with running_name_server(zone) as silent:
        failure = await failure_of(make_network(gone, silent, timeout=0.05, attempts=1))
    assert failure.reason is Reason.DNS_TIMEOUT


async def test_a_server_that_says_nothing_is_a_timeout() -> None:
    zone = Zone(silent={(WWW, A), (WWW, AAAA)})
    async with running_name_server(zone) as server:
        failure = await failure_of(make_network(server, timeout=0.05, attempts=2))
    assert failure.reason is Reason.DNS_TIMEOUT
    assert len(zone.questions) == 4, "both questions are asked again"


async def test_a_server_that_swallows_one_family_costs_one_timeout_and_not_the_lookup() -> None:
    zone = Zone(addresses={WWW: BOTH}, silent={(WWW, AAAA)})
    async with running_name_server(zone) as server:
        assert await resolve(make_network(server, timeout=0.05), WWW) == {"192.0.2.1", "192.0.2.2"}


async def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    many = tuple(f"192.0.2.{number}" for number in range(1, 200))
    zone = Zone(addresses={WWW: many}, truncate=True)
    async with running_name_server(zone) as server:
        assert await resolve(make_network(server), WWW) == set(many)
    assert {transport for _, _, transport in zone.questions} == {"udp", "tcp"}


@pytest.mark.parametrize("raw", [b"", b"garbage", b"\x81\x80" + b"\xff" * 40], ids=["empty", "short", "long"])
async def test_a_reply_that_is_no_answer_is_ignored(raw: bytes) -> None:
    async with running_name_server(Zone(raw=raw)) as server:
        failure = await failure_of(make_network(server, timeout=0.05, attempts=1))
    assert failure.reason is Reason.DNS_TIMEOUT


async def test_the_search_list_is_tried_for_names_with_few_dots_and_the_name_itself_last() -> None:
    zone = Zone(addresses={"web.prod.svc.cluster.local": ("10.0.0.1",)})
    async with running_name_server(zone) as server:
        network = make_network(
            server, search=("default.svc.cluster.local", "svc.cluster.local", "cluster.local"), ndots=5
        )
        assert await resolve(network, "web.prod") == {"10.0.0.1"}
    assert [name for name, rdtype, _ in zone.questions if rdtype == A] == [
        "web.prod.default.svc.cluster.local",
        "web.prod.svc.cluster.local",
    ]


async def test_a_server_failure_in_the_search_list_is_not_taken_for_a_missing_name() -> None:
    zone = Zone(rcodes={"web.one": dns.rcode.SERVFAIL})
    async with running_name_server(zone) as server:
        failure = await failure_of(make_network(server, search=("one", "two"), ndots=5), "web")
    assert failure.reason is Reason.DNS_FAILED


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", ".", "*" * 300])
async def test_what_cannot_be_a_name_does_not_exist(host: str) -> None:
    async with running_name_server(Zone()) as server:
        assert (await failure_of(make_network(server), host)).reason is Reason.DNS_NOT_FOUND


async def test_lookups_of_a_name_that_are_in_flight_together_are_one() -> None:
    zone = Zone(addresses={WWW: BOTH}, delay=0.05)
    async with running_name_server(zone) as server:
        network = make_network(server)
        found = await asyncio.gather(*(network.resolver.resolve(WWW) for _ in range(20)))
        again = await network.resolver.resolve(WWW)
    assert {frozenset(addresses) for addresses in (*found, again)} == {frozenset(BOTH)}
    assert len(zone.questions) == 4, "one pair for the twenty, and one for the lookup after them: no cache"


async def test_who_gives_up_a_shared_lookup_does_not_end_it_for_the_others() -> None:
    zone = Zone(addresses={WWW: BOTH}, delay=0.05)
    async with running_name_server(zone) as server:
        network = make_network(server)
        impatient, patient = (asyncio.ensure_future(network.resolver.resolve(WWW)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert set(await patient) == set(BOTH)


async def test_a_lookup_that_nobody_waits_for_any_more_does_not_keep_the_next_one_from_asking() -> None:
    zone = Zone(addresses={WWW: BOTH}, silent={(WWW, A), (WWW, AAAA)})
    async with running_name_server(zone) as server:
        network = make_network(server, timeout=3600.0)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await network.resolver.resolve(WWW)
        zone.silent.clear()
        assert set(await network.resolver.resolve(WWW)) == set(BOTH)
        await network.aclose()


async def test_closing_gives_up_what_is_in_flight() -> None:
    async with running_name_server(Zone(silent={(WWW, A), (WWW, AAAA)})) as server:
        network = make_network(server, timeout=3600.0)
        lookup = asyncio.ensure_future(network.resolver.resolve(WWW))
        await asyncio.sleep(0.01)
        await network.aclose()
        with pytest.raises(asyncio.CancelledError):
            await lookup


async def test_no_lookup_starts_a_thread() -> None:
    before = threading.active_count()
    async with running_name_server(Zone(addresses={WWW: BOTH})) as server:
        await resolve(make_network(server), WWW)
    assert threading.active_count() == before


async def test_a_name_server_may_have_an_ipv6_address() -> None:
    async with running_name_server(Zone(addresses={WWW: BOTH}), host="::1") as server:
        assert await resolve(make_network(server), WWW) == set(BOTH)


async def test_hosts_files_go_before_name_servers(hosts_file: Path) -> None:
    zone = Zone(addresses={WWW: BOTH})
    async with running_name_server(zone) as server:
        network = make_network(server, hosts_file=hosts_file)
        assert await resolve(network, WWW) == {"127.0.0.1", "127.0.0.2"}
    assert zone.questions == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "web.localhost"])
async def test_localhost_is_the_loopback_without_asking_anyone(host: str) -> None:
    assert await resolve(make_network(), host) == {"127.0.0.1", "::1"}


def test_a_hosts_file_is_read_as_hosts_5_has_it() -> None:
    text = "# comment\n127.0.0.1 localhost Web.Example # trailing\n\n::1 web.example\nnonsense a\n10.0.0.1\n"
    assert parse_hosts(text) == {"localhost": ("127.0.0.1",), "web.example": ("127.0.0.1", "::1")}


def test_a_changed_file_is_read_again_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "hosts"
    file = WatchedFile(path, parse_hosts, clock=clock)
    assert file.value() == {}
    path.write_text("127.0.0.1 a\n")
    assert file.value() == {}, "not looked at again so soon"
    clock.advance(RECHECK_SECONDS)
    assert file.value() == {"a": ("127.0.0.1",)}
    path.write_text("127.0.0.1 a b\n")
    clock.advance(RECHECK_SECONDS)
    assert file.value() == {"a": ("127.0.0.1",), "b": ("127.0.0.1",)}
    path.unlink()
    clock.advance(RECHECK_SECONDS)
    assert file.value() == {}


def test_a_resolv_conf_is_read_as_resolv_conf_5_has_it() -> None:
    options = parse_resolv_conf(
        "nameserver 10.96.0.10\nnameserver fd00::10\n"
        "search default.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:2 attempts:3 rotate\n"
    )
    assert options == ResolverOptions(
        servers=(NameServer("10.96.0.10"), NameServer("fd00::10")),
        search=("default.svc.cluster.local", "svc.cluster.local"),
        ndots=5,
        timeout=2.0,
        attempts=3,
        rotate=True,
    )


@pytest.mark.parametrize("text", ["", "nameserver", "nameserver not-an-address", "options ndots:x attempts:"])
def test_an_unusable_resolv_conf_means_the_local_name_server(text: str) -> None:
    options = parse_resolv_conf(text)
    assert options.servers == (NameServer("127.0.0.1"), NameServer("::1"))
    assert (options.ndots, options.timeout, options.attempts) == (1, 5.0, 2)


def test_options_beyond_the_c_library_s_limits_are_brought_within_them() -> None:
    options = parse_resolv_conf("nameserver 10.0.0.1\noptions ndots:99 timeout:0 attempts:99")
    assert (options.ndots, options.timeout, options.attempts) == (15, 1.0, 5)
