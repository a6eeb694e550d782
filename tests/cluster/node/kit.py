"""What a node is made of: found, built and fetched before the node's own network exists."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KIT_VARIABLE = "POLLWATCH_NODE_KIT"
"""The environment variable that names the file, for the process inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """All that a node takes from outside its namespaces, where nothing can be fetched any more.

    Attributes:
        name: Of this run: its control groups are called so.
        folder: For logs and kubeconfigs; it outlives the run.
        programs: Paths of programs, by name: those of `NEEDED_BY_A_NODE`, and what else was asked for.
        images: Archives of container images, by the name under which pods ask for them.
        crds: Folders with the CRDs of others, by the names of `sources.CRDS`, for `apifiles.read_crds`.
        sources: The SHA-256 of each file of the tree that Pollwatch's image was built of, by its path:
            who works on the tree meanwhile changes nothing in the image.
    """

    name: str
    folder: Path
    programs: Mapping[str, Path]
    images: Mapping[str, Path]
    crds: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Keep it in a file."""
        document = {
            "name": self.name,
            "folder": str(self.folder),
            "programs": {name: str(program) for name, program in self.programs.items()},
            "images": {name: str(archive) for name, archive in self.images.items()},
            "crds": {name: str(folder) for name, folder in self.crds.items()},
            "sources": dict(self.sources),
        }
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Kit:
        """What `write` has kept."""
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            name=document["name"],
            folder=Path(document["folder"]),
            programs={name: Path(program) for name, program in document["programs"].items()},
            images={name: Path(archive) for name, archive in document["images"].items()},
            crds={name: Path(folder) for name, folder in document["crds"].items()},
            sources=document["sources"],
        )
