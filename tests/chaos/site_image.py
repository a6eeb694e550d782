"""Workers that the site knows by the address at which each of them asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.control.pool_stage import worker_image
from tests.support.counting_site import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def number_of(pod: str) -> int:
    """The number of a worker, by the name of its Pod: `probepool-POOL-NUMBER-0`."""
    return int(pod.split("-")[-2])


def known_image(folder: Path, names: Iterable[str]) -> Path:
    """The programs of a worker's image that resolves each name to one address of the site: its own.

    Args:
        folder: Made, and filled.
        names: What workers resolve.
    """
    names = list(names)
    programs = [
        worker_image(folder / str(number), dict.fromkeys(names, (host,))) for number, host in enumerate(HOSTS)
    ]
    # The home of a container here is a folder with the name of its Pod.
    cases = [f'*-{number}-0-*) exec {each / "pollwatch"} "$@";;' for number, each in enumerate(programs)]
    script = folder / "pollwatch"
    script.write_text(
        "\n".join(["#!/bin/sh", 'case "${HOME##*/}" in', *cases, "esac", "exit 1", ""]), encoding="utf-8"
    )
    script.chmod(0o755)
    return folder
