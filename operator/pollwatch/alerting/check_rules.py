"""The alerts of one Check."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from pollwatch.alerting import texts
from pollwatch.alerting.defaults import AlertDefaults, merge
from pollwatch.alerting.durations import duration
from pollwatch.alerting.model import AlertRule, RuleGroup
from pollwatch.alerting.queries import Series
from pollwatch.alerting.templates import with_labels
from pollwatch.alerting.windows import (
    FAST,
    OUTAGE,
    PROBES_IN_OUTAGE,
    SHARE,
    SLOW,
    WITHOUT_OBJECTIVE,
    Window,
    fitting,
    stretched,
)
from pollwatch.api.alert import OUR_ALERT_LABELS
from pollwatch.api.check import Check, CheckSpec

WARNING = "warning"
"""Severity of the alerts that page nobody."""

_MINUTE = 60
_DAY = 86_400

_CALM = 2 * _MINUTE
"""How long a verdict must be a better one before its alert ends: flapping does not page anew."""

_CALM_SHARE = 5 * _MINUTE
"""The same for shares of failures, which waver around a threshold."""

_PATIENCE = 10 * _MINUTE
"""How long Pollwatch may be blind before somebody is told."""


def rules_of_check(check: Check, defaults: AlertDefaults) -> RuleGroup | None:
    """Make the alerts of a Check; `None` when it is to have none.

    Args:
        check: As its author wrote it.
        defaults: What holds where the Check does not say: the operator's settings and, laid over
            them with `merge`, those of its first pool.
    """
    settings = merge(defaults, check.spec.alert)
    if check.spec.suspend or not settings.enabled:
        return None
    return _CheckRules(check, settings).group()


class _CheckRules:
    """Puts together what all alerts of one Check have in common."""

    def __init__(self, check: Check, settings: AlertDefaults) -> None:
        self._settings = settings
        self._spec = check.spec
        self._key = check.key
        self._pools = check.spec.pool_names(settings.default_pool)
        several = len(self._pools) > 1
        self._series = Series(
            key=check.key,
            pools=len(self._pools),
            quorum=check.spec.needed_for_down if several else 1,
        )
        self._about = texts.Subject(key=check.key, target=_target(check.spec))
        self._labels = self._own_labels()
        self._recently = max(5 * _MINUTE, 4 * check.spec.period_seconds)
        """Seconds in which a failure that is not alone has another one beside it."""

    def group(self) -> RuleGroup:
        """Make them all."""
        return RuleGroup(
            name=str(self._key), rules=tuple(self._rules()), dashboard=texts.check_dashboard(self._key)
        )

    def _rules(self) -> Iterator[AlertRule]:
        yield self._down()
        yield self._degraded()
        if self._spec.objective is None:
            yield from self._failing()
        else:
            yield from self._burning(self._spec.objective)
        if _may_have_certificate(self._spec):
            yield self._certificate_expiring()
        yield self._not_judged()
        yield self._no_data()

    def _down(self) -> AlertRule:
        series = self._series
        return self._rule(
            texts.DOWN,
            expr=f"{series.since(series.down())}\nand {series.repeated_failures(self._recently)}",
            severity=self._settings.severity,
            for_seconds=self._settings.for_seconds,
            keep_firing_for_seconds=_CALM,
            failing_over=self._recently,
        )

    def _degraded(self) -> AlertRule:
        series = self._series
        return self._rule(
            texts.DEGRADED,
            expr=f"{series.since(series.degraded())}\nand {series.repeated_failures(self._recently)}",
            for_seconds=self._settings.for_seconds,
            keep_firing_for_seconds=_CALM,
            failing_over=self._recently,
        )

    def _failing(self) -> Iterator[AlertRule]:
        period = self._spec.period_seconds
        window = stretched(WITHOUT_OBJECTIVE, period=period)
        if window is not None:
            yield self._rule(
                texts.FAILING,
                expr=self._series.too_many_failures(
                    window, SHARE, outage=max(OUTAGE, PROBES_IN_OUTAGE * period)
                ),
                severity=self._settings.severity,
                # So long that an outage is known to be one, which is CheckDown's.
                for_seconds=max(2 * _MINUTE, 2 * period),
                keep_firing_for_seconds=_CALM_SHARE,
                failing_over=window.long,
                words={"window": duration(window.long)},
            )

    def _burning(self, objective: str) -> Iterator[AlertRule]:
        budget = 1 - Decimal(objective) / 100
        for burn, policy, severity, calm in (
            ("fast", FAST, self._settings.severity, _CALM_SHARE),
            ("slow", SLOW, WARNING, 0),
        ):
            windows = tuple(fitting(policy, period=self._spec.period_seconds, budget=budget))
            if windows:
                yield self._rule(
                    texts.BURN_FAST if burn == "fast" else texts.BURN_SLOW,
                    expr=_any_of(self._series, windows, budget),
                    severity=severity,
                    labels={"burn": burn},
                    keep_firing_for_seconds=calm,
                    failing_over=windows[0].long,
                    words={"objective": objective},
                )

    def _certificate_expiring(self) -> AlertRule:
        return self._rule(
            texts.CERTIFICATE,
            expr=self._series.certificate_seconds(self._settings.certificate_lead_days * _DAY),
            for_seconds=_PATIENCE,
        )

    def _not_judged(self) -> AlertRule:
        return self._rule(
            texts.NOT_JUDGED,
            expr=self._series.not_judged(),
            # An error of the prober's own is the last word until the next probe.
            for_seconds=_PATIENCE + self._spec.period_seconds,
            failing_over=self._recently,
        )

    def _no_data(self) -> AlertRule:
        return self._rule(texts.NO_DATA, expr=self._series.no_data(), for_seconds=_PATIENCE)

    def _rule(
        self,
        text: texts.Text,
        *,
        expr: str,
        severity: str = WARNING,
        labels: Mapping[str, str] | None = None,
        for_seconds: int = 0,
        keep_firing_for_seconds: int = 0,
        failing_over: int = 0,
        words: Mapping[str, str] | None = None,
    ) -> AlertRule:
        """Make one alert.

        Args:
            text: Its name, and what is said of it.
            expr: Its condition.
            severity: For the label.
            labels: Beside those that all alerts of the Check have.
            for_seconds: See `AlertRule`.
            keep_firing_for_seconds: See `AlertRule`.
            failing_over: Seconds, of which the failures are listed by address and reason; 0: they are not.
            words: What is put into the text.
        """
        settings = self._settings
        labels = {**self._labels, **(labels or {}), "severity": severity}
        queries = {"failing": texts.failing(self._series, failing_over)} if failing_over else {}
        return AlertRule(
            name=text.alert,
            expr=expr,
            for_seconds=for_seconds,
            keep_firing_for_seconds=keep_firing_for_seconds,
            labels=labels,
            annotations={
                **text.annotations(self._about, **(words or {})),
                "runbook_url": settings.runbook_of(text.alert),
                **texts.dashboard_link(settings.dashboard_url, texts.check_dashboard(self._key)),
                **{name: with_labels(text, labels) for name, text in settings.annotations.items()},
            },
            queries={name: query for name, query in queries.items() if name not in settings.annotations},
        )

    def _own_labels(self) -> dict[str, str]:
        """The labels of the Check, those of `spec.alert`, and what tells which Check it is.

        The pool is among them where there is one only: an alert about a pool's prober holds back those.
        """
        own = {name: text for name, text in self._spec.labels.items() if name not in OUR_ALERT_LABELS}
        pool = {"pool": self._pools[0]} if len(self._pools) == 1 and self._pools[0] else {}
        ours = {"namespace": self._key.namespace, "check": self._key.name}
        return {**own, **self._settings.labels, **pool, **ours}


def _any_of(series: Series, windows: tuple[Window, ...], budget: Decimal) -> str:
    conditions = [series.too_many_failures(window, budget) for window in windows]
    return "\nor\n".join(f"({condition})" for condition in conditions) if len(windows) > 1 else conditions[0]


def _may_have_certificate(spec: CheckSpec) -> bool:
    if spec.http is not None:
        return spec.http.follow_redirects or spec.http.url.lower().startswith("https:")
    return spec.tcp is not None and spec.tcp.tls is not None


def _target(spec: CheckSpec) -> str:
    """What is probed, for people; without the query of a URL, which may be secret."""
    if spec.http is not None:
        return spec.http.url.partition("?")[0]
    return spec.tcp.address if spec.tcp is not None else ""
