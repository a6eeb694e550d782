"""Joins the parts of the plain installs, for `manifests/install.yaml` and `manifests/install-pools.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pollwatch import __version__

MANIFESTS = Path(__file__).parents[1] / "manifests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """A file that brings all there is to apply, made of parts."""

    file: str
    what: str
    """What it installs, after the name and version."""
    parts: Sequence[str]
    """In the order in which they can be applied."""

    def text(self, manifests: Path = MANIFESTS, version: str = __version__) -> str:
        """Return the text of the file."""
        texts = [(manifests / part).read_text(encoding="utf-8").removeprefix("---\n") for part in self.parts]
        joined = "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
        heading = (
            f"# Pollwatch {version}{self.what}: kubectl apply --server-side -f manifests/{self.file}\n"
            "# Made by `make generate` from the parts in manifests/; change those.\n"
        )
        return heading + "---\n" + joined.replace(":VERSION\n", f":{version}\n")


# All of them, whoever probes: to go from one install to the other loses no object.
_DEFINITIONS = ("crds/pollwatch.dev_checks.yaml", "crds/pollwatch.dev_probepools.yaml")

_RIGHTS = (
    "rbac/service-account.yaml",
    "rbac/cluster-role.yaml",
    "rbac/cluster-role-binding.yaml",
    "rbac/user-roles.yaml",
    "rbac/alerts/cluster-role.yaml",
    "rbac/alerts/cluster-role-binding.yaml",
    "rbac/alerts/monitors.yaml",
    "rbac/alerts/owner.yaml",
)

EMBEDDED = Install(
    file="install.yaml",
    what="",
    parts=(
        "rbac/namespace.yaml",
        *_DEFINITIONS,
        *_RIGHTS,
        "install/service.yaml",
        "install/deployment.yaml",
    ),
)
"""One process that probes."""

POOLS = Install(
    file="install-pools.yaml",
    what=" with workers in pools",
    parts=(
        "rbac/namespace.yaml",
        *_DEFINITIONS,
        *_RIGHTS,
        "rbac/pools/cluster-role.yaml",
        "rbac/pools/cluster-role-binding.yaml",
        "rbac/pools/role.yaml",
        "rbac/pools/role-binding.yaml",
        "rbac/pools/default-namespace.yaml",
        "rbac/pools/default-pool.yaml",
        "rbac/pools/user-roles.yaml",
        "admission/pools.yaml",
        "install/service.yaml",
        "install-pools/pod-disruption-budget.yaml",
        "install-pools/default-pool.yaml",
        "install-pools/deployment.yaml",
    ),
)
"""Two operators, and workers of their own that probe."""

INSTALLS = (EMBEDDED, POOLS)
