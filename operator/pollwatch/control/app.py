"""The operator's process: the way to the cluster, what must be so before it starts, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from urllib.parse import urlsplit

from pollwatch.control.cluster import Cluster
from pollwatch.control.credentials import load_credentials
from pollwatch.control.embedded import EmbeddedOperator
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pooled import PooledOperator
from pollwatch.control.preflight import preflight
from pollwatch.control.settings import Embedded, Pooled, Settings
from pollwatch.plan.addresses import IPNetwork
from pollwatch.plan.clock import Clock, SystemClock
from pollwatch.probes.network import system_network


async def operate_embedded(settings: Settings, embedded: Embedded, stop: asyncio.Event) -> None:
    """Run the operator, and probe in its process, until `stop` is set.

    Raises:
        CredentialsError: there is no way to an API server.
        PreflightError: the API server, the CRDs or our rights are not as they must be.
        ListenError: the address to serve on cannot be had.
    """
    clock, metrics = SystemClock(), ControlMetrics()
    async with _cluster(settings, metrics=metrics, clock=clock) as cluster:
        await preflight(cluster, settings.namespaces)
        api_server = api_server_network((await cluster.credentials.access()).server)
        embedded = replace(embedded, protected=(*embedded.protected, *api_server))
        network = system_network(hosts_file=embedded.hosts_file, clock=clock)
        try:
            operator = EmbeddedOperator(settings, embedded, cluster=cluster, network=network, metrics=metrics)
            await operator.run(stop)
        finally:
            await network.aclose()


async def operate_pools(settings: Settings, pooled: Pooled, stop: asyncio.Event) -> None:
    """Run the operator, and have pools of workers probe, until `stop` is set.

    Raises:
        CredentialsError: there is no way to an API server.
        PreflightError: the API server, the CRDs or our rights are not as they must be.
        ListenError: the address to serve on cannot be had.
    """
    clock, metrics = SystemClock(), ControlMetrics()
    async with _cluster(settings, metrics=metrics, clock=clock) as cluster:
        await preflight(cluster, settings.namespaces, pooled=pooled)
        operator = PooledOperator(settings, pooled, cluster=cluster, metrics=metrics, clock=clock)
        await operator.run(stop)


def api_server_network(url: str) -> tuple[IPNetwork, ...]:
    """Give the address of an API server; none where it goes by a name, as outside a cluster."""
    try:
        return (ip_network(urlsplit(url).hostname or ""),)
    except ValueError:
        return ()


@asynccontextmanager
async def _cluster(settings: Settings, *, metrics: ControlMetrics, clock: Clock) -> AsyncIterator[Cluster]:
    # The watch goes straight, too.
    credentials = await load_credentials(settings.kubeconfig, clock=clock, proxies=False)
    cluster = Cluster(credentials, metrics=metrics, clock=clock)
    try:
        yield cluster
    finally:
        await cluster.close()
