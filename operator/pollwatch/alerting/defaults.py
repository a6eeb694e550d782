"""How alerts are raised: what the Check says, else its pool, else the operator's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pollwatch.alerting.durations import seconds_of
from pollwatch.alerting.templates import fault_in
from pollwatch.api.alert import AlertSpec
from pollwatch.api.problems import Problem

RUNBOOK_BASE = "https://pollwatch.dev/runbooks/"
"""Where the documentation has a page about each alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDefaults:
    """How alerts are raised, every field filled in."""

    enabled: bool = True
    severity: str = "critical"
    """Label of the alerts that page."""
    for_seconds: int = 60
    """How long a Check must be Down or Degraded."""
    certificate_lead_days: int = 14
    """How many days before a certificate expires."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Templates without fault."""
    runbook_url: str = ""
    """What to do, for all alerts; empty: the page about each below `runbook_base`."""
    runbook_base: str = RUNBOOK_BASE
    """URL with a `/` at its end."""
    dashboard_url: str = ""
    """URL of Grafana, without a `/` at its end; empty: no alert links to a dashboard."""
    default_pool: str = ""
    """Pool of Checks that name none; empty: the operator itself probes."""

    def runbook_of(self, alert: str) -> str:
        """Give the URL that says what to do about an alert."""
        return self.runbook_url or f"{self.runbook_base}{alert}/"


def merge(defaults: AlertDefaults, spec: AlertSpec | None) -> AlertDefaults:
    """Lay what a resource says over what holds otherwise.

    Labels and annotations are merged by name. An annotation with a fault is left out, so that
    the alert is there without it; `alert_problems` tells of it.
    """
    if spec is None:
        return defaults
    sound = {name: text for name, text in spec.annotations.items() if fault_in(text) is None}
    return replace(
        defaults,
        enabled=defaults.enabled if spec.enabled is None else spec.enabled,
        severity=spec.severity or defaults.severity,
        for_seconds=defaults.for_seconds if spec.for_ is None else seconds_of(spec.for_),
        certificate_lead_days=spec.certificate_lead_days or defaults.certificate_lead_days,
        labels={**defaults.labels, **spec.labels},
        annotations={**defaults.annotations, **sound},
        runbook_url=spec.runbook_url or defaults.runbook_url,
    )


def alert_problems(spec: AlertSpec | None) -> tuple[Problem, ...]:
    """Say what is wrong with `spec.alert` that no schema can see: annotations that are no templates."""
    if spec is None:
        return ()
    faults = ((name, fault_in(text)) for name, text in spec.annotations.items())
    return tuple(
        Problem(path=f"spec.alert.annotations.{name}", message=fault) for name, fault in faults if fault
    )
