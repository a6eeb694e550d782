"""How to reach the API server, and as whom.

A kubeconfig that is named (`--kubeconfig`, `KUBECONFIG`) wins; then the service account of
the Pod; then `~/.kube/config`. One loader serves the client and the watch, so that both
always act as the same identity.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from yaml import YAMLError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the service account of a Pod."""


class CredentialsError(Exception):
    """There is no usable way to the API server; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The API server and what to show it, at this moment: tokens are rotated."""

    server: str
    ca_file: str | None
    verify: bool
    certificate_file: str | None
    key_file: str | None
    token: str | None = field(repr=False)
    """With its scheme: `Bearer ...`."""
    tls_server_name: str | None = None


class Credentials:
    """Loads access to the API server, and keeps it fresh."""

    def __init__(self, configuration: Configuration, source: str) -> None:
        self.configuration = configuration
        self.source = source
        """Where it comes from, for people."""

    async def access(self) -> Access:
        """Return what to use now: the token file of a Pod is read again when it is a minute old."""
        configuration = self.configuration
        token = await configuration.get_api_key_with_prefix("BearerToken")
        return Access(
            server=configuration.host,
            ca_file=configuration.ssl_ca_cert,
            verify=configuration.verify_ssl,
            certificate_file=configuration.cert_file,
            key_file=configuration.key_file,
            token=token,
            tls_server_name=configuration.tls_server_name,
        )


async def load_credentials(
    kubeconfig: str | None,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Credentials:
    """Find the way to the API server.

    Args:
        kubeconfig: the file that the user named, if any.
        environ: the process's environment.
        service_account: where a Pod's token and CA are.

    Raises:
        CredentialsError: there is none, or it cannot be read.
    """
    configuration = Configuration()
    file = _kubeconfig(kubeconfig or environ.get("KUBECONFIG"), service_account)
    if file is None:
        loader = InClusterConfigLoader(
            token_filename=str(service_account / "token"),
            cert_filename=str(service_account / "ca.crt"),
            environ=environ,
        )
        try:
            loader.load_and_set(configuration)
        except (ConfigException, OSError) as error:
            raise CredentialsError(f"the service account in {service_account}: {error}") from error
        return Credentials(configuration, "service account")
    try:
        await load_kube_config(config_file=file, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, YAMLError) as error:
        raise CredentialsError(f"kubeconfig {file}: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        # The loader's own words for a document of another shape.
        raise CredentialsError(f"kubeconfig {file}: this is no kubeconfig ({error})") from error
    return Credentials(configuration, f"kubeconfig {file}")


def _kubeconfig(named: str | None, service_account: Path) -> str | None:
    """Return the kubeconfig to use; `None` when it is the Pod's service account."""
    if named is not None:
        missing = [path for path in named.split(os.pathsep) if not Path(path).expanduser().is_file()]
        if missing:
            raise CredentialsError(f"kubeconfig {missing[0]}: there is no such file")
        return named
    if (service_account / "token").exists():
        return None
    default = Path("~/.kube/config").expanduser()
    if not default.is_file():
        raise CredentialsError(
            "no Kubernetes cluster: this is not a Pod, and there is no kubeconfig; "
            "name one with --kubeconfig FILE or KUBECONFIG"
        )
    return str(default)
