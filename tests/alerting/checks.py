"""Checks to make rules of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.api.check import Check, parse_check

if TYPE_CHECKING:
    from pollwatch.alerting.model import AlertRule, RuleGroup

NAMESPACE = "public-sites"
NAME = "front-page"


def a_check(name: str = NAME, **spec: Any) -> Check:
    """A Check of a web site; `spec` as its author writes it, in camelCase."""
    if "tcp" not in spec:
        spec = {"http": {"url": "https://www.example.org/"}, **spec}
    return parse_check(
        {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "Check",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": spec,
        }
    )


def rules_for(check: Check, defaults: AlertDefaults | None = None) -> RuleGroup:
    """The rules of a Check that has some."""
    group = rules_of_check(check, defaults or AlertDefaults())
    assert group is not None
    return group


def rule_named(group: RuleGroup, variant: str) -> AlertRule:
    """One rule of a group: `CheckErrorBudgetBurn fast`."""
    (rule,) = (rule for rule in group.rules if rule.variant == variant)
    return rule
