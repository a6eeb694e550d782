"""Programs taken out of Debian packages, which are neither installed nor started."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.cluster.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianUnpacker:
    """Downloads packages of this machine's own distribution and unpacks them into the cache.

    Attributes:
        cache: Holds the unpacked packages.
        environment: What the commands inherit.
        progress: Hears what is done.
    """

    cache: Cache
    environment: Mapping[str, str]
    progress: Progress

    def usable(self) -> bool:
        """Whether this is Debian or one of its children."""
        path = self.environment.get("PATH")
        return all(shutil.which(command, path=path) for command in ("apt-get", "dpkg-deb"))

    def unpack(self, package: str) -> Path:
        """The root folder of the unpacked package (programs are in its `usr/bin`).

        Raises:
            ToolUnavailableError: The package cannot be downloaded.
        """
        release = platform.freedesktop_os_release()
        entry = self.cache.entry(package, f"{release['ID']}-{release.get('VERSION_ID', 'rolling')}")
        return self.cache.fill(entry, lambda folder: self._unpack_into(folder, package))

    def _unpack_into(self, folder: Path, package: str) -> None:
        self.progress.say(f"fetching the Debian package {package}, once (it is unpacked, not installed)")
        try:
            self._run(["apt-get", "download", package], folder)
        except ToolUnavailableError:
            # A container image usually has no package lists; only root can fetch them.
            if os.geteuid() != 0:
                raise
            self.progress.say("fetching the lists of Debian packages first (apt-get update)")
            self._run(["apt-get", "update"], folder)
            self._run(["apt-get", "download", package], folder)
        (archive,) = folder.glob("*.deb")
        self._run(["dpkg-deb", "--extract", str(archive), str(folder)], folder)
        archive.unlink()

    def _run(self, command: list[str], folder: Path) -> None:
        answer = subprocess.run(
            command,
            check=False,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**self.environment, "LC_ALL": "C"},
        )
        if answer.returncode != 0:
            last = (answer.stdout.strip().splitlines() or ["no output"])[-1]
            raise ToolUnavailableError(f"`{' '.join(command)}` failed: {last}")
