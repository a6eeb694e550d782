"""CRDs of others and JSON schemas of Kubernetes' own kinds, taken out of Go modules into the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster import schemas
from tests.cluster.sources import CRDS, KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cluster.cache import Cache
    from tests.cluster.gotoolchain import GoToolchain
    from tests.cluster.sources import GoSource

OF_CRDS = "crds"
"""The folder, beside those of the versions of Kubernetes, with the schemas of others' custom resources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFiles:
    """Makes files of what Go modules say about APIs.

    Attributes:
        cache: Holds the files.
        toolchain: Fetches the modules.
    """

    cache: Cache
    toolchain: GoToolchain

    def crds(self, name: str) -> Path:
        """A folder with the CRDs of `sources.CRDS[name]`, a file `NAME.json` each, good for `kubectl apply`.

        Raises:
            ToolUnavailableError: They cannot be fetched.
        """
        source, folder = CRDS[name]
        entry = self.cache.entry(f"crds-{name}", f"{source.version}-{_digest(source.checksum)}")

        def fill(into: Path) -> None:
            for document in source.fetch(self.toolchain).documents(folder):
                if document["kind"] == "CustomResourceDefinition":
                    path = into / f"{document['metadata']['name']}.json"
                    path.write_text(json.dumps(document), encoding="utf-8")

        return self.cache.fill(entry, fill)

    def schemas(self) -> Path:
        """JSON schemas for kubeconform: a folder for each version of `sources.KUBERNETES`, and `OF_CRDS`.

        Raises:
            ToolUnavailableError: A module cannot be fetched.
        """
        pinned: list[GoSource] = [*KUBERNETES.values(), *(source for source, _ in CRDS.values())]
        converter = Path(schemas.__file__).read_text(encoding="utf-8")
        entry = self.cache.entry("schemas", _digest(converter, *(source.checksum for source in pinned)))

        def fill(into: Path) -> None:
            for version, source in KUBERNETES.items():
                document = json.loads(source.fetch(self.toolchain).text("api/openapi-spec/swagger.json"))
                schemas.write(into / f"v{version}", schemas.schemas_of_openapi(document))
            for name in CRDS:
                schemas.write(into / OF_CRDS, schemas.schemas_of_crds(read_crds(self.crds(name))))

        return self.cache.fill(entry, fill)


def read_crds(folder: Path) -> Sequence[dict[str, Any]]:
    """The documents of a folder that `ApiFiles.crds` has made."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
