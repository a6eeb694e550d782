"""What an egress policy refuses, and what it says about it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.addresses import SPECIAL_ADDRESSES, Networks
from pollwatch.plan.egress import REMEMBERED, UNRESTRICTED, EgressPolicy, EgressRule, IPNetwork, PortRange

PROTECTED = tuple(network for network, _ in SPECIAL_ADDRESSES)
SAFE = EgressPolicy(protected=PROTECTED)
HOST, PUBLIC = "www.example.org", "203.0.113.7"

ipv4_addresses = st.ip_addresses(v=4).map(IPv4Address)
ipv4_networks = st.builds(
    lambda address, prefix: IPv4Network((address, prefix), strict=False), ipv4_addresses, st.integers(0, 32)
)


def networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


def rule(*cidrs: str, ports: Iterable[tuple[int, int]] = (), hosts: tuple[str, ...] = ()) -> EgressRule:
    return EgressRule(
        networks=networks(*cidrs), ports=tuple(PortRange(low, high) for low, high in ports), hosts=hosts
    )


def permits(policy: EgressPolicy, address: str, *, host: str = HOST, port: int = 443) -> bool:
    return policy.refusal(host, address, port) is None


def spellings(address: IPv4Address) -> list[str]:
    """The IPv6 addresses that lead to an IPv4 one."""
    number = int(address)
    compatible = [IPv6Address(number)] if number > 1 else []  # :: and ::1 are addresses of their own
    nat64 = IPv6Address(0x64_FF9B << 96 | number)
    six_to_four = IPv6Address(0x2002 << 112 | number << 80)
    return [*map(str, (*compatible, nat64, six_to_four)), f"::ffff:{address}", f"::ffff:0:{address}"]


@pytest.mark.parametrize(
    ("address", "purpose"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "this machine"),
        ("::", "this machine"),
        ("169.254.169.254", "cloud metadata"),
        ("169.254.170.2", "cloud metadata"),
        ("fd00:ec2::254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
    ],
)
def test_a_protected_address_is_refused_and_the_refusal_says_what_it_is(address: str, purpose: str) -> None:
    refusal = SAFE.refusal(HOST, address, 80)
    assert refusal is not None
    assert refusal.startswith(f"{address} port 80 is refused: {purpose} is protected (")
    assert "spec.egress.allow" in refusal
    assert len(refusal) <= 256


def test_an_address_of_the_cluster_is_named_as_such() -> None:
    policy = EgressPolicy(protected=networks("10.96.0.1/32"))
    assert policy.refusal(HOST, "10.96.0.1", 443) == (
        "10.96.0.1 port 443 is refused: the API server or a node of the cluster is protected (10.96.0.1/32);"
        " to open it, add a rule to the pool's spec.egress.allow (embedded operator: --allow-egress)"
        " with its CIDR"
    )
    assert permits(policy, "10.96.0.2")


def test_what_is_not_protected_follows_the_default() -> None:
    assert permits(SAFE, PUBLIC)
    closed = EgressPolicy(default_allow=False)
    assert closed.refusal(HOST, PUBLIC, 443) == (
        "203.0.113.7 port 443 is refused: the pool denies by default;"
        " to open it, add a rule to the pool's spec.egress.allow (embedded operator: --allow-egress)"
    )


def test_an_unrestricted_policy_refuses_nothing() -> None:
    assert permits(UNRESTRICTED, "169.254.169.254")
    assert permits(EgressPolicy(), "not an address")


def test_a_deny_rule_goes_before_an_allow_rule_and_is_named_by_its_place() -> None:
    policy = EgressPolicy(
        deny=(rule("192.0.2.0/24"), rule("203.0.113.0/24")), allow=(rule("203.0.113.0/24"),)
    )
    assert policy.refusal(HOST, PUBLIC, 443) == (
        "203.0.113.7 port 443 is refused: the pool's spec.egress.deny[1] denies it;"
        " name another pool, or have that rule changed"
    )


def test_a_protected_address_is_opened_by_an_allow_rule_with_its_network() -> None:
    policy = EgressPolicy(protected=PROTECTED, allow=(rule("127.0.0.2/32"),))
    assert permits(policy, "127.0.0.2")
    assert permits(policy, "::ffff:127.0.0.2")
    assert not permits(policy, "127.0.0.1")


@pytest.mark.parametrize(
    "allow",
    [
        rule(hosts=(HOST,)),
        rule(ports=[(443, 443)]),
        rule("0.0.0.0/0", "::/0"),
        rule("0.0.0.0/0", ports=[(443, 443)]),
        rule("::/0"),
    ],
    ids=str,
)
@pytest.mark.parametrize("default_allow", [True, False])
def test_a_protected_address_is_not_opened_by_names_or_ports_or_everywhere(
    allow: EgressRule, *, default_allow: bool
) -> None:
    policy = EgressPolicy(protected=PROTECTED, allow=(allow,), default_allow=default_allow)
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"):
        assert not permits(policy, address)


def test_a_rule_means_what_is_in_all_of_its_lists() -> None:
    only = rule("203.0.113.0/24", ports=[(443, 443), (8000, 8999)], hosts=("www.example.org", "*.shop.test"))
    policy = EgressPolicy(allow=(only,), default_allow=False)
    assert permits(policy, PUBLIC)
    assert permits(policy, PUBLIC, port=8500)
    assert permits(policy, PUBLIC, host="a.b.shop.test")
    assert not permits(policy, PUBLIC, port=80)
    assert not permits(policy, PUBLIC, host="shop.test")
    assert not permits(policy, PUBLIC, host="evilshop.test")
    assert not permits(policy, "203.0.114.7")


def test_host_names_are_compared_without_case_and_final_dot() -> None:
    policy = EgressPolicy(deny=(rule(hosts=("www.example.org",)),))
    assert not permits(policy, PUBLIC, host="WWW.Example.ORG.")


def test_a_policy_that_allows_all_of_ipv6_does_not_allow_ipv4_in_its_guise() -> None:
    policy = EgressPolicy(allow=(rule("::/0"),), default_allow=False)
    assert permits(policy, "2001:db8::1")
    assert not permits(policy, "::ffff:10.0.0.1")


def test_behind_nat64_an_allowed_ipv4_network_is_reached_and_so_is_the_allowed_prefix() -> None:
    for allowed in ("203.0.113.0/24", "64:ff9b::/96"):
        policy = EgressPolicy(protected=PROTECTED, allow=(rule(allowed),), default_allow=False)
        assert permits(policy, "64:ff9b::cb00:7107")
        assert not permits(policy, "64:ff9b::7f00:1")


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1\x00", "%lo", "::g"],
)
def test_a_text_that_is_no_address_is_refused(text: str) -> None:
    assert "is not an IP address" in (SAFE.refusal(HOST, text, 80) or "")


@given(address=ipv4_addresses, policy_networks=st.lists(ipv4_networks, max_size=4))
def test_an_ipv4_address_that_is_refused_is_refused_in_every_ipv6_guise(
    address: IPv4Address, policy_networks: list[IPv4Network]
) -> None:
    for policy in (
        EgressPolicy(protected=(*PROTECTED, *policy_networks)),
        EgressPolicy(deny=(EgressRule(networks=(*policy_networks, IPv4Network("192.0.2.0/24"))),)),
    ):
        if not permits(policy, str(address)):
            assert not any(permits(policy, spelling) for spelling in spellings(address))


@given(address=st.ip_addresses(), found=st.lists(ipv4_networks, max_size=6), port=st.integers(1, 65_535))
def test_nothing_that_is_denied_or_protected_is_permitted_whatever_else_the_policy_says(
    address: IPv4Address | IPv6Address, found: list[IPv4Network], port: int
) -> None:
    holding = [network for network in found if address in network]
    denying = EgressPolicy(deny=(EgressRule(networks=tuple(found)),), allow=(EgressRule(),))
    protecting = EgressPolicy(protected=tuple(found), allow=(EgressRule(),))
    for policy in (denying, protecting) if found else ():
        assert permits(policy, str(address), port=port) <= (not holding)


@given(address=st.ip_addresses(), found=st.lists(st.one_of(ipv4_networks, st.sampled_from(PROTECTED))))
def test_the_smallest_network_that_holds_an_address_is_found(
    address: IPv4Address | IPv6Address, found: list[IPNetwork]
) -> None:
    holding = [network for network in found if address in network]
    expected = max(holding, key=lambda network: network.prefixlen, default=None)
    assert Networks(found).find(address) == expected


def test_no_more_judgements_are_remembered_than_a_bound() -> None:
    policy = EgressPolicy(protected=PROTECTED)
    for number in range(REMEMBERED + 100):
        policy.refusal(HOST, str(IPv4Address(number << 8)), 443)
    info = policy._judge.cache_info()  # type: ignore[attr-defined] # an lru_cache
    assert info.currsize == REMEMBERED


def test_policies_with_the_same_rules_are_equal_whatever_they_remember() -> None:
    one, other = EgressPolicy(protected=PROTECTED), EgressPolicy(protected=PROTECTED)
    one.refusal(HOST, PUBLIC, 443)
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)
