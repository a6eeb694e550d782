"""Helm, as users run it, on the chart of this tree."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parents[2] / "charts" / "pollwatch"
RELEASE = "pollwatch"
NAMESPACE = "pollwatch-system"

Object = dict[str, Any]
Values = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """One way to run Helm.

    Attributes:
        binary: The program.
        home: A folder for what it keeps, so that nothing of the user's counts.
        kubeconfig: Which cluster it is for; none: it is not to need one.
    """

    binary: Path
    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Run it, with values on its standard input, and return what it wrote.

        Raises:
            HelmError: It failed.
        """
        options = [] if values is None else ["--values=-"]
        answer = subprocess.run(
            [self.binary, *arguments, *options],
            check=False,
            input=json.dumps(values),
            capture_output=True,
            text=True,
            env=self._environment(),
        )
        if answer.returncode != 0:
            raise HelmError(answer.stderr + answer.stdout)
        return answer.stdout

    def _environment(self) -> dict[str, str]:
        homes = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        kubeconfig = {} if self.kubeconfig is None else {"KUBECONFIG": str(self.kubeconfig)}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), **homes, **kubeconfig}

    def text(
        self, values: Values | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
    ) -> str:
        """Render the chart, without asking any cluster."""
        return self(
            *("template", release, CHART, f"--namespace={namespace}", "--kube-version=1.35.4"),
            values=values or {},
        )

    def objects(
        self, values: Values | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
    ) -> list[Object]:
        """Render the chart, and read what comes of it."""
        text = self.text(values, release=release, namespace=namespace)
        return [document for document in yaml.safe_load_all(text) if document]


def one_of(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The only object of a kind, or of that kind and name."""
    (found,) = (
        one for one in objects if one["kind"] == kind and (name is None or one["metadata"]["name"] == name)
    )
    return found


def arguments_of(objects: list[Object]) -> list[str]:
    """What the operator is told on its command line."""
    (container,) = one_of(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return list(container["args"])
