"""Rule groups as Grafana and grafana-operator read them: Grafana-managed alert rules.

A rule asks Prometheus (A), takes the newest value of each series (B), and fires for each that there is
(C). No series is no alert, not "no data". A template finds the value of the series in `$value`, as it does
in Prometheus.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from pollwatch.alerting.model import AlertRule, RuleGroup
from pollwatch.alerting.templates import literal

API_VERSION = "grafana.integreatly.org/v1beta1"
KIND = "GrafanaAlertRuleGroup"

FOLDER = "Pollwatch"
"""Title of the folder that rules of provisioning files are in."""

DATA_SOURCE = "prometheus"
"""UID of the data source, unless another one is named."""

ALERT_LABEL = "alert"
"""What an alert is called in Prometheus: Grafana's `alertname` is the rule's title, which is unique."""

_VALUE = '{{- $value := "NaN" -}}{{- with $values.B -}}{{- $value = .Value -}}{{- end -}}'
"""Gives `$value` the meaning that it has in Prometheus; Grafana's own is a description of all values.

Grafana expands annotations of rules that do not fire, too: there is no value then, and what cannot be
expanded is an error in its log, each time.
"""

_LOOK_BACK = 600
"""Seconds that a query may look at; an instant query needs none, and Grafana wants a number."""

_LONGEST_TITLE = 190


def provisioning_file(
    groups: Iterable[RuleGroup], *, folder: str = FOLDER, data_source: str = DATA_SOURCE
) -> dict[str, Any]:
    """Make the document of a provisioning file of alerting (Grafana 10 or newer).

    Args:
        groups: What is in it.
        folder: Title of a folder, which Grafana makes.
        data_source: UID of the data source of Prometheus.
    """
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": group.name.replace("/", "."),
                "folder": folder,
                "interval": _seconds(group.interval_seconds),
                "rules": [_provisioned(rule, group, data_source) for rule in group.rules],
            }
            for group in groups
        ],
    }


def grafana_alert_rule_group(
    namespace: str,
    name: str,
    groups: Iterable[RuleGroup],
    *,
    folder: Mapping[str, str],
    instance_selector: Mapping[str, Any],
    data_source: str = DATA_SOURCE,
) -> dict[str, Any]:
    """Make one GrafanaAlertRuleGroup (grafana-operator 5.18 or newer) of several groups.

    Args:
        namespace: Where it is to be.
        name: Its name.
        groups: What is in it, at least one; the shortest of their intervals holds for all.
        folder: `{"folderUID": ...}`, or `{"folderRef": ...}` of a GrafanaFolder in the namespace.
        instance_selector: Labels of the Grafana objects: `{"matchLabels": ...}`.
        data_source: UID of the data source of Prometheus.
    """
    groups = tuple(groups)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "instanceSelector": dict(instance_selector),
            "allowCrossNamespaceImport": True,
            **folder,
            "name": f"{namespace}.{name}",
            "interval": _seconds(min(group.interval_seconds for group in groups)),
            "rules": [_rule(rule, group, data_source) for group in groups for rule in group.rules],
        },
    }


def _provisioned(rule: AlertRule, group: RuleGroup, data_source: str) -> dict[str, Any]:
    """Make a rule of a provisioning file, in whose labels Grafana puts environment variables for `$NAME`."""
    document = _rule(rule, group, data_source)
    document["labels"] = {name: text.replace("$", "$$") for name, text in document["labels"].items()}
    if rule.keep_firing_for_seconds:
        # Grafana 12 or newer. Older ones pass over it, and grafana-operator's schema has no place for it.
        document["keepFiringFor"] = _seconds(rule.keep_firing_for_seconds)
    return document


def _rule(rule: AlertRule, group: RuleGroup, data_source: str) -> dict[str, Any]:
    return {
        "uid": _uid(rule, group),
        "title": _title(rule, group),
        "condition": "C",
        "data": _data(rule, data_source),
        "noDataState": "OK",
        "execErrState": "Error" if group.tells_of_errors else "OK",
        "for": _seconds(rule.for_seconds),
        "labels": {
            name: literal(text) for name, text in sorted({**rule.labels, ALERT_LABEL: rule.name}.items())
        },
        "annotations": _annotations(rule, group),
    }


def _data(rule: AlertRule, data_source: str) -> list[dict[str, Any]]:
    return [
        _query("A", data_source, {"expr": rule.expr, "instant": True, "range": False}),
        _query("B", "__expr__", {"type": "reduce", "expression": "A", "reducer": "last"}),
        _query("C", "__expr__", {"type": "math", "expression": "is_number($B)"}),
    ]


def _query(name: str, data_source: str, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "refId": name,
        "datasourceUid": data_source,
        "relativeTimeRange": {"from": _LOOK_BACK, "to": 0},
        "model": {"refId": name, **model},
    }


def _annotations(rule: AlertRule, group: RuleGroup) -> dict[str, str]:
    annotations = dict(rule.annotations)
    if group.dashboard:
        # Grafana knows where it is.
        annotations.setdefault("dashboard_url", "{{ externalURL }}" + group.dashboard)
    return {name: _VALUE + text if "$value" in text else text for name, text in sorted(annotations.items())}


def _uid(rule: AlertRule, group: RuleGroup) -> str:
    """Tell a rule apart in all of Grafana, in at most 40 characters, the same each time."""
    return f"pollwatch-{sha256(f'{group.name} {rule.variant}'.encode()).hexdigest()[:24]}"


def _title(rule: AlertRule, group: RuleGroup) -> str:
    """Name a rule for people, unique in its folder, in at most 190 characters."""
    title = f"{rule.variant} {group.name}"
    if len(title) <= _LONGEST_TITLE:
        return title
    digest = _uid(rule, group)[-8:]
    return f"{title[: _LONGEST_TITLE - len(digest) - 1]}~{digest}"


def _seconds(number: int) -> str:
    """Write a duration in the one unit that all readers understand: Go's have no days."""
    return f"{number}s"
