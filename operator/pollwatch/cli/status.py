"""`pollwatch status`: pools, shards, lag and problems as one table."""

import asyncio
import json
import sys
from dataclasses import asdict

import click

from pollwatch.cli.display.pools import status
from pollwatch.cli.terminal import console, show, write
from pollwatch.control.cluster import Cluster, ClusterError
from pollwatch.control.credentials import CredentialsError, load_credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.overview import Overview, look
from pollwatch.plan.clock import SystemClock

UNWELL = 1
"""Exit code: something asks for attention."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--system-namespace",
    default="pollwatch-system",
    show_default=True,
    metavar="NS",
    help="Where the operator runs.",
)
@click.option(
    "--kubeconfig",
    metavar="FILE",
    help="How to reach the cluster. Default: KUBECONFIG, the Pod's service account, ~/.kube/config.",
)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(*, system_namespace: str, kubeconfig: str | None, output: str) -> None:
    """Show pools, their workers, and what is wrong.

    Exit code 0: all is well. 1: something asks for attention, or the cluster cannot be asked.
    """
    try:
        overview = asyncio.run(_look(kubeconfig, system_namespace))
    except CredentialsError as error:
        raise click.ClickException(str(error)) from error
    except ClusterError as error:
        raise click.ClickException(f"the cluster cannot be asked: {error}") from error
    if output == "json":
        write(sys.stdout, json.dumps(asdict(overview) | {"well": overview.is_well}, indent=2) + "\n")
    else:
        show(console(sys.stdout), status(overview))
    if not overview.is_well:
        sys.exit(UNWELL)


async def _look(kubeconfig: str | None, system_namespace: str) -> Overview:
    clock = SystemClock()
    credentials = await load_credentials(kubeconfig, clock=clock)
    cluster = Cluster(credentials, metrics=ControlMetrics(), clock=clock)
    try:
        return await look(cluster, system_namespace=system_namespace, now=clock.time())
    finally:
        await cluster.close()
