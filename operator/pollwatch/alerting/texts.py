"""What alerts say: what happened, where, since when, and where to look.

The texts are Go templates that Prometheus and Grafana expand alike. What `$value` is in each alert is part
of what users may build on, and stands in the documentation.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from pollwatch.alerting.durations import duration
from pollwatch.alerting.queries import Series
from pollwatch.alerting.templates import literal
from pollwatch.plan.checks import CheckKey

_WORD = re.compile(r"\[([a-z]+)\]")

MOST_LISTED = 5
"""Addresses and reasons that an alert lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The Check that an alert is about."""

    key: CheckKey
    target: str
    """URL or address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Name and texts of an alert, with `[word]` where a word is put in."""

    alert: str
    summary: str
    """One line, for a phone."""
    description: str
    """What it means, and what to type."""

    def annotations(self, subject: Subject, **words: str) -> dict[str, str]:
        """Write the annotations of an alert of a Check."""
        words = {
            "check": str(subject.key),
            "name": subject.key.name,
            "namespace": subject.key.namespace,
            "target": literal(subject.target),
            **words,
        }
        return {"summary": _filled(self.summary, words), "description": _filled(self.description, words)}


def _filled(text: str, words: dict[str, str]) -> str:
    return _WORD.sub(lambda match: words[match[1]], text)


_LOOK = "`kubectl describe check [name] -n [namespace]` shows what was expected and what came."

DOWN = Text(
    alert="CheckDown",
    summary="[check] is down for everyone: [target]",
    description="No address answers as it must, since {{ $value | humanizeTimestamp }}. " + _LOOK,
)

DEGRADED = Text(
    alert="CheckDegraded",
    summary="[check] fails for some people: [target]",
    description="Some addresses or locations fail while others answer, since"
    " {{ $value | humanizeTimestamp }}. " + _LOOK,
)

FAILING = Text(
    alert="CheckFailing",
    summary="[check] fails {{ $value | humanizePercentage }} of the time: [target]",
    description="{{ $value | humanizePercentage }} of its probes failed over [window], and they still do,"
    " whatever the verdict is at this moment. " + _LOOK,
)

BURN_FAST = Text(
    alert="CheckErrorBudgetBurn",
    summary="[check] fails too often for its objective of [objective] %: [target]",
    description="{{ $value | humanizePercentage }} of its probes failed lately. At this rate the failures"
    " that are allowed for 30 days are used up within days. " + _LOOK,
)

BURN_SLOW = Text(
    alert="CheckErrorBudgetBurn",
    summary="[check] will miss its objective of [objective] %: [target]",
    description="{{ $value | humanizePercentage }} of its probes failed over three days. At this rate the"
    " failures that are allowed for 30 days do not last. " + _LOOK,
)

CERTIFICATE = Text(
    alert="CheckCertificateExpiring",
    summary="A certificate of [check] expires in {{ $value | humanizeDuration }}: [target]",
    description="Renew it, and have it served: the first expiry of all certificates that are presented"
    " counts, those of the chain among them.",
)

NOT_JUDGED = Text(
    alert="CheckNotJudged",
    summary="[check] has no verdict: [target]",
    description="Pollwatch has not been able to judge it: that is the prober's trouble, and says nothing"
    " about the target. `kubectl describe check [name] -n [namespace]` shows why.",
)

NO_DATA = Text(
    alert="CheckNoData",
    summary="[check] is not in Prometheus: [target]",
    description="The Check is there and none of its series are: it is not probed, or not scraped. All its"
    " other alerts are blind. `kubectl describe check [name] -n [namespace]` shows which.",
)


def failing(series: Series, over: int) -> str:
    """List the failures of the last seconds by pool, address and reason, the most frequent first.

    A reason has a series from its first failure on, which no increase sees: where there was none before,
    the count itself is taken.
    """
    failures = series.of("pollwatch_probe_failures_total")
    counted = f"increase({series.of('pollwatch_probe_failures_total', over=over)}) > 0"
    new = f"{failures} unless {failures} offset {duration(over)}"
    query = f"topk({MOST_LISTED}, sum by (pool, address, reason) ({counted} or ({new})))"
    return (
        f"{{{{ range query `{query}` }}}}"
        '{{ .Value | printf "%.0f" }} x {{ .Labels.reason }}{{ with .Labels.address }} at {{ . }}{{ end }}'
        "{{ with .Labels.pool }} from {{ . }}{{ end }}; "
        f"{{{{ else }}}}none in the last {duration(over)}{{{{ end }}}}"
    )


def check_dashboard(key: CheckKey) -> str:
    """Path and query of a Check's dashboard in Grafana."""
    return f"/d/pollwatch-check?var-namespace={quote(key.namespace)}&var-check={quote(key.name)}"


def dashboard_link(grafana: str, path: str) -> dict[str, str]:
    """Write the annotation that links to a dashboard; none where nobody said where Grafana is."""
    return {"dashboard_url": f"{grafana}{path}"} if grafana and path else {}
