"""`status` of a ProbePool: what the operator found."""

from typing import Annotated

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.lists import keyed
from pollwatch.api.pool import MAX_WORKERS
from pollwatch.api.pool_conditions import (
    DeliveredReason,
    FeedIntactReason,
    PoolAcceptedReason,
    PoolReadyReason,
)
from pollwatch.api.status import REASON, Condition, Int32, Int64

_MOST_WORDS = 512


class PoolCondition(Condition):
    """One aspect of the pool's state, as Kubernetes defines conditions."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """What the condition speaks of. `Accepted`: the spec can be carried out. `Ready`: all workers run.
    `Delivered`: every worker probes by the plan of now. `FeedIntact`: no transition was lost."""
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            description="Why it is so, in one word. "
            + " ".join(
                f"Of `{condition}`: {', '.join(reasons)}."
                for condition, reasons in (
                    ("Accepted", PoolAcceptedReason),
                    ("Ready", PoolReadyReason),
                    ("Delivered", DeliveredReason),
                    ("FeedIntact", FeedIntactReason),
                )
            ),
        ),
        REASON,
    ]
    message: Annotated[str, Field(max_length=2048)]
    """Why it is so, for people, with what to do."""


class WorkerStatus(Model):
    """One worker, and the shard of Checks that it probes."""

    name: Annotated[str, Field(max_length=64)]
    """Name of the worker: the pool's, and the number of its shard."""
    pod: Annotated[str, Field(max_length=253)] | None = None
    """Name of its pod; absent while there is none."""
    ready: bool
    """Whether it probes by the plan of now and is heard of."""
    checks: Int32
    """How many Checks it has."""
    targets: Int32
    """How many targets they have."""
    revision: Int64
    """Revision of the plan that it should have."""
    live_revision: Int64
    """Revision of the plan that it probes by; 0: none yet."""
    feed_lag_seconds: Int32
    """Seconds since its feed was read to the end."""
    utilisation_percent: Int32
    """How much of one core it uses, in percent."""
    lateness_milliseconds: Int32
    """How late probes start: the 99th percentile of the last minute."""
    problem: Annotated[str, Field(max_length=_MOST_WORDS)] | None = None
    """What is wrong with it, for people; absent when nothing is."""


class ProbePoolStatus(Model):
    """What the operator found. It is written when something changes; what always moves, once a minute."""

    observed_generation: Int64 | None = None
    """The `metadata.generation` that this status was found for."""
    replicas: Int32 | None = None
    """How many workers there are to be."""
    ready_replicas: Int32 | None = None
    """How many of them are ready."""
    summary: Annotated[str, Field(max_length=16)] | None = None
    """Both at a glance, such as `2/3`."""
    shards: Int32 | None = None
    """How many shards the Checks are in."""
    checks: Int32 | None = None
    """How many Checks name the pool and are probed."""
    targets: Int32 | None = None
    """How many targets they have."""
    probes_per_second: Int32 | None = None
    """How many probes a second their periods ask for."""
    utilisation_percent: Int32 | None = None
    """How much of one core the busiest worker uses, in percent."""
    lateness_milliseconds: Int32 | None = None
    """How late probes start where they are latest: the 99th percentile of a worker's last minute."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why the first of the conditions that is not well is so, in one word; absent when all are well."""
    message: Annotated[str, Field(max_length=_MOST_WORDS)] | None = None
    """The same for people, with what to do; absent when all are well."""
    workers: Annotated[tuple[WorkerStatus, ...], keyed("name", most=MAX_WORKERS)] = ()
    """The workers, by number."""
    conditions: Annotated[tuple[PoolCondition, ...], keyed("type", most=8)] = ()
    """`Accepted`, `Ready`, `Delivered` and `FeedIntact`."""
