"""IP addresses as an egress policy sees them: what hides in them, what they are for, sets of them."""

from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the well-known prefix. A network's own prefix cannot be told from any other address."""
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
"""RFC 2765: IPv4-translated."""
_COMPATIBLE = IPv6Network("::/96")
"""RFC 4291, section 2.5.5.1: IPv4-compatible, deprecated."""
_NO_IPV4 = frozenset({IPv6Address("::"), IPv6Address("::1")})

_METADATA = "cloud metadata"

SPECIAL_ADDRESSES: tuple[tuple[IPNetwork, str], ...] = tuple(
    (ip_network(text), purpose)
    for text, purpose in (
        ("0.0.0.0/8", "this machine"),
        ("::/128", "this machine"),
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        # Of most clouds; AWS ECS tasks and EKS pods.
        ("169.254.169.254/32", _METADATA),
        ("169.254.170.0/24", _METADATA),
        ("fd00:ec2::/32", _METADATA),  # AWS
        ("fd20:ce::254/128", _METADATA),  # Google Cloud
        ("168.63.129.16/32", _METADATA),  # Azure WireServer: credentials of the node
        ("100.100.100.200/32", _METADATA),  # Alibaba Cloud
        ("192.0.0.192/32", _METADATA),  # Oracle Cloud
        ("fd00:c1::a9fe:a9fe/128", _METADATA),  # Oracle Cloud
        ("fd00:42::42/128", _METADATA),  # Scaleway
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("255.255.255.255/32", "broadcast"),
    )
)
"""Networks that no tenant has business with, and what they are, for people.

They are the same on every machine and in every cluster. Where they overlap the longest prefix tells.
"""


class Networks:
    """A set of networks: finding the one that holds an address takes a look-up for each prefix length."""

    __slots__ = ("_by_prefix",)

    def __init__(self, networks: Iterable[IPNetwork]) -> None:
        by_prefix: dict[tuple[int, int], dict[int, IPNetwork]] = {}
        for network in sorted(networks, key=lambda network: -network.prefixlen):
            shift = network.max_prefixlen - network.prefixlen
            found = by_prefix.setdefault((network.version, shift), {})
            found[int(network.network_address) >> shift] = network
        self._by_prefix = tuple((version, shift, found) for (version, shift), found in by_prefix.items())

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def find(self, address: IPAddress) -> IPNetwork | None:
        """Give the smallest network that holds an address; `None` when none does."""
        number = int(address)
        for version, shift, networks in self._by_prefix:
            if version == address.version and (network := networks.get(number >> shift)) is not None:
                return network
        return None


def read_address(text: str) -> IPAddress:
    """Read an address without its zone id (`fe80::1%eth0`), which says where it is, not what it is.

    Raises:
        ValueError: It is none. Octal, hexadecimal and short forms are none either.
    """
    return ip_address(text.partition("%")[0])


def embedded_ipv4(address: IPAddress) -> Iterator[IPv4Address]:
    """Give the IPv4 addresses that an IPv6 address may lead to.

    IPv4-mapped, IPv4-translated and IPv4-compatible ones, NAT64 (RFC 6052), 6to4 (RFC 3056)
    and Teredo (RFC 4380).
    """
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and address not in _NO_IPV4):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
