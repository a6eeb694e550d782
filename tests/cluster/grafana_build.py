"""The Grafana server, built from its Go module: API, provisioning and alerting, without the web pages.

The module lacks what Grafana's own build generates: the injector, which is generated here too, and
the web front end, which the tests have no use for.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.building import packages_compiled, run_step
from tests.cluster.cache import ToolUnavailableError
from tests.cluster.progress import spoken
from tests.cluster.sources import GoSource

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.gotoolchain import GoToolchain

GRAFANA = "grafana"
"""The program's file name, and what `Toolbox.path` knows it as."""

VERSION = "10.1.0"
"""What it is called: its source is of the time between 10.0 and 10.1."""

_SOURCE = GoSource(
    module="github.com/grafana/grafana",
    version="v1.9.2-0.20230609164553-81d85ce8028d",
    checksum="h1:nEQOIzFVY/zsD915THCfkl+HIvGW+AounbAQ61ejFcs=",
)
_WIRE = "github.com/google/wire/cmd/wire@v0.7.0"
# Grafana's own go.mod and go.sum pin all else.
_BUILD = (
    *("build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false"),
    # A library of it reaches into the runtime, which linkers since Go 1.23 refuse unless told.
    f"-ldflags=-s -w -checklinkname=0 -X main.version={VERSION}",
)
# Its home folder: defaults, and the descriptions of the data sources that are compiled in.
_KEPT = ("conf", "public")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaBuilder:
    """Builds Grafana into the cache; needs a C compiler, for SQLite.

    Attributes:
        toolchain: Go, and the cache.
    """

    toolchain: GoToolchain

    def build(self) -> Path:
        """The path of the program; the folder it is in is its home folder (`--homepath`).

        Raises:
            ToolUnavailableError: There is no Go or no C compiler, or the build failed.
        """
        title = f"{GRAFANA} {VERSION}"
        digest = hashlib.sha256("\0".join((_SOURCE.checksum, _WIRE, *_BUILD)).encode()).hexdigest()
        entry = self.toolchain.cache.entry(GRAFANA, f"{VERSION}-{digest[:12]}")
        self.toolchain.cache.fill(
            entry,
            lambda folder: self._build_into(folder, title, entry.with_name(f"{entry.name}.log")),
            waiting=lambda: self.toolchain.progress.say(f"waiting for another session that builds {title}"),
        )
        return entry / GRAFANA

    def _build_into(self, folder: Path, title: str, log: Path) -> None:
        environment = {**self.toolchain.environment_of_commands(), "CGO_ENABLED": "1"}
        if not any(shutil.which(name, path=environment.get("PATH")) for name in ("gcc", "cc", "clang")):
            raise ToolUnavailableError(
                f"building {title} takes a C compiler, and there is none: apt-get install gcc libc6-dev"
            )
        go = self.toolchain.find((1, 26))
        self.toolchain.progress.say(
            f"building {title}, once, for dashboards and Grafana's alert rules "
            "(about 7 minutes on two cores when nothing is cached)"
        )
        log.unlink(missing_ok=True)
        source = folder / "source"
        self._unpack(source)
        took = 0.0
        commands: tuple[list[str | Path], ...] = (
            [go, "run", _WIRE, "gen", "-tags", "oss", "./pkg/server"],
            [go, *_BUILD, "-o", folder / GRAFANA, "./pkg/cmd/grafana"],
        )
        for command in commands:
            took += run_step(
                title,
                command,
                log=log,
                folder=source,
                environment=environment,
                progress=self.toolchain.progress,
                how_far=packages_compiled,
            )
        for name in _KEPT:
            (source / name).rename(folder / name)
        shutil.rmtree(source)
        self.toolchain.progress.say(f"built {title} in {spoken(took)}")

    def _unpack(self, folder: Path) -> None:
        archive = _SOURCE.fetch(self.toolchain)
        unpacked = folder.with_name("unpacked")
        with zipfile.ZipFile(archive.path) as files:
            files.extractall(unpacked)
        (unpacked / archive.prefix).rename(folder)
        shutil.rmtree(unpacked)
