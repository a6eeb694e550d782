"""What a pool adds to the Checks that it probes, and which of them it can never probe."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.pool import ProbePool, parse_pool
from pollwatch.compile.check import Rejected
from pollwatch.compile.pool import PoolSettings, compile_for_pool, embedded_settings, pool_settings
from pollwatch.plan.checks import HttpProbe, Probe, TcpProbe
from pollwatch.plan.egress import PortRange
from tests.support.plans import make_check

API_SERVER = "10.96.0.1"


def pool(**spec: Any) -> ProbePool:
    document = {"apiVersion": "pollwatch.dev/v1alpha1", "kind": "ProbePool"}
    return parse_pool({**document, "metadata": {"name": "east"}, "spec": spec})


def settings(**egress: Any) -> PoolSettings:
    return pool_settings(pool(egress=egress), cluster_addresses=[API_SERVER])


def refusal(probe: Probe, of: PoolSettings) -> str | None:
    try:
        compile_for_pool(make_check(probe=probe), of)
    except Rejected as error:
        (problem,) = error.problems
        assert problem.reason is AcceptedReason.EGRESS_DENIED
        return f"{problem.path}: {problem.message}"
    return None


def test_series_of_a_pool_carry_its_name_and_its_labels() -> None:
    east = pool_settings(pool(labels={"location": "Montreal"}), cluster_addresses=[])
    compiled = compile_for_pool(make_check(labels=(("team", "web"),)), east)

    assert compiled.labels == (("location", "Montreal"), ("pool", "east"), ("team", "web"))


def test_a_pools_label_wins_over_a_checks_of_the_same_name() -> None:
    east = pool_settings(pool(labels={"location": "Montreal"}), cluster_addresses=[])
    compiled = compile_for_pool(make_check(labels=(("location", "somewhere"),)), east)

    assert dict(compiled.labels)["location"] == "Montreal"


def test_the_operators_own_process_changes_nothing_of_a_check_and_slows_none() -> None:
    check = make_check()

    assert compile_for_pool(check, embedded_settings("default", allow=[])) is check
    assert embedded_settings("default", allow=[]).host_rate == float("inf")


def test_the_rate_to_a_host_is_that_of_the_pool() -> None:
    assert pool_settings(pool(), cluster_addresses=[]).host_rate == 50.0
    assert pool_settings(pool(maxProbesPerSecondPerHost=7), cluster_addresses=[]).host_rate == 7.0


def test_every_rule_of_a_pool_reaches_its_workers() -> None:
    egress = settings(
        default="Deny",
        allow=[{"cidrs": ["198.51.100.0/24"], "ports": ["443", "8000-8999"], "hosts": ["*.example.org"]}],
        deny=[{"ports": ["25"]}],
    ).egress

    assert not egress.default_allow
    (allow,), (deny,) = egress.allow, egress.deny
    assert allow.networks == (ipaddress.ip_network("198.51.100.0/24"),)
    assert allow.ports == (PortRange(443, 443), PortRange(8000, 8999))
    assert allow.hosts == ("*.example.org",)
    assert deny.ports == (PortRange(25, 25),)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "100.100.100.200",
        API_SERVER,
    ],
)
def test_a_check_of_a_protected_address_is_refused_before_it_is_probed(address: str) -> None:
    refused = refusal(HttpProbe(url=f"http://{address}/"), settings())

    assert refused is not None
    assert refused.startswith("spec.http.url: ")
    assert "spec.egress.allow" in refused, "it says what would open it"


def test_a_protected_address_that_is_allowed_is_probed() -> None:
    opened = settings(allow=[{"cidrs": ["127.0.0.0/8"]}])

    assert refusal(TcpProbe(host="127.0.0.1", port=5432), opened) is None


def test_the_embedded_operator_protects_the_same_addresses_but_those_it_is_told_to_allow() -> None:
    probe = HttpProbe(url="http://127.0.0.1/")

    assert refusal(probe, embedded_settings("default", allow=[])) is not None
    loopback = [ipaddress.ip_network("127.0.0.0/8")]
    assert refusal(probe, embedded_settings("default", allow=loopback)) is None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "localhost."])
def test_localhost_is_known_to_be_the_loopback(host: str) -> None:
    assert refusal(TcpProbe(host=host, port=80), settings()) is not None


def test_a_name_that_a_rule_denies_is_refused_and_the_rule_is_named() -> None:
    egress = settings(deny=[{"ports": ["25"]}, {"hosts": ["*.corp.example.org"]}])
    refused = refusal(HttpProbe(url="https://api.corp.example.org/"), egress)

    assert refused == (
        "spec.http.url: api.corp.example.org port 443 is refused: the pool's spec.egress.deny[1] denies it;"
        " name another pool, or have that rule changed"
    )


def test_a_denied_port_is_refused_at_any_host() -> None:
    refused = refusal(TcpProbe(host="mail.example.org", port=25), settings(deny=[{"ports": ["20-30"]}]))

    assert refused is not None
    assert refused.startswith("spec.tcp.address: mail.example.org port 25 is refused")


def test_a_name_that_only_its_addresses_could_get_denied_is_left_to_the_worker() -> None:
    egress = settings(deny=[{"cidrs": ["203.0.113.0/24"]}])

    assert refusal(HttpProbe(url="https://www.example.org/"), egress) is None


def test_what_no_rule_allows_is_refused_where_the_pool_denies_by_default() -> None:
    egress = settings(default="Deny", allow=[{"hosts": ["*.example.org"], "ports": ["443"]}])

    assert refusal(HttpProbe(url="https://www.example.org/"), egress) is None
    assert refusal(HttpProbe(url="http://www.example.org/"), egress) is not None
    assert refusal(HttpProbe(url="https://www.example.com/"), egress) is not None
    assert refusal(HttpProbe(url="https://example.org/"), egress) is not None


def test_a_name_may_be_allowed_by_the_network_that_it_turns_out_to_be_in() -> None:
    egress = settings(default="Deny", allow=[{"cidrs": ["198.51.100.0/24"]}])

    assert refusal(HttpProbe(url="https://www.example.org/"), egress) is None
    assert refusal(HttpProbe(url="https://198.51.100.7/"), egress) is None
    assert refusal(HttpProbe(url="https://198.51.101.7/"), egress) is not None


def test_pools_that_differ_are_told_apart() -> None:
    east = settings()

    assert east == settings()
    assert east != replace(east, host_rate=1.0)
    assert {east: 1}[settings()] == 1
