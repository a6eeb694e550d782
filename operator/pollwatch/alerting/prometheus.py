"""Rule groups as Prometheus and Prometheus Operator read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pollwatch.alerting.durations import duration
from pollwatch.alerting.model import AlertRule, RuleGroup
from pollwatch.alerting.templates import literal

API_VERSION = "monitoring.coreos.com/v1"
KIND = "PrometheusRule"


def rule_file(groups: Iterable[RuleGroup]) -> dict[str, Any]:
    """Make the document of a rule file (Prometheus 2.42 or newer, for `keep_firing_for`)."""
    return {"groups": [_group(group) for group in groups]}


def prometheus_rule(
    namespace: str, name: str, groups: Iterable[RuleGroup], *, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Make one PrometheusRule.

    Prometheus Operator refuses one whose groups are above 512 KiB as YAML; a Check takes about 10 KiB.

    Args:
        namespace: Where it is to be.
        name: Its name.
        groups: What is in it, at least one.
        labels: By which a Prometheus selects it.
    """
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": rule_file(groups)}


def _group(group: RuleGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "interval": duration(group.interval_seconds),
        "rules": [_rule(rule) for rule in group.rules],
    }


def _rule(rule: AlertRule) -> dict[str, Any]:
    document: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
    if rule.for_seconds:
        document["for"] = duration(rule.for_seconds)
    if rule.keep_firing_for_seconds:
        document["keep_firing_for"] = duration(rule.keep_firing_for_seconds)
    # Labels are templates to Prometheus, too.
    document["labels"] = {name: literal(text) for name, text in sorted(rule.labels.items())}
    document["annotations"] = dict(sorted({**rule.queries, **rule.annotations}.items()))
    return document
