"""The dashboards as files."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pollwatch.alerting.dashboards import check, overview, self_dashboard

FILES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "overview.json": lambda: overview.dashboard().text(),
        "check.json": lambda: check.dashboard().text(),
        "self.json": lambda: self_dashboard.dashboard().text(),
    }
)
"""What prints the text of each."""
