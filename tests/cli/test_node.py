"""A worker in a Pod protects its node: the addresses that it is told, and those that its routes show."""

from ipaddress import ip_network

import pytest

from pollwatch.cli.node import IPV4_ROUTES, IPV6_ROUTES, node_addresses

BRIDGE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                  \

eth0\t00000000\t0101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0                                           \

eth0\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0                                           \

eth0\t000060AC\t0201F40A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0                                           \

"""
"""Of a Pod with 10.244.1.0/24, and a route to another network that is no default."""

BRIDGE_6 = """\
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 \
00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 \
00000400 00000002 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 \
00000000 00000002 00000000 80200001       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 \
ffffffff 00000001 00000000 00200200       lo
"""

IN_A_POD = {"POLLWATCH_NODE_ADDRESSES": "192.0.2.7,2001:db8::7"}


def found(tables: dict[str, str], environ: dict[str, str] = IN_A_POD) -> list[str]:
    networks = node_addresses(environ, read=lambda path: tables.get(path, ""))
    assert all(network == ip_network(network.network_address) for network in networks)
    return [str(network.network_address) for network in networks]


def test_a_pod_protects_the_addresses_of_its_node_and_its_default_gateways() -> None:
    tables = {IPV4_ROUTES: BRIDGE, IPV6_ROUTES: BRIDGE_6}
    assert found(tables) == ["192.0.2.7", "2001:db8::7", "10.244.1.1", "fd00::1"]


def test_a_gateway_that_is_an_address_of_the_node_is_told_once() -> None:
    tables = {IPV4_ROUTES: BRIDGE}
    assert found(tables, {"POLLWATCH_NODE_ADDRESSES": "10.244.1.1"}) == ["10.244.1.1"]


def test_outside_of_a_pod_no_gateway_is_protected() -> None:
    assert found({IPV4_ROUTES: BRIDGE, IPV6_ROUTES: BRIDGE_6}, {}) == []


def test_without_tables_of_routes_there_are_the_addresses_that_the_pod_is_told() -> None:
    assert found({}) == ["192.0.2.7", "2001:db8::7"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "eth0",
        "eth0\t00000000\tnonsense\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "eth0\t00000000\t0101F40A0101\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "eth0\t00000000\t-101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        # Down, and a default route to an interface without a gateway.
        "eth0\t00000000\t0101F40A\t0002\t0\t0\t0\t00000000\t0\t0\t0",
        "eth0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
    ],
)
def test_lines_that_say_nothing_of_a_default_gateway_are_left_out(line: str) -> None:
    tables = {IPV4_ROUTES: f"{line}\n{BRIDGE}", IPV6_ROUTES: f"{line}\n{BRIDGE_6}"}
    assert found(tables) == ["192.0.2.7", "2001:db8::7", "10.244.1.1", "fd00::1"]
