"""Short ways to take a sample in a test."""

from pathlib import Path
from typing import Any

from pollwatch.plan.checks import HttpProbe, Probe, Target, TcpProbe
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy
from pollwatch.plan.samples import Sample
from pollwatch.probes.hosts import HostsFiles
from pollwatch.probes.network import Network, SystemConnector
from pollwatch.probes.resolv_conf import NameServer, OptionsSource, ResolverOptions
from pollwatch.probes.resolver import StubResolver
from pollwatch.probes.sampling import take_sample
from tests.support.plans import make_check


def make_network(
    *servers: NameServer,
    hosts_file: Path | None = None,
    egress: EgressPolicy = UNRESTRICTED,
    **options: Any,
) -> Network:
    """The real network, with these name servers only; `options` are fields of `ResolverOptions`."""
    clock = SystemClock()
    files = (hosts_file,) if hosts_file is not None else ()
    return Network(
        clock=clock,
        resolver=StubResolver(
            hosts=HostsFiles(files, clock=clock),
            conf=OptionsSource(ResolverOptions(servers=servers or (NameServer("127.0.0.1", 9),), **options)),
        ),
        connector=SystemConnector(),
        egress=egress,
    )


def http_target(
    url: str,
    *,
    address: str | None = None,
    timeout: float = 20.0,
    confidential: tuple[str, ...] = (),
    **probe: Any,
) -> Target:
    """An HTTP Check's target; `probe` are fields of `HttpProbe`."""
    check = make_check(
        probe=HttpProbe(url=url, **probe), timeout=timeout, confidential=confidential, target=url
    )
    return Target(check, address)


def tcp_target(
    host: str, port: int, *, address: str | None = None, timeout: float = 20.0, **probe: Any
) -> Target:
    """A TCP Check's target; `probe` are fields of `TcpProbe`."""
    probe_: Probe = TcpProbe(host=host, port=port, **probe)
    return Target(make_check(probe=probe_, timeout=timeout, target=f"{host}:{port}"), address)


async def sample_http(url: str, *, network: Network | None = None, **options: Any) -> Sample:
    """Take one sample of a URL; `options` are those of `http_target`."""
    network = network or make_network()
    try:
        return await take_sample(http_target(url, **options), network)
    finally:
        await network.aclose()


async def sample_tcp(host: str, port: int, *, network: Network | None = None, **options: Any) -> Sample:
    """Take one sample of a host and port; `options` are those of `tcp_target`."""
    network = network or make_network()
    try:
        return await take_sample(tcp_target(host, port, **options), network)
    finally:
        await network.aclose()
