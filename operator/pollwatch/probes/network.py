"""The way out: what a probe needs of the machine it runs on, passed in."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pollwatch.plan.clock import Clock, SystemClock
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy
from pollwatch.probes.hosts import HostsFiles
from pollwatch.probes.resolv_conf import ResolvConf
from pollwatch.probes.resolver import StubResolver

HOSTS_FILE = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")


class Resolver(Protocol):
    """Turns host names into addresses."""

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Every IPv4 and IPv6 address of a host, in the order the name server gave; at least one.

        Raises:
            ProbeError: `DNSNotFound`, `DNSFailed` or `DNSTimeout`.
        """
        ...

    async def aclose(self) -> None:
        """Give up what is in flight."""
        ...


class Connector(Protocol):
    """Makes TCP connections."""

    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        """Connect a protocol to an IP address; its `connection_made` is called before this returns.

        Raises:
            OSError: As connect(2) has it.
        """
        ...


class SystemConnector:
    """Connects through the running event loop."""

    async def connect(self, address: str, port: int, protocol: asyncio.Protocol) -> None:
        """See `Connector`."""
        await asyncio.get_running_loop().create_connection(lambda: protocol, address, port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Clock, names and connections of one prober."""

    clock: Clock
    resolver: Resolver
    connector: Connector
    egress: EgressPolicy = UNRESTRICTED
    """What the connector may be asked for. Name servers are not its concern."""

    async def aclose(self) -> None:
        """Give up lookups in flight. Probes close their own connections."""
        await self.resolver.aclose()


def system_network(
    *, hosts_file: Path | None = None, clock: Clock | None = None, resolv_conf: Path = RESOLV_CONF
) -> Network:
    """The network of this machine.

    Args:
        hosts_file: More hosts (hosts(5)), which win over `/etc/hosts`.
        clock: Default: the machine's.
        resolv_conf: Name servers and search list (resolv.conf(5)).
    """
    clock = clock or SystemClock()
    files = (HOSTS_FILE,) if hosts_file is None else (hosts_file, HOSTS_FILE)
    return Network(
        clock=clock,
        resolver=StubResolver(
            hosts=HostsFiles(files, clock=clock), conf=ResolvConf(resolv_conf, clock=clock)
        ),
        connector=SystemConnector(),
    )
