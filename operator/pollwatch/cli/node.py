"""What a Pod is told, or finds out, of the node it runs on."""

import sys
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

from pollwatch.cli.errors import BadInputError
from pollwatch.plan.addresses import IPNetwork

NODE_ADDRESSES = "POLLWATCH_NODE_ADDRESSES"
"""Filled in by Kubernetes from `status.hostIPs`."""

IPV4_ROUTES, IPV6_ROUTES = "/proc/net/route", "/proc/net/ipv6_route"
_UP_BY_GATEWAY = 0x3
"""`RTF_UP` and `RTF_GATEWAY` of Linux' <linux/route.h>."""


def _read(path: str) -> str:
    """Read a table of routes; there is none on other systems, or without IPv6."""
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def node_addresses(
    environ: Mapping[str, str], *, read: Callable[[str], str] = _read
) -> tuple[IPNetwork, ...]:
    """Give the addresses that reach the node; none outside a Pod, which is told none.

    The default gateway of a Pod is often the node itself, on the bridge between its Pods: a kubelet
    that listens on all addresses answers there, too.

    Args:
        environ: The environment.
        read: Gives what is in one of the kernel's tables of routes; nothing, if there is none.

    Raises:
        BadInputError: What the Pod was told are no addresses.
    """
    addresses = (address.strip() for address in environ.get(NODE_ADDRESSES, "").split(","))
    try:
        told = [ip_network(address) for address in addresses if address]
    except ValueError as error:
        raise BadInputError([f"{NODE_ADDRESSES}: {error} (write addresses, separated by commas)"]) from error
    if not told:
        return ()
    told += map(ip_network, ipv4_gateways(read(IPV4_ROUTES)))
    told += map(ip_network, ipv6_gateways(read(IPV6_ROUTES)))
    return tuple(dict.fromkeys(told))


def ipv4_gateways(routes: str) -> Iterator[IPv4Address]:
    """Give the gateways of the default routes in `/proc/net/route`; what cannot be read is left out.

    Addresses stand there as the machine keeps them, its own byte order read as a number.
    """
    for line in routes.splitlines():
        try:
            _, destination, gateway, flags, _, _, _, mask, *_ = line.split()
            if int(flags, 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY and not int(destination, 16) | int(mask, 16):
                yield IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder))
        except (ValueError, OverflowError):
            continue


def ipv6_gateways(routes: str) -> Iterator[IPv6Address]:
    """Give the gateways of the default routes in `/proc/net/ipv6_route`; what cannot be read is left out."""
    for line in routes.splitlines():
        try:
            destination, length, _, _, gateway, _, _, _, flags, *_ = line.split()
            if int(flags, 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY and not int(destination, 16) | int(
                length, 16
            ):
                yield IPv6Address(int(gateway, 16).to_bytes(16, "big"))
        except (ValueError, OverflowError):
            continue
