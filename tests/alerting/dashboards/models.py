"""Grafana's own models of a dashboard, for versions that cannot be run here: fetched from PyPI, pinned."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cluster.cache import Cache, ToolUnavailableError
from tools.bootstrap import CannotGoOnError, cache_folder, find_uv

OF_THE_ENVIRONMENT = "10.1"
"""The version of Grafana of which the models are a dependency of the tests."""

RELEASES = {
    "11.6": "grafana-foundation-sdk==1769699379!11.6.0"
    " --hash=sha256:2a2ebf10bbb89bb82457e91f28c77d20ac13ad8d2729682745c33baa8968592a"
    " --hash=sha256:92d7a8144eba0fa802e728fb70e63d74b056fb1195ff116d812ad7a4ccfa5eca",
    # Since Grafana 12 there is one package for all: it follows the newest.
    "the newest": "grafana-foundation-sdk==0.0.21"
    " --hash=sha256:838b8cf35574d6bb2c3173b068e9461df4dc891aecd0f6674fefe244c2eba738"
    " --hash=sha256:cfacca0d4cc1941a522d11e20b5e701c802503d5b6d5342fb332d9acd9a30141",
}
"""Packages of models by the version of Grafana that they are of, as pip requires them."""

VERSIONS = (OF_THE_ENVIRONMENT, *RELEASES)

_PROGRAM = Path(__file__).with_name("understood.py")


def understood(dashboard: dict[str, Any], version: str) -> Any:
    """What is left of a dashboard that went through the models of a version of Grafana.

    Raises:
        ToolUnavailableError: They cannot be fetched.
    """
    packages = {} if version == OF_THE_ENVIRONMENT else {"PYTHONPATH": str(_fetched(RELEASES[version]))}
    answer = subprocess.run(
        [sys.executable, _PROGRAM],
        check=False,
        input=json.dumps(dashboard),
        capture_output=True,
        text=True,
        env={**os.environ, **packages},
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def _fetched(requirement: str) -> Path:
    cache = Cache(cache_folder(os.environ))
    digest = hashlib.sha256(requirement.encode()).hexdigest()[:12]

    def fetch(folder: Path) -> None:
        required = folder / "requirement.txt"
        required.write_text(requirement, encoding="utf-8")
        try:
            install = (find_uv(os.environ), "pip", "install", "--quiet", "--no-deps", "--require-hashes")
        except CannotGoOnError as error:
            raise ToolUnavailableError(str(error)) from error
        answer = subprocess.run(
            [*install, "--python", sys.executable, "--target", folder, "--requirement", required],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if answer.returncode != 0:
            raise ToolUnavailableError(
                f"{requirement.split(maxsplit=1)[0]} cannot be had from PyPI: {answer.stdout}"
            )

    return cache.fill(cache.entry("grafana-models", digest), fetch)
