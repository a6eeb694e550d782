"""Condition types of a ProbePool and their reasons: closed sets, safe to alert on and to script against."""

from enum import StrEnum


class PoolConditionType(StrEnum):
    """What a condition speaks of."""

    ACCEPTED = "Accepted"
    """The spec can be carried out, and the cluster takes what is made of it."""
    READY = "Ready"
    """All workers that are asked for run. `kubectl wait`, Argo CD and Flux read this one."""
    DELIVERED = "Delivered"
    """Every worker probes by the plan of now."""
    FEED_INTACT = "FeedIntact"
    """No transition was lost between a worker and the operator."""


class PoolAcceptedReason(StrEnum):
    """Why `Accepted` is what it is. All but `Accepted` go with status `False`."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    """The API server refuses a workload that is made of the spec, such as a volume that cannot be."""
    NO_NAMESPACE_ADMITTED = "NoNamespaceAdmitted"
    """`spec.allowedNamespaces` selects none of the namespaces there are."""
    PLAN_TOO_LARGE = "PlanTooLarge"
    """What one worker would be told does not fit into its Secrets: more workers are needed."""


class PoolReadyReason(StrEnum):
    """Why `Ready` is what it is. Only `Ready` goes with status `True`."""

    READY = "Ready"
    SCALING = "Scaling"
    """Workers are being added or taken away."""
    UNSCHEDULABLE = "Unschedulable"
    """No node takes a worker's pod."""
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    """The image of a worker cannot be had."""
    WORKERS_FAILING = "WorkersFailing"
    """A worker ends again and again."""
    WORKERS_NOT_READY = "WorkersNotReady"
    """A worker is not ready, for none of the reasons above."""


class DeliveredReason(StrEnum):
    """Why `Delivered` is what it is. Only `Delivered` goes with status `True`."""

    DELIVERED = "Delivered"
    PENDING = "Pending"
    """A plan is on its way."""
    PLAN_REFUSED = "PlanRefused"
    """A worker cannot read its plan, such as one that was edited by hand; it probes on by the one before."""
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    """A plan, or a Check in one, needs another version of the worker than the one that runs."""
    TOKEN_MISMATCH = "TokenMismatch"  # noqa: S105 - a reason, not a password
    """A worker accepts none of the operator's keys."""
    UNREACHABLE = "Unreachable"
    """The operator cannot reach a worker over the network."""


class FeedIntactReason(StrEnum):
    """Why `FeedIntact` is what it is."""

    INTACT = "Intact"
    OVERFLOWED = "Overflowed"
    """A worker had more transitions than it keeps while nobody read them: the oldest are lost."""
