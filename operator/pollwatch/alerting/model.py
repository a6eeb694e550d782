"""What an alert rule is, whoever evaluates it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

INTERVAL_SECONDS = 30
"""How often rules are evaluated, unless their group says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alert: a condition, how long it must hold, and what is said of it."""

    name: str
    """What the alert is called: `CheckDown`."""
    expr: str
    """PromQL; there is an alert for each series that it yields, whatever the value."""
    for_seconds: int = 0
    """How long the condition must hold before the alert fires."""
    keep_firing_for_seconds: int = 0
    """How long the alert goes on after the condition has ended, so that flapping does not page anew."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Beside those of the series. The values are literal text."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Go templates that know `$labels` and `$value`, and only functions that Prometheus and Grafana share."""
    queries: Mapping[str, str] = field(default_factory=dict)
    """Annotations that ask Prometheus (`query`), which Grafana's templates cannot."""

    @property
    def variant(self) -> str:
        """Tells it apart from others of its name in its group: `CheckErrorBudgetBurn fast`."""
        return f"{self.name} {self.labels['burn']}" if "burn" in self.labels else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules that are evaluated together: those of a Check, or those about Pollwatch itself."""

    name: str
    """Unique: `NAMESPACE/CHECK` for those of a Check."""
    rules: tuple[AlertRule, ...]
    """In the order of evaluation, never empty."""
    interval_seconds: int = INTERVAL_SECONDS
    dashboard: str = ""
    """Path and query of the dashboard in Grafana: `/d/pollwatch-check?var-namespace=...`; empty: none."""
    tells_of_errors: bool = False
    """Whether a query that cannot be answered is an alert by itself; were it so for all, all would fire."""
