"""`pollwatch operator`: watch Checks in a cluster, have them probed, write what was found."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import structlog
import uvloop

from pollwatch.api.problems import Problem
from pollwatch.cli.alert_options import alert_options
from pollwatch.cli.arguments import Network, Seconds
from pollwatch.cli.installed_pool import read_installed_pool
from pollwatch.cli.node import node_addresses
from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.control.app import operate_embedded, operate_pools
from pollwatch.control.credentials import CredentialsError
from pollwatch.control.logs import logs_to
from pollwatch.control.preflight import PreflightError
from pollwatch.control.settings import SYSTEM_NAMESPACE, Embedded, Pooled, Settings
from pollwatch.plan.addresses import IPNetwork
from pollwatch.worker.listen import ListenError
from pollwatch.worker.process import prepare_process, take_turns

DEFAULT_LISTEN = ":9877"

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def _namespaces(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what cannot be a namespace (RFC 1123): the API server would find nothing in it, silently."""
    for name in names:
        if not _LABEL.fullmatch(name):
            raise click.BadParameter(
                f"{name!r} is not the name of a namespace: lower-case letters, digits and '-', at most 63"
            )
    return tuple(dict.fromkeys(names))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--embedded", is_flag=True, help="Probe in this very process, instead of pools of workers.")
@click.option(
    "--worker-image",
    metavar="IMAGE",
    help="The image of workers whose pool names no other. Needed without --embedded.",
)
@click.option(
    "--system-namespace",
    default=SYSTEM_NAMESPACE,
    show_default=True,
    metavar="NS",
    help="Where the operator runs, and its workers in pools.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NS",
    callback=lambda _context, _parameter, names: _namespaces(names),
    help="Serve only this namespace; may be given several times. Default: all.",
)
@click.option(
    "--listen",
    default=DEFAULT_LISTEN,
    show_default=True,
    metavar="ADDR",
    help="Where /metrics, /healthz and /readyz are served.",
)
@click.option(
    "--allow-egress",
    type=Network(),
    multiple=True,
    metavar="CIDR",
    help="With --embedded: probe these addresses although they are protected (loopback, link-local, metadata"
    " services, the API server, ...); may be given several times.",
)
@click.option(
    "--default-pool",
    default="default",
    show_default=True,
    metavar="POOL",
    help="The pool of Checks that name none.",
)
@click.option(
    "--default-pool-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A ProbePool: make it the default pool, and change it when the file has changed.",
)
@click.option(
    "--default-pool-owner",
    metavar="CLUSTERROLE",
    help="With --default-pool-file: the pool is deleted with this ClusterRole, as on uninstalling.",
)
@click.option(
    "--hosts",
    "hosts_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A hosts file that wins over /etc/hosts when what is probed is resolved.",
)
@click.option(
    "--kubeconfig",
    metavar="FILE",
    help="How to reach the cluster. Default: KUBECONFIG, the Pod's service account, ~/.kube/config.",
)
@click.option(
    "--resync-period",
    type=Seconds(min=1.0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How often everything is listed again, in case the watch missed something.",
)
@alert_options
def command(  # noqa: PLR0913 - click passes each option by name
    *,
    embedded: bool,
    worker_image: str | None,
    system_namespace: str,
    namespaces: tuple[str, ...],
    listen: str,
    allow_egress: tuple[IPNetwork, ...],
    default_pool: str,
    default_pool_file: Path | None,
    default_pool_owner: str | None,
    hosts_file: Path | None,
    kubeconfig: str | None,
    resync_period: float,
    alerts: AlertSettings,
    alert_faults: Sequence[Problem],
) -> None:
    """Run the operator on a Kubernetes cluster."""
    settings = Settings(
        listen=listen,
        namespaces=namespaces,
        kubeconfig=kubeconfig,
        resync_period=resync_period,
        default_pool=default_pool,
        alerts=alerts,
    )
    if default_pool_owner is not None and default_pool_file is None:
        raise click.UsageError("--default-pool-owner goes with --default-pool-file")
    take_turns()
    if embedded:
        if default_pool_file is not None:
            raise click.UsageError("--default-pool-file is for pools: leave it out, or --embedded")
        probing: Embedded | Pooled = Embedded(
            hosts_file=hosts_file,
            allow_egress=allow_egress,
            protected=node_addresses(os.environ),
            max_in_flight=prepare_process(),
        )
    else:
        for name, given in (("--hosts", hosts_file), ("--allow-egress", allow_egress)):
            if given:
                raise click.UsageError(
                    f"{name} goes with --embedded: what workers in pools may do stands in their ProbePool"
                )
        if worker_image is None:
            raise click.UsageError(
                "--worker-image IMAGE is missing: it is what workers in pools run; "
                "or add --embedded, to probe in this process"
            )
        probing = Pooled(
            worker_image=worker_image,
            system_namespace=system_namespace,
            identity=socket.gethostname(),
            installed_pool=None
            if default_pool_file is None
            else read_installed_pool(default_pool_file, name=default_pool, owner=default_pool_owner),
        )
    with logs_to(sys.stderr):
        for fault in alert_faults:
            structlog.get_logger("pollwatch.alerting").warning(
                "an annotation for all alerts is left out",
                option=fault.path,
                error=fault.message,
                remedy="mend the template; the chart has it in alerts.annotations",
            )
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_run(settings, probing))
        except (CredentialsError, PreflightError, ListenError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            # A defect: Kubernetes starts the Pod again, and who reads the log learns why.
            structlog.get_logger("pollwatch.operator").exception("operator failed")
            raise SystemExit(1) from error


async def _run(settings: Settings, probing: Embedded | Pooled) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if isinstance(probing, Embedded):
        await operate_embedded(settings, probing, stop)
    else:
        await operate_pools(settings, probing, stop)
