"""Programs built from Go modules that are pinned in this tree."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cluster.building import packages_compiled, run_step
from tests.cluster.gotoolchain import GoToolchain, numbers_of
from tests.cluster.progress import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.cluster.cache import Cache
    from tests.cluster.progress import Progress


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
        tags: Build tags, which leave out what the tests have no use for.
    """

    name: str
    module: Path
    requirement: str
    package: str
    purpose: str
    cost: str
    stamps: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

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
        return numbers_of(found[1])

    def arguments(self) -> tuple[str, ...]:
        """The arguments of `go` that build it, but for `-o` and the package."""
        version = self.version()
        major, minor = version.split(".")[:2]
        stamps = "".join(
            f" -X {variable}={value.format(version=version, major=major, minor=minor)}"
            for variable, value in self.stamps.items()
        )
        return (
            *("build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly"),
            *([f"-tags={','.join(self.tags)}"] if self.tags else ()),
            f"-ldflags=-s -w{stamps}",
        )

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
        toolchain = GoToolchain(cache=self.cache, environment=self.environment, progress=self.progress)
        go = toolchain.find(program.minimum_go())
        self.progress.say(
            f"building {title}, once, for {program.purpose} "
            f"({program.cost} on two cores when nothing is cached)"
        )
        environment = {**toolchain.environment_of_commands(), "CGO_ENABLED": "0"}
        log = folder.parent / f"{program.key()}.log"
        log.unlink(missing_ok=True)
        took = run_step(
            title,
            [go, *program.arguments(), "-o", folder / program.name, program.package],
            log=log,
            folder=program.module,
            environment=environment,
            progress=self.progress,
            how_far=packages_compiled,
        )
        self.progress.say(f"built {title} in {spoken(took)}")
