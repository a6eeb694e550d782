"""The alerts about Pollwatch itself: whoever watches must not go blind unnoticed."""

from dataclasses import dataclass

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.model import AlertRule, RuleGroup
from pollwatch.alerting.texts import dashboard_link

GROUP = "pollwatch"

DASHBOARD = "/d/pollwatch-self"

_MINUTE = 60

_SUSPECT = "ConnectFailed|ConnectTimeout|DNSFailed|DNSTimeout|EgressDenied|Internal|ResourcesExhausted"
"""Reasons that many targets have at once where the prober, its node or its network is in trouble."""

_BY_PROBER = "by (pool, job, instance)"

_LAG = "max by (pool, worker) (pollwatch_operator_feed_lag_seconds)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alert:
    """One alert, as it is the same for everybody."""

    name: str
    expr: str
    for_seconds: int
    summary: str
    description: str
    pages: bool = False


_ALERTS = (
    _Alert(
        name="PollwatchGone",
        expr="absent(pollwatch_build_info)",
        for_seconds=5 * _MINUTE,
        summary="No Pollwatch is being scraped",
        description="Nothing is being watched, or Prometheus cannot reach it. Look at its pods and at the"
        " targets page of Prometheus first.",
        pages=True,
    ),
    _Alert(
        name="PollwatchNoLeader",
        # With no operator left there is no such series; that workers have plans tells that there should be.
        expr="max(pollwatch_operator_leader) == 0\n"
        "or (absent(pollwatch_operator_leader) and on () count(pollwatch_worker_plan_revision) > 0)",
        for_seconds=5 * _MINUTE,
        summary="No operator of Pollwatch leads",
        description="Workers probe on by the plans that they have, and alerts are right. Statuses stand"
        " still, and new Checks are not taken up.",
    ),
    _Alert(
        name="PollwatchWorkerSilent",
        expr=f"{_LAG} > 60",
        for_seconds=2 * _MINUTE,
        summary="Nothing is heard of worker {{ $labels.worker }} of pool {{ $labels.pool }}",
        description="The operator has not been able to read it for {{ $value | humanizeDuration }}: its"
        " Checks are Unknown. `pollwatch status` shows what is known of it.",
    ),
    _Alert(
        name="PollwatchFeedLagging",
        expr=f"({_LAG} > 15) <= 60",
        for_seconds=5 * _MINUTE,
        summary="Statuses lag {{ $value | humanizeDuration }} behind worker {{ $labels.worker }} of pool"
        " {{ $labels.pool }}",
        description="Probing goes on, and alerts are on time; `kubectl get checks` and the Events are late.",
    ),
    _Alert(
        name="PollwatchPlanStale",
        expr=f"max {_BY_PROBER} (pollwatch_worker_plan_refused) == 1\n"
        f"or max {_BY_PROBER} (pollwatch_worker_plan_unsupported_checks) > 0\n"
        "or (sum by (pool) (increase(pollwatch_operator_plan_pushes_total"
        '{outcome=~"stale|refused|unauthorized|unreachable"}[15m])) > 0\n'
        'unless sum by (pool) (increase(pollwatch_operator_plan_pushes_total{outcome="live"}[15m])) > 0)',
        for_seconds=10 * _MINUTE,
        summary="A worker{{ with $labels.pool }} of pool {{ . }}{{ end }} does not probe by the newest plan",
        description="Checks that were added or changed are not probed as they should be. `kubectl describe"
        " probepool` says why, in condition Delivered.",
    ),
    _Alert(
        name="PollwatchProbesLate",
        expr=f"histogram_quantile(0.99, sum by (pool, job, instance, le)"
        " (rate(pollwatch_worker_start_lateness_seconds_bucket[10m]))) > 1\n"
        f"or sum {_BY_PROBER}"
        ' (increase(pollwatch_worker_missed_starts_total{cause=~"late|saturated"}[10m])) > 10',
        for_seconds=10 * _MINUTE,
        summary="Probes start late at {{ $labels.instance }}{{ with $labels.pool }} of pool {{ . }}{{ end }}",
        description="It has more to do than it can do in time, or is throttled: detection takes longer. Give"
        " the pool more workers, or less to do.",
    ),
    _Alert(
        name="PollwatchProberIsolated",
        # Of at least five Checks, more than half: fewer can well be the targets' own trouble.
        expr=f"(count {_BY_PROBER} (sum by (pool, job, instance, namespace, check)"
        f' (increase(pollwatch_probe_failures_total{{reason=~"{_SUSPECT}"}}[5m])) > 0)\n'
        f'/ (count {_BY_PROBER} (pollwatch_check_verdict{{verdict="Up"}}) >= 5)) > 0.5',
        for_seconds=30,
        summary="Most targets fail at once for the prober {{ $labels.instance }}"
        "{{ with $labels.pool }} of pool {{ . }}{{ end }}",
        description="{{ $value | humanizePercentage }} of its Checks fail for reasons of the network, or"
        " cannot be probed. It is the prober's network, its name servers or its node, unless all targets"
        " share one. The alerts of its Checks are held back meanwhile, where Alertmanager is told so.",
        # It holds back others that would page, and may be a real outage of everything.
        pages=True,
    ),
    _Alert(
        name="PollwatchCheckNotAccepted",
        expr='max(pollwatch_operator_checks{reason="NotAccepted"}) > 0',
        for_seconds=15 * _MINUTE,
        summary="{{ $value }} Checks are not accepted, and so not probed",
        description="Their authors may believe that they are watched. `kubectl get checks -A -o wide` finds"
        " them, and condition Accepted of each says what to mend.",
    ),
)


def self_rules(settings: AlertDefaults) -> RuleGroup:
    """Make the alerts about Pollwatch itself.

    Args:
        settings: Where runbooks and dashboards are, the labels of all alerts, and the severity of those
            that page.
    """
    return RuleGroup(
        name=GROUP,
        rules=tuple(_rule(alert, settings) for alert in _ALERTS),
        dashboard=DASHBOARD,
        tells_of_errors=True,
    )


def _rule(alert: _Alert, settings: AlertDefaults) -> AlertRule:
    return AlertRule(
        name=alert.name,
        expr=alert.expr,
        for_seconds=alert.for_seconds,
        labels={**settings.labels, "severity": settings.severity if alert.pages else "warning"},
        annotations={
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{settings.runbook_base}{alert.name}/",
            **dashboard_link(settings.dashboard_url, DASHBOARD),
        },
    )
