"""Finds the programs that the tests run beside Pollwatch; fetches or builds those that are missing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.apifiles import ApiFiles
from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.debian import DebianUnpacker
from tests.cluster.golang import GoBuilder
from tests.cluster.gotoolchain import GoToolchain
from tests.cluster.grafana_build import GRAFANA, GrafanaBuilder
from tests.cluster.programs import PROGRAMS
from tools.bootstrap import cache_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.progress import Progress

_CONTROL_PLANE = frozenset({"kube-apiserver", "etcd"})
# Alertmanager's is not among them: it needs files of the package that are installed where it looks for them.
_IN_DEBIAN = {"prometheus": "prometheus", "promtool": "prometheus"}
NAMES = (*PROGRAMS, GRAFANA)
"""What `Toolbox.path` knows."""


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
        """The path of a program of `NAMES`.

        etcd and kube-apiserver: from `KUBEBUILDER_ASSETS` where that is set, as Kubernetes
        developers point their tests at them. Prometheus and promtool: from `PATH`, else out of
        the Debian package. All others are built from the pinned Go module.

        Raises:
            ToolUnavailableError: It cannot be had; the message says what is missing.
        """
        if name in _CONTROL_PLANE and (assets := self.environment.get("KUBEBUILDER_ASSETS")):
            return _in_assets(Path(assets), name)
        cache = self._cache()
        if name in _IN_DEBIAN:
            if found := shutil.which(name, path=self.environment.get("PATH")):
                return Path(found)
            unpacker = DebianUnpacker(cache=cache, environment=self.environment, progress=self.progress)
            if unpacker.usable():
                try:
                    return unpacker.unpack(_IN_DEBIAN[name]) / "usr" / "bin" / name
                except ToolUnavailableError as error:
                    self.progress.say(f"{error}; building {name} from its Go module instead")
        if name == GRAFANA:
            return GrafanaBuilder(toolchain=self._toolchain()).build()
        builder = GoBuilder(cache=cache, environment=self.environment, progress=self.progress)
        return builder.build(PROGRAMS[name])

    def api_files(self) -> ApiFiles:
        """CRDs of others, and schemas for kubeconform."""
        return ApiFiles(cache=self._cache(), toolchain=self._toolchain())

    def _cache(self) -> Cache:
        return Cache(cache_folder(self.environment))

    def _toolchain(self) -> GoToolchain:
        return GoToolchain(cache=self._cache(), environment=self.environment, progress=self.progress)


def _in_assets(assets: Path, name: str) -> Path:
    path = assets / name
    if not path.is_file():
        raise ToolUnavailableError(
            f"KUBEBUILDER_ASSETS is {assets}, where there is no {name}: "
            "point it at a folder with etcd and kube-apiserver, or unset it to have them built"
        )
    return path
