"""A real Kubernetes control plane on loopback: etcd and kube-apiserver, and nothing else.

There are no controllers, no scheduler and no kubelet: a Deployment stays without pods, a deleted
namespace stays `Terminating`, and owner references collect nothing. Authorization is RBAC.
"""

from __future__ import annotations

import base64
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import httpx

from tests.cluster.apiclient import ApiClient
from tests.cluster.credentials import Credentials, kubeconfig
from tests.cluster.ports import ReservedPort
from tests.cluster.process import Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

_READY_SECONDS = 90.0


class ControlPlane:
    """One etcd and one API server, both on 127.0.0.1.

    Attributes:
        url: `https://127.0.0.1:PORT`; the port stays the same over a restart of the API server.
        admin: A client that may do everything.
    """

    def __init__(
        self,
        *,
        kube_apiserver: Path,
        etcd: Path,
        folder: Path,
        credentials: Credentials | None = None,
        data: Path | None = None,
        api_server_arguments: Sequence[str] = (),
    ) -> None:
        """Prepare one; nothing runs before `start`.

        Args:
            kube_apiserver: The program.
            etcd: The program.
            folder: An empty folder for data, keys and the logs `etcd.log` and `kube-apiserver.log`.
            credentials: By default new ones, in `folder`.
            data: An existing folder for etcd's data; by default `folder`.
            api_server_arguments: Come after those of this class, so that they win.
        """
        self._programs = {"etcd": etcd, "kube-apiserver": kube_apiserver}
        self._folder = folder
        self._data = data or folder
        self._credentials = credentials or Credentials.create(folder)
        self._api_server_arguments = api_server_arguments
        self._etcd_port = ReservedPort()
        self._port = ReservedPort()
        self._etcd: Program | None = None
        self._api_server: Program | None = None
        self.url = f"https://127.0.0.1:{self._port.number}"
        self.admin = self.client(self.admin_token)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ca_file(self) -> Path:
        """The authority that issued the API server's certificate."""
        return self._credentials.ca_file

    @property
    def admin_token(self) -> str:
        """The bearer token of a member of `system:masters`."""
        return self._credentials.admin_token

    def start(self) -> None:
        """Start both, and return when the API server is ready.

        Raises:
            ProgramError: One of them ended, or was not ready in time.
        """
        try:
            self._start_etcd()
            self.start_api_server()
        except BaseException:
            self.stop()
            raise

    def _start_etcd(self) -> None:
        self._etcd = self._run(
            "etcd",
            f"--data-dir={self._data / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            "--listen-peer-urls=http://localhost:0",
            "--socket-reuse-port",
            # Nothing here has to survive a crash of the machine.
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """End both, for good, and by force after the grace. The logs stay."""
        self.stop_api_server(grace_seconds=grace_seconds)
        if self._etcd is not None:
            self._etcd.stop(grace_seconds=grace_seconds)
            self._etcd = None
        self.admin.close()
        self._port.close()
        self._etcd_port.close()

    def start_api_server(self) -> None:
        """Start the API server on the etcd that runs, and return when it is ready.

        Raises:
            ProgramError: It ended, or was not ready in time.
        """
        credentials = self._credentials
        self._api_server = self._run(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port.number}",
            "--permit-port-sharing",
            # Told to stop, it ends watches instead of waiting a minute for their clients.
            "--shutdown-watch-termination-grace-period=1s",
            # A loopback address cannot be an endpoint of the `kubernetes` Service.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            f"--token-auth-file={credentials.token_file}",
            f"--tls-cert-file={credentials.serving_file}",
            f"--tls-private-key-file={credentials.serving_file}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={credentials.service_account_key_file}",
            f"--service-account-signing-key-file={credentials.service_account_key_file}",
            *self._api_server_arguments,
        )
        self._api_server.wait_until_ready(self.admin.is_ready, within_seconds=_READY_SECONDS)

    def stop_api_server(self, *, grace_seconds: float = 10.0) -> None:
        """End the API server alone; connections are refused until `start_api_server`."""
        if self._api_server is not None:
            self._api_server.stop(grace_seconds=grace_seconds)
            self._api_server = None
            self.admin.reconnect()

    @contextmanager
    def api_server_outage(self) -> Iterator[None]:
        """The API server is away inside the `with` block, and back after it, however that ends."""
        self.stop_api_server()
        try:
            yield
        finally:
            self.start_api_server()

    def compact(self) -> int:
        """Drop the history from etcd, as happens every five minutes in a cluster.

        A watch that resumes below the revision gets 410 Gone once the API server has also
        forgotten it, which a restart makes sure of.

        Returns:
            The revision up to which history is gone.
        """
        with httpx.Client(base_url=self._etcd_url, timeout=30.0, trust_env=False) as etcd:
            key = base64.b64encode(b"/").decode()
            read = etcd.post("/v3/kv/range", json={"key": key}).raise_for_status()
            revision = int(read.json()["header"]["revision"])
            etcd.post("/v3/kv/compaction", json={"revision": revision, "physical": True}).raise_for_status()
        return revision

    def client(self, token: str) -> ApiClient:
        """A client with the rights of a token. The caller closes it."""
        return ApiClient(self.url, ca_file=self.ca_file, token=token)

    def service_account_token(self, namespace: str, name: str) -> str:
        """A token of a service account that exists, good for an hour (TokenRequest API)."""
        answer = self.admin.post(
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": 3600},
            },
        )
        return str(answer["status"]["token"])

    def kubeconfig(self, token: str | None = None, namespace: str | None = None) -> Path:
        """A new kubeconfig file.

        Args:
            token: Whose rights it carries; by default the administrator's.
            namespace: The default namespace of its context.
        """
        path = self._folder / f"kubeconfig-{secrets.token_hex(4)}.yaml"
        text = kubeconfig(
            server=self.url, ca_file=self.ca_file, token=token or self.admin_token, namespace=namespace
        )
        path.write_text(text, encoding="utf-8")
        return path

    @property
    def _etcd_url(self) -> str:
        return f"http://127.0.0.1:{self._etcd_port.number}"

    def _run(self, name: str, *arguments: str) -> Program:
        return Program(name, [self._programs[name], *arguments], log=self._folder / f"{name}.log")
