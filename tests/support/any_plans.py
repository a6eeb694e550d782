"""Plans of every shape, for hypothesis."""

from ipaddress import ip_network
from typing import TypeVar

from hypothesis import strategies as st

from pollwatch.plan.checks import (
    CheckKey,
    CheckPlan,
    Header,
    HeaderRule,
    HttpProbe,
    Plan,
    Resolve,
    StatusRange,
    TcpProbe,
    TextRule,
    TextTest,
    TlsOptions,
)
from pollwatch.plan.egress import EgressPolicy, EgressRule, PortRange

Item = TypeVar("Item")


def _some(items: st.SearchStrategy[Item]) -> st.SearchStrategy[tuple[Item, ...]]:
    return st.lists(items, max_size=3).map(tuple)


_texts = st.text(max_size=20)
_names = st.text("abcxyz0-.", min_size=1, max_size=8)
_seconds = st.floats(0.001, 86_400.0)
_ports = st.integers(1, 65_535)
_tests = st.sampled_from(TextTest)
_resolve = st.sampled_from(Resolve)
_tls = st.builds(
    TlsOptions,
    server_name=st.none() | _texts,
    verify=st.booleans(),
    ca_pem=st.none() | st.sampled_from(["", "-----BEGIN CERTIFICATE-----\none\n", "two: \u00fc \U0001f600"]),
    min_version=st.sampled_from(["1.2", "1.3"]),
)
_http = st.builds(
    HttpProbe,
    url=_texts,
    method=st.sampled_from(["GET", "POST"]),
    headers=_some(st.builds(Header, name=_texts, value=_texts)),
    body=st.binary(max_size=20),
    max_redirects=st.integers(0, 10),
    statuses=_some(st.builds(StatusRange, low=st.integers(100, 599), high=st.integers(100, 599))),
    body_rules=_some(st.builds(TextRule, test=_tests, pattern=_texts)),
    header_rules=_some(st.builds(HeaderRule, name=_texts, test=_tests, pattern=_texts)),
    max_body_bytes=st.integers(0, 1 << 24),
    tls=_tls,
    resolve=_resolve,
)
_tcp = st.builds(TcpProbe, host=_texts, port=_ports, tls=st.none() | _tls, resolve=_resolve)

any_checks = st.builds(
    CheckPlan,
    key=st.builds(CheckKey, namespace=_names, name=_names),
    uid=_texts,
    generation=st.integers(0, 2**53),
    period=_seconds,
    timeout=_seconds,
    target=_texts,
    probe=_http | _tcp,
    labels=_some(st.tuples(_texts, _texts)),
    confidential=_some(_texts),
    rate=st.none() | _seconds,
)

_networks = st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/32", "::1/128"]).map(
    ip_network
)
_port_ranges = st.tuples(_ports, _ports).map(lambda ends: PortRange(min(ends), max(ends)))
_rules = st.builds(EgressRule, networks=_some(_networks), ports=_some(_port_ranges), hosts=_some(_names))
any_policies = st.builds(
    EgressPolicy,
    deny=_some(_rules),
    allow=_some(_rules),
    protected=_some(_networks),
    default_allow=st.booleans(),
)


def plans_of(checks: st.SearchStrategy[CheckPlan], *, most: int = 6) -> st.SearchStrategy[Plan]:
    """Plans of such Checks: sorted, no key twice."""
    lists = st.lists(checks, max_size=most, unique_by=lambda check: check.key)
    ordered = lists.map(lambda some: tuple(sorted(some, key=lambda check: check.key)))
    return st.builds(Plan, checks=ordered, egress=any_policies, host_rate=st.none() | _seconds)


any_plans = plans_of(any_checks)
