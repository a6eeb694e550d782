"""Objects held against the JSON schemas of a version of Kubernetes, by kubeconform."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster import schemas
from tests.cluster.apifiles import OF_CRDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconform:
    """kubeconform, with schemas that are on this machine alone.

    Attributes:
        binary: The program.
        schemas: What `ApiFiles.schemas` has made.
        own: A folder with schemas of custom resources that the tests add, laid out like `schemas/crds`.
    """

    binary: Path
    schemas: Path
    own: Path | None = None

    def problems(self, manifests: str, *, version: str, skipped_kinds: Iterable[str] = ()) -> list[str]:
        """What is wrong with a stream of YAML documents: a line for each object, none when all are valid.

        An unknown field is wrong, and an object whose kind has no schema, too.

        Args:
            manifests: As `helm template` writes them.
            version: Of Kubernetes, one of `sources.KUBERNETES`.
            skipped_kinds: Kinds that are not looked at.
        """
        of_custom_resources = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
        locations = [
            f"{self.schemas}/{schemas.SCHEMA_PATH}",
            f"{self.schemas}/{OF_CRDS}/{of_custom_resources}",
            *([f"{self.own}/{of_custom_resources}"] if self.own else ()),
        ]
        answer = subprocess.run(
            [
                *(self.binary, "-strict", "-kubernetes-version", version),
                *("-skip", ",".join(skipped_kinds)),
                *(argument for each in locations for argument in ("-schema-location", each)),
            ],
            check=False,
            input=manifests,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = answer.stdout.splitlines()
        if answer.returncode != 0 and not lines:
            return [f"kubeconform ended with exit code {answer.returncode}"]
        return lines
