"""The outer fence lets everything through that the egress policy allows, and is as tight as it can be."""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.pools.network_policy import egress_rules, network_policy
from pollwatch.plan.egress import EgressPolicy, EgressRule, IPNetwork, PortRange

METADATA = ip_network("169.254.0.0/16")
LOOPBACK = ip_network("127.0.0.0/8")
OWNER = {"uid": "u"}


def lets_through(rules: list[dict[str, Any]], address: str, port: int) -> bool:
    """Whether a NetworkPolicy with these egress rules allows a TCP connection (networking.k8s.io/v1)."""
    return any(_reaches(rule, address) and _allows(rule, port) for rule in rules)


def _reaches(rule: dict[str, Any], address: str) -> bool:
    if "to" not in rule:
        return True
    return any(
        ip_address(address) in ip_network(peer["ipBlock"]["cidr"])
        and not any(ip_address(address) in ip_network(hole) for hole in peer["ipBlock"].get("except", ()))
        for peer in rule["to"]
    )


def _allows(rule: dict[str, Any], port: int) -> bool:
    return "ports" not in rule or any(
        one["protocol"] == "TCP" and one["port"] <= port <= one.get("endPort", one["port"])
        for one in rule["ports"]
    )


def test_by_default_all_is_open_but_what_is_protected() -> None:
    rules = egress_rules(EgressPolicy(protected=(METADATA, LOOPBACK)))
    assert lets_through(rules, "203.0.113.7", 443)
    assert lets_through(rules, "2001:db8::1", 443)
    assert not lets_through(rules, "169.254.169.254", 80)


def test_name_servers_are_reached_wherever_they_are() -> None:
    rules = egress_rules(EgressPolicy(protected=(METADATA,), default_allow=False))
    assert lets_through(rules, "169.254.20.10", 53)
    assert not lets_through(rules, "203.0.113.7", 443)


def test_a_protected_network_that_is_allowed_is_open() -> None:
    rule = EgressRule(networks=(ip_network("169.254.7.0/24"),), ports=(PortRange(8000, 8999),))
    rules = egress_rules(EgressPolicy(protected=(METADATA,), allow=(rule,)))
    assert lets_through(rules, "169.254.7.1", 8080)
    assert not lets_through(rules, "169.254.7.1", 80)
    assert not lets_through(rules, "169.254.169.254", 8080)


def test_everywhere_is_not_where_protected_addresses_are() -> None:
    rule = EgressRule(networks=(ip_network("0.0.0.0/0"), ip_network("::/0")), ports=(PortRange(80, 80),))
    policy = EgressPolicy(protected=(METADATA,), allow=(rule,), default_allow=False)
    assert policy.refusal("metadata", "169.254.169.254", 80) is not None
    rules = egress_rules(policy)
    assert lets_through(rules, "203.0.113.7", 80)
    assert lets_through(rules, "2001:db8::1", 80)
    assert not lets_through(rules, "169.254.169.254", 80)


def test_host_names_open_all_that_is_not_protected_as_it_knows_no_names() -> None:
    rule = EgressRule(hosts=("www.example.org",), ports=(PortRange(443, 443),))
    rules = egress_rules(EgressPolicy(protected=(METADATA,), allow=(rule,), default_allow=False))
    assert lets_through(rules, "203.0.113.7", 443)
    assert not lets_through(rules, "203.0.113.7", 80)
    assert not lets_through(rules, "169.254.169.254", 443)


def test_what_is_denied_is_closed_inside_what_is_allowed() -> None:
    policy = EgressPolicy(
        deny=(EgressRule(networks=(ip_network("10.1.0.0/16"),)),),
        allow=(EgressRule(networks=(ip_network("10.0.0.0/8"), ip_network("10.1.2.0/24"))),),
        default_allow=False,
    )
    rules = egress_rules(policy)
    assert lets_through(rules, "10.2.0.1", 443)
    assert not lets_through(rules, "10.1.2.3", 443)


_networks = st.sampled_from(
    [ip_network(text) for text in ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "0.0.0.0/0", "2001:db8::/32")]
)
_ports = st.sampled_from([PortRange(443, 443), PortRange(1, 1024)])
_rules = st.builds(
    EgressRule,
    networks=st.lists(_networks, max_size=2, unique=True).map(tuple),
    ports=st.lists(_ports, max_size=1).map(tuple),
    hosts=st.sampled_from([(), ("www.example.org",), ("*.example.org",)]),
)
_policies = st.builds(
    EgressPolicy,
    deny=st.lists(_rules, max_size=2).map(tuple),
    allow=st.lists(_rules, max_size=2).map(tuple),
    protected=st.lists(_networks, max_size=2, unique=True).map(tuple),
    default_allow=st.booleans(),
)


@given(
    policy=_policies,
    address=st.sampled_from(["10.1.2.3", "10.9.9.9", "203.0.113.7", "2001:db8::7"]),
    host=st.sampled_from(["www.example.org", "example.com"]),
    port=st.sampled_from([443, 8443]),
)
def test_what_the_worker_may_connect_to_is_never_fenced_off(
    policy: EgressPolicy, address: str, host: str, port: int
) -> None:
    if policy.refusal(host, address, port) is None:
        assert lets_through(egress_rules(policy), address, port)


def test_an_empty_intersection_opens_nothing() -> None:
    everything: tuple[IPNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    rules = egress_rules(EgressPolicy(deny=(EgressRule(networks=everything),)))
    assert not lets_through(rules, "203.0.113.7", 443)


def test_it_selects_the_workers_of_the_pool_and_lets_them_be_scraped() -> None:
    spec = network_policy("east", EgressPolicy(), OWNER)["spec"]
    assert spec["podSelector"] == {"matchLabels": {"pollwatch.dev/pool": "east"}}
    assert spec["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}]}]
