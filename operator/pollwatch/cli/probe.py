"""`pollwatch probe`: probe one target once, and show the phases."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click
import uvloop

from pollwatch.cli.arguments import ABOVE_ZERO, ca_certificates, header, host_port, ip_address, status_range
from pollwatch.cli.documents import dumps, sample_document
from pollwatch.cli.errors import BadInputError, one_line_errors
from pollwatch.cli.terminal import console, show, write
from pollwatch.cli.waterfall import waterfall
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Probe, Target, TcpProbe, TlsOptions
from pollwatch.plan.samples import Outcome, Sample
from pollwatch.probes.http_probe import prepare
from pollwatch.probes.network import system_network
from pollwatch.probes.sampling import take_sample
from pollwatch.probes.urls import parse_url

MAX_REDIRECTS = 10
SHORTEST_SECRET = 6
"""Characters; to hide a shorter value of a header (`en`) would hide half of what is said."""
EXIT_CODES = """\b
Exit codes:
  0  the target answered as it must
  1  it did not
  2  the options cannot be used
"""

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
timeout_option = click.option(
    "--timeout",
    type=ABOVE_ZERO,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For all phases together.",
)
address_option = click.option(
    "--address", metavar="IP", help="Connect to this address, whatever the name resolves to."
)
hosts_option = click.option(
    "--hosts",
    type=existing_file,
    metavar="FILE",
    help="A hosts file (hosts(5)) that wins over /etc/hosts and DNS.",
)
insecure_option = click.option("--insecure", is_flag=True, help="Accept any certificate.")
ca_option = click.option(
    "--ca", type=existing_file, metavar="FILE", help="Trust these certificates (PEM) instead of the system's."
)
server_name_option = click.option(
    "--server-name", metavar="NAME", help="Name for SNI and in the certificate, if not the host's."
)
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.group
def command() -> None:
    """Probe one target once, and show the phases."""


@command.command(epilog=EXIT_CODES)
@click.argument("url")
@click.option("--method", default="GET", show_default=True)
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="May be given several times."
)
@click.option("--follow/--no-follow", default=True, show_default=True, help="Follow redirects.")
@click.option(
    "--expect-status",
    "statuses",
    multiple=True,
    metavar="CODE",
    help="A code such as 204 or a class such as 3xx; may be given several times.  [default: 2xx]",
)
@timeout_option
@address_option
@hosts_option
@insecure_option
@ca_option
@server_name_option
@output_option
def http(  # noqa: PLR0913 - one argument for each option
    *,
    url: str,
    method: str,
    headers: tuple[str, ...],
    follow: bool,
    statuses: tuple[str, ...],
    timeout: float,
    address: str | None,
    hosts: Path | None,
    insecure: bool,
    ca: Path | None,
    server_name: str | None,
    output: str,
) -> None:
    """Request URL once, as a new visitor would."""
    with one_line_errors():
        parsed = parse_url(url)
        probe = HttpProbe(
            url=url,
            method=method.upper(),
            headers=tuple(map(header, headers)),
            max_redirects=MAX_REDIRECTS if follow else 0,
            statuses=tuple(map(status_range, statuses or ("2xx",))),
            tls=_tls_options(server_name, ca, insecure=insecure),
        )
        prepare(probe)
        target = _target(
            probe,
            parsed.text.partition("?")[0],
            timeout=timeout,
            address=address,
            confidential=(parsed.userinfo, *(header.value for header in probe.headers)),
        )
    _show(uvloop.run(_sample(target, hosts)), target, output)


@command.command(epilog=EXIT_CODES)
@click.argument("place", metavar="HOST:PORT")
@click.option("--tls", is_flag=True, help="Do a TLS handshake too.")
@timeout_option
@address_option
@hosts_option
@insecure_option
@ca_option
@server_name_option
@output_option
def tcp(  # noqa: PLR0913 - one argument for each option
    *,
    place: str,
    tls: bool,
    timeout: float,
    address: str | None,
    hosts: Path | None,
    insecure: bool,
    ca: Path | None,
    server_name: str | None,
    output: str,
) -> None:
    """Connect to HOST:PORT once."""
    with one_line_errors():
        if (insecure or ca or server_name) and not tls:
            raise BadInputError(["--insecure, --ca and --server-name mean something with --tls only"])
        host, port = host_port(place)
        options = _tls_options(server_name, ca, insecure=insecure) if tls else None
        probe = TcpProbe(host=host, port=port, tls=options)
        target = _target(probe, place, timeout=timeout, address=address)
    _show(uvloop.run(_sample(target, hosts)), target, output)


def _tls_options(server_name: str | None, ca: Path | None, *, insecure: bool) -> TlsOptions:
    return TlsOptions(
        server_name=server_name, verify=not insecure, ca_pem=ca_certificates(ca) if ca else None
    )


def _target(
    probe: Probe, name: str, *, timeout: float, address: str | None, confidential: Iterable[str] = ()
) -> Target:
    """Make a Check of one probe; `confidential` may be secret, since what is printed here is passed on."""
    check = CheckPlan(
        key=CheckKey("default", "probe"),
        uid="",
        generation=0,
        period=timeout,
        timeout=timeout,
        target=name,
        probe=probe,
        confidential=tuple(text for text in confidential if len(text) >= SHORTEST_SECRET),
    )
    return Target(check, ip_address(address) if address else None)


async def _sample(target: Target, hosts: Path | None) -> Sample:
    network = system_network(hosts_file=hosts)
    try:
        return await take_sample(target, network)
    finally:
        await network.aclose()


def _show(sample: Sample, target: Target, output: str) -> None:
    """Print the sample and end the program with its exit code."""
    if output == "json":
        document = {"target": target.check.target, **sample_document(sample)}
        write(sys.stdout, dumps(document, indent=2) + "\n")
    else:
        show(console(sys.stdout), waterfall(sample, target.check.target))
    raise SystemExit(0 if sample.outcome is Outcome.SUCCESS else 1)
