"""The dashboards as files."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pollwatch.alerting.dashboards import overview

FILES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "overview.json": lambda: overview.dashboard().text(),
    }
)
"""What prints the text of each."""
