"""The alerts on Pollwatch itself, as a file of rules and as a PrometheusRule."""

from __future__ import annotations

import yaml

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.prometheus import prometheus_rule, rule_file
from pollwatch.alerting.self_rules import self_rules

_HEADING = "# Made by `make generate` from operator/pollwatch/alerting/self_rules.py; change that.\n"

_LABELS = {"app.kubernetes.io/name": "pollwatch", "app.kubernetes.io/part-of": "pollwatch"}


def self_rules_file() -> str:
    """Return a file of rules, which the chart lays its values over."""
    return _yaml(rule_file([self_rules(AlertDefaults())]))


def self_rules_object() -> str:
    """Return the PrometheusRule that goes with the plain installs."""
    groups = [self_rules(AlertDefaults())]
    return _yaml(prometheus_rule("pollwatch-system", "pollwatch", groups, labels=_LABELS))


def _yaml(document: dict[str, object]) -> str:
    return _HEADING + yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)
