"""From a Check, as the API server shows it, to its alert rules, or to why there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pollwatch.alerting.model import RuleGroup
from pollwatch.api.alert import AlertSpec
from pollwatch.api.check import Check, parse_check
from pollwatch.api.conditions import AlertsReason
from pollwatch.api.problems import Invalid, Problem
from pollwatch.control.alerting.apis import RuleApi
from pollwatch.control.alerting.outcomes import Outcome
from pollwatch.control.cluster import Resource

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRules:
    """What a Check asks for by way of alerts."""

    group: RuleGroup | None
    """`None`: it wants none."""
    problems: tuple[Problem, ...] = ()
    """What it asks for and cannot have; its rules are there without that."""


class Renderer(Protocol):
    """Makes rules, and documents of them."""

    def rules(self, check: Check, pool: AlertSpec | None) -> CheckRules:
        """Make the rules of a Check.

        Args:
            check: the Check.
            pool: what its pool says of alerts.
        """
        ...

    def documents(
        self, api: RuleApi, namespace: str, name: str, groups: Sequence[RuleGroup]
    ) -> Sequence[tuple[Resource, Document]]:
        """Make the objects that put rules into force.

        Args:
            api: the operator that reads them.
            namespace: of the Checks.
            name: of the object with the rules.
            groups: the rules, one group a Check.

        Returns:
            The objects in the order of `RuleApi.resources`, as they are to be applied.
        """
        ...


SUSPENDED = Outcome(AlertsReason.SUSPENDED, "No alert rule: spec.suspend is true.")
DISABLED = Outcome(
    AlertsReason.DISABLED,
    "No alert rule: alerts are disabled, by spec.alert.enabled of the Check or of its ProbePool, or by the"
    " operator's --alert-enabled.",
)
UNREADABLE = Outcome(
    AlertsReason.INVALID_SPEC, "No alert rule: the spec is not valid, condition Accepted says why."
)


def rules_of(document: Mapping[str, Any], pool: AlertSpec | None, renderer: Renderer) -> CheckRules | Outcome:
    """Make the rules of a Check, or say why it has none.

    A Check that is not accepted has rules all the same, as long as its spec can be read: that it
    is not watched any more, for a Secret was deleted say, is what somebody has to hear of.
    """
    try:
        check = parse_check(document)
    except Invalid:
        return UNREADABLE
    if check.spec.suspend:
        return SUSPENDED
    rules = renderer.rules(check, pool)
    return rules if rules.group is not None else DISABLED
