"""How one gets from one dashboard to the other."""

from pollwatch.alerting.dashboards.dashboard import Elsewhere
from pollwatch.alerting.dashboards.fields import Link

OVERVIEW = "pollwatch-overview"
CHECK = "pollwatch-check"
SELF = "pollwatch-self"
"""The uids: what an alert's annotations and other people's links name."""

_TITLES = {OVERVIEW: "All Checks", CHECK: "One Check", SELF: "Pollwatch itself"}

KEPT = "${datasource:queryparam}&${__url_time_range}"
"""What every link carries along."""

CHECK_OF_ROW = Link(
    title="Look at this Check",
    url=f"/d/{CHECK}?var-namespace=${{__data.fields.namespace}}&var-check=${{__data.fields.check}}&{KEPT}",
)
"""From a row of a table, by its columns."""

CHECK_OF_SERIES = Link(
    title="Look at this Check",
    url=f"/d/{CHECK}?var-namespace=${{__field.labels.namespace}}&var-check=${{__field.labels.check}}&{KEPT}",
)
"""From a series, by its labels."""

WORKERS = Link(title="How its workers are", url=f"/d/{SELF}?{KEPT}")


def others(uid: str) -> tuple[Elsewhere, ...]:
    """Link a dashboard to the two others."""
    return tuple(Elsewhere(title=title, uid=other) for other, title in _TITLES.items() if other != uid)
