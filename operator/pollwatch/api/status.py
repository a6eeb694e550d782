"""`status` of a Check: what the operator found."""

from typing import Annotated, Literal

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.check import MAX_POOLS
from pollwatch.api.conditions import AcceptedReason, AlertsReason, ReadyReason
from pollwatch.api.lists import keyed
from pollwatch.api.metadata import PoolName
from pollwatch.api.rules import Pattern

Int64 = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
Int32 = Annotated[int, Field(ge=0, json_schema_extra={"format": "int32"})]
Verdict = Literal["Up", "Degraded", "Down", "Unknown"]
Timestamp = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]

REASON = Pattern("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", "must be one word in CamelCase")
"""How Kubernetes has the reason of a condition spelt."""


class Condition(Model):
    """One aspect of the Check's state, as Kubernetes defines conditions."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What the condition speaks of. `Accepted`: the spec is valid and all that it refers to is usable.
    `Ready`: the Check is being probed. `AlertsRendered`: its alert rules are where they are evaluated."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    observed_generation: Int64 | None = None
    """The `metadata.generation` that this was found for."""
    last_transition_time: Timestamp
    """When `status` last changed."""
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            description="Why it is so, in one word. Of `Accepted`: "
            + ", ".join(AcceptedReason)
            + ". Of `Ready`: "
            + ", ".join(ReadyReason)
            + ". Of `AlertsRendered`: "
            + ", ".join(AlertsReason)
            + ".",
        ),
        REASON,
    ]
    message: Annotated[str, Field(max_length=2048)]
    """Why it is so, for people, with the path of the field to mend."""


class TargetCounts(Model):
    """How many targets there are, and how many are well."""

    total: Int32
    """How many targets the Check has: one, or one for each address."""
    up: Int32
    """How many of them are Up."""
    summary: Annotated[str, Field(max_length=16)]
    """Both at a glance, such as `2/3`."""


class LocationStatus(Model):
    """What one of several pools found."""

    pool: PoolName
    """Name of the pool."""
    verdict: Verdict
    """Its judgement over all targets."""
    since: Timestamp | None = None
    """When its verdict last changed."""
    targets: TargetCounts | None = None
    """How many targets there are from there, and how many are well."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why the last failing sample failed there, in one word; absent when all are Up."""
    message: Annotated[str, Field(max_length=512)] | None = None
    """What was expected and what came, for people; absent when all are Up."""


class CheckStatus(Model):
    """What the operator found. It is written when something changes, never for each probe."""

    observed_generation: Int64 | None = None
    """The `metadata.generation` that this status was found for."""
    verdict: Verdict | None = None
    """The judgement over all targets. `Degraded`: some fail. `Unknown`: not probed, or not judged yet."""
    last_transition_time: Timestamp | None = None
    """When `verdict` last changed."""
    previous_verdict: Verdict | None = None
    """What `verdict` was before that, as far as it was known: `Unknown` only if it never was."""
    previous_transition_time: Timestamp | None = None
    """When `previousVerdict` began."""
    targets: TargetCounts | None = None
    """How many targets there are, and how many are well."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why the last failing sample failed, in one word, such as `UnexpectedStatus`; absent when all are Up."""
    address: Annotated[str, Field(max_length=64)] | None = None
    """The address that failed for `reason`; absent when all are Up."""
    message: Annotated[str, Field(max_length=512)] | None = None
    """What was expected and what came, for people; absent when all are Up."""
    locations: Annotated[tuple[LocationStatus, ...], keyed("pool", most=MAX_POOLS)] = ()
    """What each of `spec.pools` found; empty where `pools` is not used."""
    conditions: Annotated[tuple[Condition, ...], keyed("type", most=8)] = ()
    """`Accepted` and `Ready`."""
