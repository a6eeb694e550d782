"""`spec.alert` of a Check and of a ProbePool, and `spec.objective`: what is paged, to whom, how soon."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from pollwatch.api.base import Model
from pollwatch.api.labels import NAMED_AS_LABELS, without_nulls
from pollwatch.api.rules import Pattern, Rule, matching, not_matching

OUR_ALERT_LABELS = (
    "alert",
    "alertname",
    "alertstate",
    "burn",
    "check",
    "grafana_folder",
    "namespace",
    "pool",
    "severity",
)
"""Labels that an alert carries already, or that Prometheus and Grafana set on it."""

_CLOSED_ACTIONS = r"^(?:[^{]|\{[^{]|\{\{[^{}]*\}\})*\{?$"
"""Every `{{` has its `}}`, and no brace stands between the two."""

_DURATION = "^(?:[0-9]{1,3}h)?(?:[0-9]{1,4}m)?(?:[0-9]{1,5}s)?$"

Severity = Annotated[
    str,
    Field(min_length=1, max_length=32),
    Pattern("^[a-z](?:[a-z0-9_-]*[a-z0-9])?$", "must be a word such as 'critical', 'warning' or 'page'"),
]

AlertDuration = Annotated[
    str,
    Field(min_length=1, max_length=15),
    Pattern(_DURATION, "must be a duration of hours, minutes and seconds, such as '30s', '5m' or '1h30m'"),
]

AlertLabels = Annotated[
    dict[
        str,
        Annotated[
            str,
            Field(max_length=128),
            not_matching(r"\{\{", "must not hold '{{': an alert whose labels change is another alert"),
        ],
    ],
    Field(max_length=10),
    BeforeValidator(without_nulls),
    NAMED_AS_LABELS,
    Rule(
        cel=f"self.all(name, !(name in {list(OUR_ALERT_LABELS)}))",
        holds=lambda labels: not any(name in OUR_ALERT_LABELS for name in labels),
        message="must not have one of the names that Pollwatch, Prometheus or Grafana sets: "
        + ", ".join(OUR_ALERT_LABELS),
        reason="FieldValueForbidden",
    ),
]

AlertAnnotations = Annotated[
    dict[
        str,
        Annotated[
            str,
            Field(max_length=1024),
            matching(_CLOSED_ACTIONS, "must close every '{{' with '}}', without braces in between"),
        ],
    ],
    Field(max_length=10),
    BeforeValidator(without_nulls),
    NAMED_AS_LABELS,
]

RunbookUrl = Annotated[
    str,
    Field(max_length=1024),
    matching(
        "^https?://[!-z|~]+$",
        "must be an absolute http:// or https:// URL of printable ASCII, without braces",
    ),
]

Objective = Annotated[
    str,
    Field(max_length=7),
    Pattern(
        r"^[1-9]?[0-9](?:\.[0-9]{1,4})?$",
        "must be a percentage below 100 with at most four decimals, in quotes, such as '99.9'",
    ),
    matching("[1-9]", "must be above 0"),
]
"""Share of probes that are to succeed, in percent, as text: the API has no floats."""


class AlertSpec(Model):
    """How alerts are raised. What a Check leaves out is its first pool's, and then the operator's."""

    enabled: bool | None = None
    """Whether there are alerts. When no one says otherwise: true."""
    severity: Severity | None = None
    """Value of the label `severity` of the alerts that page: `CheckDown`, `CheckFailing` and the fast
    `CheckErrorBudgetBurn`. When no one says otherwise: `critical`. The others are `warning`."""
    for_: AlertDuration | None = Field(default=None, alias="for")
    """How long a Check must be Down or Degraded before it is an alert, such as `30s`, `5m` or `1h30m`.
    When no one says otherwise: `1m`. Whatever it is, one failure alone is none."""
    certificate_lead_days: (
        Annotated[int, Field(ge=1, le=365, json_schema_extra={"format": "int32"})] | None
    ) = None
    """How many days before a certificate expires there is an alert. When no one says otherwise: 14."""
    labels: AlertLabels = Field(default_factory=dict)
    """Labels for all alerts, such as `team: web`, to route by. The Check's `labels` are there already."""
    annotations: AlertAnnotations = Field(default_factory=dict)
    """Annotations for all alerts, by name; they replace Pollwatch's own of the same name. They are
    templates of Prometheus that know `$labels`, `$value` and the functions that Grafana knows as well:
    `Call the desk of {{ $labels.namespace | toUpper }}.`"""
    runbook_url: RunbookUrl | None = Field(default=None, alias="runbookURL")
    """What to do when it fails: annotation `runbook_url` of all alerts. When no one says otherwise: the
    page about the alert in Pollwatch's documentation."""
