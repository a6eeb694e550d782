"""Sources of pinned Go modules, for what they hold beside code: CRDs, OpenAPI documents."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.cache import ToolUnavailableError
from tests.cluster.programs import GRAFANA_OPERATOR, PROMETHEUS_OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.golang import GoProgram
    from tests.cluster.gotoolchain import GoToolchain


class _Loader(yaml.CSafeLoader):
    """Reads a plain `=` as the text it is, of which YAML 1.1 made a type of its own.

    In C it is ten times as quick, and some of these files are megabytes.
    """


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: str(node.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class GoSource:
    """One version of a Go module.

    Attributes:
        module: Its path.
        version: With the leading v.
        checksum: As `go.sum` has it: `h1:...`.
    """

    module: str
    version: str
    checksum: str

    @classmethod
    def of(cls, program: GoProgram) -> GoSource:
        """The module that a program is built from, as its `go.sum` pins it."""
        version = f"v{program.version()}"
        sums = (program.module / "go.sum").read_text(encoding="utf-8")
        found = re.search(
            rf"^{re.escape(program.requirement)} {re.escape(version)} (h1:\S+)$", sums, re.MULTILINE
        )
        if found is None:
            raise ValueError(f"{program.module}/go.sum has no sum of {program.requirement} {version}")
        return cls(module=program.requirement, version=version, checksum=found[1])

    def fetch(self, toolchain: GoToolchain) -> SourceArchive:
        """Its source, which Go downloads into its own module cache once.

        Raises:
            ToolUnavailableError: It cannot be downloaded, or is not what the sum pins.
        """
        name = f"{self.module}@{self.version}"
        answer = subprocess.run(
            [toolchain.find(()), "mod", "download", "-json", name],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=toolchain.environment_of_commands(),
        )
        said = json.loads(answer.stdout) if answer.stdout.startswith("{") else {}
        if "Zip" not in said:
            # A module for a newer Go is downloaded and not unpacked, which is all that is needed.
            cause = said.get("Error") or answer.stderr.strip() or "no output"
            raise ToolUnavailableError(f"`go mod download {name}` failed: {cause}")
        if said["Sum"] != self.checksum:
            raise ToolUnavailableError(f"{name} is not what it was: {said['Sum']}, and not {self.checksum}")
        return SourceArchive(path=Path(said["Zip"]), prefix=f"{name}/")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceArchive:
    """The archive of a module's source.

    Attributes:
        path: A zip file.
        prefix: Begins the name of each of its files.
    """

    path: Path
    prefix: str

    def text(self, name: str) -> str:
        """The text of a file, by its path in the module."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(self.prefix + name).decode()

    def documents(self, folder: str) -> Iterator[dict[str, Any]]:
        """The documents of the YAML files directly in a folder of the module."""
        with zipfile.ZipFile(self.path) as archive:
            for name in sorted(archive.namelist()):
                if re.fullmatch(rf"{re.escape(self.prefix + folder)}/[^/]+\.yaml", name):
                    loader = yaml.load_all(archive.read(name), Loader=_Loader)
                    yield from (document for document in loader if document)


KUBERNETES = {
    version: GoSource(module="k8s.io/kubernetes", version=f"v{version}", checksum=checksum)
    for version, checksum in (
        ("1.30.14", "h1:MrlKXh9uhLIJpyxOeXhcndzRVSvwiV9iJ8NgH8nqPsg="),
        ("1.32.13", "h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ="),
        ("1.35.4", "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM="),
    )
}
"""The releases of Kubernetes that rendered objects are held against, by version."""

CRDS = {
    "prometheus-operator": (GoSource.of(PROMETHEUS_OPERATOR), "example/prometheus-operator-crd"),
    "grafana-operator": (GoSource.of(GRAFANA_OPERATOR), "config/crd/bases"),
    "gateway-api": (
        GoSource(
            module="sigs.k8s.io/gateway-api",
            version="v1.7.0",
            checksum="h1:duVnm7nO6oXfMMUWfcDoBph47CYR/ME3NGxccOVglaY=",
        ),
        "config/crd/standard",
    ),
}
"""Where the CRDs of others are: a module, and the folder in it."""
