"""Join the parts of the plain install into `manifests/install.yaml`.

python tools/install_yaml.py [--check]
"""

import sys
from pathlib import Path

from pollwatch import __version__

MANIFESTS = Path(__file__).parents[1] / "manifests"
TARGET = MANIFESTS / "install.yaml"

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
# Made by tools/install_yaml.py from the parts in manifests/; change those.
"""


def install_yaml(manifests: Path = MANIFESTS, version: str = __version__) -> str:
    """Return the text of the plain install."""
    texts = [(manifests / part).read_text(encoding="utf-8").removeprefix("---\n") for part in PARTS]
    joined = "---\n".join(text if text.endswith("\n") else f"{text}\n" for text in texts)
    return HEADING.format(version=version) + "---\n" + joined.replace(":VERSION\n", f":{version}\n")


def main(arguments: list[str]) -> int:
    """Write it; with `--check`, say whether it is as it would be written."""
    text = install_yaml()
    if "--check" in arguments:
        if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("manifests/install.yaml is stale: run `make generate`\n")
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
