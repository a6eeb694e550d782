"""The dashboards there are, by the names of their files."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pollwatch.alerting.dashboards import check, overview, self_dashboard
from pollwatch.alerting.dashboards.dashboard import Dashboard

DASHBOARDS: Mapping[str, Callable[[], Dashboard]] = MappingProxyType(
    {
        "overview.json": overview.dashboard,
        "check.json": check.dashboard,
        "self.json": self_dashboard.dashboard,
    }
)
