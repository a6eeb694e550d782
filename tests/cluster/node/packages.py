"""What a node needs of Debian, beside the programs that are built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.cache import ToolUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.progress import Progress

CNI_PLUGINS = "/usr/lib/cni"
"""Where Debian keeps the plugins that connect pods."""

_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    f"{CNI_PLUGINS}/bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    # Grafana's server is built with SQLite, which is in C.
    "gcc": "gcc",
    "/usr/include/stdlib.h": "libc6-dev",
}


def with_administrators_path(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the folders of administration programs on PATH, which `su` leaves out."""
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": os.pathsep.join((path, "/usr/local/sbin", "/usr/sbin", "/sbin"))}


def missing_packages(environment: Mapping[str, str]) -> list[str]:
    """The Debian packages that are needed and not there, by name."""
    path = with_administrators_path(environment)["PATH"]
    return sorted(
        {
            package
            for program, package in _PACKAGES.items()
            if not (Path(program).exists() if program.startswith("/") else shutil.which(program, path=path))
        }
    )


def install_missing_packages(environment: Mapping[str, str], progress: Progress) -> None:
    """Install what is missing with apt-get, as root.

    Raises:
        ToolUnavailableError: They cannot be installed; the message names the packages.
    """
    missing = missing_packages(environment)
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get", path=environment.get("PATH")) is None:
        raise ToolUnavailableError(
            f"a one-node cluster needs these Debian packages, and there is no apt-get: {names}"
        )
    progress.say(f"installing Debian packages for a one-node cluster: {names}")
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    if _apt(install, environment) is not None:
        # A container image usually has no package lists.
        _apt(("apt-get", "update"), environment)
        if (last_words := _apt(install, environment)) is not None:
            raise ToolUnavailableError(f"`apt-get install {names}` failed: {last_words}")


def _apt(command: tuple[str, ...], environment: Mapping[str, str]) -> str | None:
    """None, or the last line of a command that failed."""
    answer = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
    )
    if answer.returncode == 0:
        return None
    return (answer.stdout.strip().splitlines() or ["no output"])[-1]
