"""`Chart.yaml`, whose versions are those of the package."""

from __future__ import annotations

import re

from pollwatch import __version__

_VERSIONS = (
    r"^(version: )\S+()$",
    r'^(appVersion: ")[^"]+(")$',
    r"^(      image: ghcr\.io/pollwatch/pollwatch:)\S+()$",
)


def chart_metadata(text: str, version: str = __version__) -> str:
    """Return `Chart.yaml` with the version in each place where it stands.

    Raises:
        ValueError: it does not stand where it should.
    """
    for place in _VERSIONS:
        text, count = re.subn(place, rf"\g<1>{version}\g<2>", text, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"Chart.yaml has {count} lines like {place}, and should have one")
    return text
