"""A whole Kubernetes on one machine: control plane, kubelet, containers, Services, names."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.cluster.apiclient import ApiClient, JsonObject, documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import cgroups
from tests.cluster.node.containerd import Containerd
from tests.cluster.node.controllers import controller_manager_arguments, scheduler_arguments
from tests.cluster.node.credentials import NodeCredentials
from tests.cluster.node.images import BUSYBOX, program_image
from tests.cluster.node.kubelet import kubelet_arguments
from tests.cluster.node.kubeproxy import kube_proxy_arguments
from tests.cluster.node.mounts import STATE, shield_machine
from tests.cluster.node.network import API_SERVER_ADDRESS, bring_up
from tests.cluster.process import Program
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.cluster.node.kit import Kit
    from tests.cluster.progress import Progress

_COREDNS_OBJECTS = Path(__file__).parent / "coredns.yaml"
_READY_SECONDS = 120.0


class KubectlError(AssertionError):
    """kubectl failed; the message is its output."""


class OneNode:
    """One node and its control plane, in the namespaces of this process.

    It takes network, mount and process namespaces of its own (`run_isolated`), and ends with them:
    pods, mounts and links are the kernel's to remove. Everything a run leaves is its log files.

    Attributes:
        url: The API server, `https://127.0.0.1:PORT`.
        admin: A client that may do everything.
        kubeconfig: A file for `kubectl`, good inside the namespaces.
    """

    def __init__(self, kit: Kit, *, progress: Progress) -> None:
        self._kit = kit
        self._progress = progress
        self._running = ExitStack()
        self.kubeconfig = kit.folder / "kubeconfig"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self) -> None:
        bring_up()
        shield_machine(self._kit.folder)
        cgroups.create(self._kit.name)
        self._credentials = NodeCredentials.create(_folder("credentials"))
        self._control_plane = ControlPlane(
            kube_apiserver=self._kit.programs["kube-apiserver"],
            etcd=self._kit.programs["etcd"],
            folder=self._kit.folder,
            credentials=self._credentials.api,
            data=STATE,
            api_server_arguments=self._api_server_arguments(),
        )
        self._containerd = Containerd(
            folder=_folder("containerd"), log=self._log("containerd"), sandbox_image=BUSYBOX
        )
        self.url = self._control_plane.url
        self.admin = self._control_plane.admin
        with ThreadPoolExecutor() as pool:
            runtime = pool.submit(self._start_containerd)
            self._progress.say("starting etcd and kube-apiserver, loading images")
            # Nothing is kept, and the API server would wait for clients in pods.
            self._running.callback(self._control_plane.stop, grace_seconds=0)
            self._control_plane.start()
            self._start_controllers()
            runtime.result()
            # Large, and nothing of the node's own waits for them.
            others = [pool.submit(self.load_image, archive) for archive in self._archives(of_node=False)]
            self._start_kubelet()
            self.admin.apply(documents_in(_COREDNS_OBJECTS))
            self._control_plane.kubeconfig().rename(self.kubeconfig)
            self.wait_ready()
            for other in others:
                other.result()

    def _start_containerd(self) -> None:
        self._containerd.start()
        self._running.callback(self._containerd.stop)
        for archive in self._archives(of_node=True):
            self.load_image(archive)

    def _archives(self, *, of_node: bool) -> list[Path]:
        names = {BUSYBOX, program_image("coredns")}
        return [archive for name, archive in self._kit.images.items() if (name in names) is of_node]

    def _start_controllers(self) -> None:
        self._progress.say("starting kube-controller-manager, kube-scheduler and kube-proxy")
        credentials, url = self._credentials, self.url
        self._run("kube-controller-manager", controller_manager_arguments(credentials, server=url))
        self._run("kube-scheduler", scheduler_arguments(credentials, server=url))
        self._run(
            "kube-proxy",
            kube_proxy_arguments(folder=_folder("kube-proxy"), credentials=credentials, server=url),
        )

    def _start_kubelet(self) -> None:
        self._progress.say("starting kubelet")
        self._run(
            "kubelet",
            kubelet_arguments(
                folder=_folder("kubelet"),
                credentials=self._credentials,
                server=self.url,
                runtime_socket=self._containerd.socket,
                cgroup=self._kit.name,
            ),
        )

    def wait_ready(self) -> None:
        """Return when the node takes pods and cluster DNS answers.

        Raises:
            DeadlineError: That did not come in time.
        """
        wait_until(self._is_ready, what="the node and CoreDNS to be ready", within_seconds=_READY_SECONDS)

    def _is_ready(self) -> bool:
        nodes = self.admin.get("/api/v1/nodes")["items"]
        if not any(_has_condition(node, "Ready") for node in nodes):
            return False
        return _has_condition(
            self.admin.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns"), "Available"
        )

    def load_image(self, archive: Path) -> None:
        """Make an image of an OCI or Docker archive known, under the name the archive gives it."""
        self._containerd.load_image(archive)

    def name_image(self, image: str, name: str) -> None:
        """Give an image that is on the node another name: one that it stands in for."""
        self._containerd.name_image(image, name)

    def kubectl(self, *arguments: str, text: str | None = None, timeout_seconds: float = 120.0) -> str:
        """Run kubectl as the administrator, and return what it prints.

        Args:
            arguments: Of kubectl.
            text: Its standard input.
            timeout_seconds: It is ended after that long.

        Raises:
            KubectlError: It failed.
        """
        answer = subprocess.run(
            [self._kit.programs["kubectl"], f"--kubeconfig={self.kubeconfig}", *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=text or "",
            timeout=timeout_seconds,
        )
        if answer.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout

    def pod_logs(self, namespace: str, pod: str, *, previous: bool = False) -> str:
        """What the containers of a pod have written; `previous`: before their last restart."""
        return self.kubectl(
            "logs", "--namespace", namespace, pod, "--all-containers", f"--previous={str(previous).lower()}"
        )

    def client(self, token: str) -> ApiClient:
        """A client with the rights of a token. The caller closes it."""
        return self._control_plane.client(token)

    def _api_server_arguments(self) -> Sequence[str]:
        credentials = self._credentials
        return (
            # Node, beside RBAC: the kubelet reads only what its pods use.
            "--authorization-mode=Node",
            "--enable-admission-plugins=NodeRestriction",
            # Pods reach it as the Service `kubernetes`.
            "--bind-address=0.0.0.0",
            f"--advertise-address={API_SERVER_ADDRESS}",
            "--endpoint-reconciler-type=lease",
            "--allow-privileged=true",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={credentials.api.ca_file}",
            f"--kubelet-client-certificate={credentials.kubelet_client_file}",
            f"--kubelet-client-key={credentials.kubelet_client_file}",
        )

    def _log(self, name: str) -> Path:
        return self._kit.folder / f"{name}.log"

    def _run(self, name: str, arguments: Sequence[str]) -> Program:
        program = Program(name, [self._kit.programs[name], *arguments], log=self._log(name))
        self._running.callback(program.stop)
        return program


def _folder(name: str) -> Path:
    folder = STATE / name
    folder.mkdir()
    return folder


def _has_condition(document: JsonObject, kind: str) -> bool:
    conditions = document.get("status", {}).get("conditions") or []
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)
