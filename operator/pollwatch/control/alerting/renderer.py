"""Makes rules of Checks, and of rules the objects that other operators read."""

from collections.abc import Sequence
from dataclasses import replace

from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import alert_problems, merge
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
from pollwatch.control.alerting.grafana_objects import grafana_folder, grafana_rules
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
        instances = self._settings.grafana_instances
        folder = grafana_folder(
            namespace, OBJECT, title=f"Pollwatch: {namespace}", instances=instances, labels=RULE_LABELS
        )
        rules = grafana_rules(
            namespace,
            name,
            groups,
            folder=OBJECT,
            data_source=self._settings.grafana_datasource,
            instances=instances,
            labels=RULE_LABELS,
        )
        return (GRAFANA_FOLDERS, folder), (GRAFANA_RULE_GROUPS, rules)
