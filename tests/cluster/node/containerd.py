"""containerd with root, state and socket of its own, and a bridge that pods are connected to."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tests.cluster.node.network import NODE_POD_RANGE
from tests.cluster.node.packages import CNI_PLUGINS
from tests.cluster.process import Program, ProgramError

if TYPE_CHECKING:
    from pathlib import Path

_READY_SECONDS = 30.0

# `restrict_oom_score_adj`: a root without CAP_SYS_RESOURCE cannot give containers a lower score than
# its own, and runc would die with "can't get final child's PID from pipe: EOF".
_CONFIGURATION = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"

[grpc]
  address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{plugins}"
  conf_dir = "{folder}/cni"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


class Containerd:
    """One containerd.

    Attributes:
        socket: Where it answers, the CRI too.
    """

    def __init__(self, *, folder: Path, log: Path, sandbox_image: str) -> None:
        """Prepare one.

        Args:
            folder: An existing folder for all of its data, on a file system that overlayfs can lie on.
            log: Its output.
            sandbox_image: The image of the container that holds a pod's namespaces.
        """
        self.socket = folder / "containerd.sock"
        self._folder = folder
        self._log = log
        self._sandbox_image = sandbox_image
        self._program: Program | None = None

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            ProgramError: It ended, or was not ready in time.
        """
        configuration = self._folder / "config.toml"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                socket=self.socket,
                sandbox_image=self._sandbox_image,
                plugins=CNI_PLUGINS,
            ),
            encoding="utf-8",
        )
        networks = self._folder / "cni"
        networks.mkdir()
        (networks / "pods.conflist").write_text(self._pod_network(), encoding="utf-8")
        self._program = Program("containerd", ["containerd", "--config", configuration], log=self._log)
        self._program.wait_until_ready(self._answers, within_seconds=_READY_SECONDS)

    def stop(self) -> None:
        """End it; containers stay until the namespace they run in ends."""
        if self._program is not None:
            self._program.stop()
            self._program = None

    def load_image(self, archive: Path) -> None:
        """Import the images of an OCI or Docker archive, under the names it carries.

        Raises:
            ProgramError: It was refused.
        """
        answer = self._ctr("--namespace=k8s.io", "images", "import", str(archive))
        if answer.returncode != 0:
            raise ProgramError(f"`ctr images import {archive}` failed: {answer.stdout.strip()}")

    def name_image(self, image: str, name: str) -> None:
        """Give an image another name, beside its own.

        Raises:
            ProgramError: There is no such image.
        """
        answer = self._ctr("--namespace=k8s.io", "images", "tag", "--force", image, name)
        if answer.returncode != 0:
            raise ProgramError(f"`ctr images tag {image} {name}` failed: {answer.stdout.strip()}")

    def _answers(self) -> bool:
        return self._ctr("version").returncode == 0

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ctr", "--address", str(self.socket), *arguments],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _pod_network(self) -> str:
        return json.dumps(
            {
                "cniVersion": "1.0.0",
                "name": "pods",
                "plugins": [
                    {
                        "type": "bridge",
                        "bridge": "pods0",
                        "isGateway": True,
                        # A pod reaches itself through its Service.
                        "hairpinMode": True,
                        "ipam": {
                            "type": "host-local",
                            "dataDir": str(self._folder / "addresses"),
                            "ranges": [[{"subnet": NODE_POD_RANGE}]],
                            "routes": [{"dst": "0.0.0.0/0"}],
                        },
                    }
                ],
            }
        )
