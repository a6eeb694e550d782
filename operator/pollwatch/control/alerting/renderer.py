"""Makes rules of Checks, and of rules the objects that other operators read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import alert_problems, merge
from pollwatch.alerting.grafana import grafana_alert_rule_group
from pollwatch.alerting.model import RuleGroup
from pollwatch.alerting.prometheus import prometheus_rule
from pollwatch.api.alert import AlertSpec
from pollwatch.api.check import Check
from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    PROMETHEUS,
    PROMETHEUS_RULES,
    RULE_LABELS,
    RuleApi,
)
from pollwatch.control.alerting.layout import OBJECT
from pollwatch.control.alerting.rendering import CheckRules, Document
from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.control.cluster import Resource


class RuleRenderer:
    """Renders as the operator was told to."""

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings

    def rules(self, check: Check, pool: AlertSpec | None) -> CheckRules:
        """Make the rules of a Check, and say what it asks for that it cannot have."""
        group = rules_of_check(check, merge(self._settings.defaults, pool))
        of_pool = (replace(problem, path=f"ProbePool: {problem.path}") for problem in alert_problems(pool))
        return CheckRules(group=group, problems=(*alert_problems(check.spec.alert), *of_pool))

    def documents(
        self, api: RuleApi, namespace: str, name: str, groups: Sequence[RuleGroup]
    ) -> Sequence[tuple[Resource, Document]]:
        """Make the objects that put rules into force."""
        if api is PROMETHEUS:
            labels = {**self._settings.object_labels, **RULE_LABELS}
            return ((PROMETHEUS_RULES, prometheus_rule(namespace, name, groups, labels=labels)),)
        selector = {"matchLabels": dict(self._settings.grafana_instances)}
        rule_group = grafana_alert_rule_group(
            namespace,
            name,
            groups,
            folder={"folderRef": OBJECT},
            data_source=self._settings.grafana_datasource,
            instance_selector=selector,
        )
        folder = {
            "apiVersion": GRAFANA_FOLDERS.api_version,
            "kind": GRAFANA_FOLDERS.kind,
            "metadata": {"name": OBJECT, "namespace": namespace, "labels": dict(RULE_LABELS)},
            "spec": {
                "title": f"Pollwatch: {namespace}",
                "instanceSelector": selector,
                # Grafana is hardly ever in the namespace of a Check.
                "allowCrossNamespaceImport": True,
            },
        }
        return ((GRAFANA_FOLDERS, folder), (GRAFANA_RULE_GROUPS, _labelled(rule_group)))


def _labelled(document: Mapping[str, Any]) -> Document:
    return {**document, "metadata": {**document["metadata"], "labels": dict(RULE_LABELS)}}
