"""Files of the tree in which the version of the package stands."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from pollwatch import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_TAG = r"^(  newTag: )\S+()$"

_PLACES: Mapping[str, Sequence[str]] = {
    "charts/pollwatch/Chart.yaml": (
        r"^(version: )\S+()$",
        r'^(appVersion: ")[^"]+(")$',
        r"^(      image: ghcr\.io/pollwatch/pollwatch:)\S+()$",
    ),
    "manifests/install/Kustomization": (_TAG,),
    "manifests/install-pools/Kustomization": (_TAG,),
}
"""Lines by what stands before the version and behind it."""


def versioned_files(root: Path) -> Mapping[str, Callable[[], str]]:
    """Return what makes the text of each file.

    Args:
        root: the tree.
    """
    return {
        name: partial(_with_version, root / name, places, __version__) for name, places in _PLACES.items()
    }


def _with_version(file: Path, places: Sequence[str], version: str) -> str:
    """Return the text of a file with a version in each place.

    Raises:
        ValueError: a line is not there, or there more than once.
    """
    text = file.read_text(encoding="utf-8")
    for place in places:
        text, count = re.subn(place, rf"\g<1>{version}\g<2>", text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"{file} has {count} lines like {place}, and should have one")
    return text
