"""Joins the parts of the plain install, for `manifests/install.yaml`."""

from pathlib import Path

from pollwatch import __version__

MANIFESTS = Path(__file__).parents[1] / "manifests"

PARTS = (
    "rbac/namespace.yaml",
    "crds/pollwatch.dev_checks.yaml",
    "rbac/service-account.yaml",
    "rbac/cluster-role.yaml",
    "rbac/cluster-role-binding.yaml",
    "rbac/user-roles.yaml",
    "install/service.yaml",
    "install/deployment.yaml",
)
"""In the order in which they can be applied."""

HEADING = """\
# Pollwatch {version}: kubectl apply --server-side -f manifests/install.yaml
# Made by `make generate` from the parts in manifests/; change those.
"""


def install_yaml(manifests: Path = MANIFESTS, version: str = __version__) -> str:
    """Return the text of the plain install."""
    texts = [(manifests / part).read_text(encoding="utf-8").removeprefix("---\n") for part in PARTS]
    joined = "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
    return HEADING.format(version=version) + "---\n" + joined.replace(":VERSION\n", f":{version}\n")
