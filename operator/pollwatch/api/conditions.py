"""Condition types of a Check and their reasons: closed sets, safe to alert on and to script against."""

from enum import StrEnum


class ConditionType(StrEnum):
    """What a condition speaks of."""

    ACCEPTED = "Accepted"
    """The spec is valid, and all that it refers to is there and usable."""
    READY = "Ready"
    """The Check is being probed. `kubectl wait`, Argo CD and Flux read this one."""
    ALERTS_RENDERED = "AlertsRendered"
    """Its alert rules are where they are evaluated. Absent when the operator renders none."""


class ConditionStatus(StrEnum):
    """Kubernetes' three-valued truth."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class AcceptedReason(StrEnum):
    """Why `Accepted` is what it is. All but `Accepted` go with status `False`."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    """A field breaks a rule that the API server cannot check, such as a regex that does not compile."""
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, not a password
    SECRET_KEY_NOT_FOUND = "SecretKeyNotFound"  # noqa: S105 - a reason, not a password
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    CONFIG_MAP_KEY_NOT_FOUND = "ConfigMapKeyNotFound"
    INVALID_REFERENCED_VALUE = "InvalidReferencedValue"
    """A Secret's or ConfigMap's value cannot be used, such as a CA bundle that is not PEM."""
    POOL_NOT_FOUND = "PoolNotFound"
    """There is no ProbePool of the name that the Check gives."""
    NAMESPACE_NOT_ADMITTED = "NamespaceNotAdmitted"
    """The ProbePool does not admit the Check's namespace."""
    EGRESS_DENIED = "EgressDenied"
    """The egress policy of the ProbePool forbids what the Check would connect to."""


class ReadyReason(StrEnum):
    """Why `Ready` is what it is. Only `Probing` goes with status `True`."""

    PROBING = "Probing"
    SUSPENDED = "Suspended"
    """`spec.suspend` is true."""
    NOT_ACCEPTED = "NotAccepted"
    """The Check is not accepted, so it is not probed."""
    PENDING = "Pending"
    """Accepted, and not handed to a worker yet."""
    POOL_NOT_READY = "PoolNotReady"
    """Accepted, and no worker of its ProbePool has it yet."""
    EGRESS_DENIED = "EgressDenied"
    """Every address that was found for the host is refused by the egress policy of the ProbePool."""
    NOT_IN_ALL_POOLS = "NotInAllPools"
    """It is probed, but not from all of the ProbePools that it names: one is gone, or does not admit it."""


class AlertsReason(StrEnum):
    """Why `AlertsRendered` is what it is. Only `Rendered` goes with status `True`."""

    RENDERED = "Rendered"
    DISABLED = "Disabled"
    """`spec.alert.enabled` is false, on the Check, its ProbePool or by the operator's default."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is true: there is nothing to alert on."""
    INVALID_SPEC = "InvalidSpec"
    """The spec cannot be read, so no rule can be made of it: `Accepted` says why."""
    INVALID_TEMPLATE = "InvalidTemplate"
    """An annotation is a template that Prometheus would not parse."""
    NO_RULE_API = "NoRuleApi"
    """The cluster knows neither PrometheusRules nor GrafanaAlertRuleGroups."""
    REFUSED = "Refused"
    """The API server, an admission webhook, a quota or Grafana does not take the rules."""
