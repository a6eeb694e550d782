"""What a Pod is told of the node it runs on."""

from collections.abc import Mapping
from ipaddress import ip_network

from pollwatch.cli.errors import BadInputError
from pollwatch.plan.addresses import IPNetwork

NODE_ADDRESSES = "POLLWATCH_NODE_ADDRESSES"
"""Filled in by Kubernetes from `status.hostIPs`."""


def node_addresses(environ: Mapping[str, str]) -> tuple[IPNetwork, ...]:
    """Read the addresses of the node; none outside a Pod.

    Raises:
        BadInputError: They are none.
    """
    addresses = (address.strip() for address in environ.get(NODE_ADDRESSES, "").split(","))
    try:
        return tuple(ip_network(address) for address in addresses if address)
    except ValueError as error:
        raise BadInputError([f"{NODE_ADDRESSES}: {error} (write addresses, separated by commas)"]) from error
