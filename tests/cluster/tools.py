"""The programs that the tests run beside Pollwatch, and where each comes from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.debian import DebianUnpacker
from tests.cluster.golang import GoBuilder, GoProgram
from tools.bootstrap import cache_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.progress import Progress

_MODULES = Path(__file__).parent / "modules"
_PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"

# Unstamped, they call themselves `v0.0.0-master+$Format:%H$`, which clients cannot parse.
_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": "v{version}",
    "k8s.io/component-base/version.gitMajor": "{major}",
    "k8s.io/component-base/version.gitMinor": "{minor}",
}


def _of_kubernetes(name: str, purpose: str, cost: str) -> GoProgram:
    return GoProgram(
        name=name,
        module=_MODULES / "kubernetes",
        requirement="k8s.io/kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        purpose=purpose,
        cost=cost,
        stamps=_KUBERNETES_STAMPS,
    )


KUBE_APISERVER = _of_kubernetes(
    "kube-apiserver", "tests against a real Kubernetes API server", "about 6 minutes"
)
NODE = tuple(
    _of_kubernetes(name, "a whole one-node cluster", "about 2 minutes")
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kubectl", "kube-proxy")
)
COREDNS = GoProgram(
    name="coredns",
    module=_MODULES / "coredns",
    requirement="github.com/coredns/coredns",
    package="github.com/coredns/coredns",
    purpose="names inside a whole one-node cluster",
    cost="about 2 minutes",
)
ETCD = GoProgram(
    name="etcd",
    module=_MODULES / "etcd",
    requirement="go.etcd.io/etcd/server/v3",
    package="go.etcd.io/etcd/server/v3",
    purpose="the API server's store",
    cost="about 1 minute",
)
PROMETHEUS, PROMTOOL = (
    GoProgram(
        name=name,
        module=_MODULES / "prometheus",
        requirement="github.com/prometheus/prometheus",
        package=f"github.com/prometheus/prometheus/cmd/{name}",
        purpose="scrapes and alert rules as users have them",
        cost="about 6 minutes",
    )
    for name in ("prometheus", "promtool")
)
BLACKBOX_EXPORTER = GoProgram(
    name="blackbox_exporter",
    module=_PEERS / "blackbox_exporter",
    requirement="github.com/prometheus/blackbox_exporter",
    package="github.com/prometheus/blackbox_exporter",
    purpose="benchmarks side by side",
    cost="about 1 minute",
    stamps={"github.com/prometheus/common/version.Version": "{version}"},
)

PROGRAMS = {
    program.name: program
    for program in (KUBE_APISERVER, ETCD, PROMETHEUS, PROMTOOL, BLACKBOX_EXPORTER, *NODE, COREDNS)
}
"""Every program, by name."""

NEEDED_BY_TESTS = ("kube-apiserver", "etcd", "prometheus", "promtool")
"""What a full run of the tests starts."""

NEEDED_BY_A_NODE = ("etcd", "kube-apiserver", *(program.name for program in NODE), "coredns")
"""What a whole one-node cluster is made of, beside the packages of `tests.cluster.node.packages`."""

_CONTROL_PLANE = frozenset({"kube-apiserver", "etcd"})
_IN_DEBIAN = {"prometheus": "prometheus", "promtool": "prometheus"}


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Finds programs; fetches or builds those that are not here yet.

    Attributes:
        environment: `KUBEBUILDER_ASSETS`, `PATH` and `POLLWATCH_CACHE` decide; commands inherit all of it.
        progress: Hears what is done.
    """

    environment: Mapping[str, str]
    progress: Progress

    def path(self, name: str) -> Path:
        """The path of a program of `PROGRAMS`.

        etcd and kube-apiserver: from `KUBEBUILDER_ASSETS` where that is set, as Kubernetes
        developers point their tests at them. Prometheus and promtool: from `PATH`, else out of
        the Debian package. What is left is built from the pinned Go module.

        Raises:
            ToolUnavailableError: It cannot be had; the message says what is missing.
        """
        if name in _CONTROL_PLANE and (assets := self.environment.get("KUBEBUILDER_ASSETS")):
            return _in_assets(Path(assets), name)
        cache = Cache(cache_folder(self.environment))
        if name in _IN_DEBIAN:
            if found := shutil.which(name, path=self.environment.get("PATH")):
                return Path(found)
            unpacker = DebianUnpacker(cache=cache, environment=self.environment, progress=self.progress)
            if unpacker.usable():
                try:
                    return unpacker.unpack(_IN_DEBIAN[name]) / "usr" / "bin" / name
                except ToolUnavailableError as error:
                    self.progress.say(f"{error}; building {name} from its Go module instead")
        builder = GoBuilder(cache=cache, environment=self.environment, progress=self.progress)
        return builder.build(PROGRAMS[name])


def _in_assets(assets: Path, name: str) -> Path:
    path = assets / name
    if not path.is_file():
        raise ToolUnavailableError(
            f"KUBEBUILDER_ASSETS is {assets}, where there is no {name}: "
            "point it at a folder with etcd and kube-apiserver, or unset it to have them built"
        )
    return path
