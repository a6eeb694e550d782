"""How to reach the API server, and as whom.

A kubeconfig that is named (`--kubeconfig`, `KUBECONFIG`) wins; then the service account of
the Pod; then `~/.kube/config`. One loader serves the client and the watch, so that both
always act as the same identity.
"""

import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from yaml import YAMLError

from pollwatch.plan.clock import Clock

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the service account of a Pod."""


RELOAD = 300.0
"""Seconds after which a kubeconfig is read again: it may run a program for a token that lasts a
quarter of an hour."""

RELOAD_TOKEN = 60.0
"""Seconds after which the token of a Pod is read again."""

RELOAD_REFUSED = 5.0
"""Seconds between two readings while the API server refuses what we show."""


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
    proxy: str | None
    """That a kubeconfig names (`proxy-url`)."""
    proxies: bool
    """Whether one that the environment names is used, too."""


class Credentials:
    """Loads access to the API server, and keeps it fresh."""

    def __init__(
        self,
        configuration: Configuration,
        source: str,
        *,
        clock: Clock,
        reload: Callable[[Configuration], Awaitable[None]] | None = None,
        every: float = RELOAD,
    ) -> None:
        """Take what was loaded.

        Args:
            configuration: the client's.
            source: where it comes from, for people.
            clock: for when to load it anew.
            reload: loads it anew into a configuration.
            every: seconds after which that is due.
        """
        self.configuration = configuration
        self.source = source
        self._reload = reload
        self._every = every
        self._clock = clock
        self._loaded = clock.monotonic()
        self._due = self._loaded + every

    def copy(self) -> "Credentials":
        """Return the same for another event loop, which loads them anew by itself."""
        return Credentials(
            deepcopy(self.configuration),
            self.source,
            clock=self._clock,
            reload=self._reload,
            every=self._every,
        )

    def refused(self) -> None:
        """Take in that the API server did not know us (401): what is on disk may be newer."""
        self._due = min(self._due, self._loaded + RELOAD_REFUSED)

    async def access(self) -> Access:
        """Return what to use now; where what is loaded has come of age, load it anew."""
        if self._reload is not None and self._clock.monotonic() >= self._due:
            self._loaded = self._clock.monotonic()
            self._due = self._loaded + self._every
            # What was loaded before may still do; if it does not, the API server says so.
            with contextlib.suppress(CredentialsError):
                await self._reload(self.configuration)
        configuration = self.configuration
        token = await configuration.get_api_key_with_prefix("BearerToken")
        return Access(
            server=configuration.host,
            ca_file=configuration.ssl_ca_cert,
            verify=configuration.verify_ssl,
            certificate_file=configuration.cert_file,
            key_file=configuration.key_file,
            token=token,
            proxy=configuration.proxy,
            proxies=bool((configuration.client_session_kwargs or {}).get("trust_env")),
        )


async def load_credentials(
    kubeconfig: str | None,
    *,
    clock: Clock,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
    proxies: bool = True,
) -> Credentials:
    """Find the way to the API server.

    Args:
        kubeconfig: the file that the user named, if any.
        clock: for when to read it again.
        environ: the process's environment.
        service_account: where a Pod's token and CA are.
        proxies: whether the way is by a proxy that the environment names (`HTTPS_PROXY`), if any. To
            look for one costs more than the rest of a small request.

    Raises:
        CredentialsError: there is none, or it cannot be read.
    """
    configuration = Configuration()
    configuration.client_session_kwargs = {"trust_env": proxies}
    file = _kubeconfig(kubeconfig or environ.get("KUBECONFIG"), service_account)
    if file is None:

        async def load_service_account(into: Configuration) -> None:
            _load_service_account(service_account, environ, into)

        await load_service_account(configuration)
        return Credentials(
            configuration, "service account", reload=load_service_account, every=RELOAD_TOKEN, clock=clock
        )

    async def load(into: Configuration) -> None:
        await _load_kubeconfig(file, into)

    await load(configuration)
    return Credentials(configuration, f"kubeconfig {file}", reload=load, clock=clock)


def _load_service_account(folder: Path, environ: Mapping[str, str], configuration: Configuration) -> None:
    loader = InClusterConfigLoader(
        token_filename=str(folder / "token"),
        cert_filename=str(folder / "ca.crt"),
        # It reads the token when the wall clock says so, and fails in the middle of a request.
        try_refresh_token=False,
        environ=environ,
    )
    try:
        loader.load_and_set(configuration)
    except (ConfigException, OSError) as error:
        raise CredentialsError(f"the service account in {folder}: {error}") from error


async def _load_kubeconfig(file: str, configuration: Configuration) -> None:
    try:
        await load_kube_config(config_file=file, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, YAMLError) as error:
        raise CredentialsError(f"kubeconfig {file}: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        # The loader's own words for a document of another shape.
        raise CredentialsError(f"kubeconfig {file}: this is no kubeconfig ({error})") from error


def _kubeconfig(named: str | None, service_account: Path) -> str | None:
    """Return the kubeconfig to use; `None` when it is the Pod's service account."""
    if named:  # An empty KUBECONFIG is none, as kubectl has it.
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
