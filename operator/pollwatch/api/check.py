"""The Check: what must answer, and how it is judged."""

from collections.abc import Mapping
from sys import intern
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError

from pollwatch.api.alert import AlertSpec, Objective
from pollwatch.api.base import Model
from pollwatch.api.explain import explain
from pollwatch.api.http_check import HttpCheck
from pollwatch.api.labels import MetricLabels
from pollwatch.api.lists import distinct
from pollwatch.api.metadata import Metadata, PoolName
from pollwatch.api.problems import Invalid
from pollwatch.api.rules import Rule, Unique, at_most_one, exactly_one
from pollwatch.api.tcp_check import TcpCheck
from pollwatch.plan.checks import CheckKey

KIND = "Check"
PLURAL = "checks"

DEFAULT_TIMEOUT_SECONDS = 10

MAX_POOLS = 16

Seconds = Annotated[int, Field(ge=1, le=86400, json_schema_extra={"format": "int32"})]


class CheckSpec(Model):
    """What must answer, and how it is judged."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(("http", "tcp"), remedy="make a Check for each target"),
        Rule(
            cel="!has(self.timeoutSeconds) || self.timeoutSeconds <= self.periodSeconds",
            holds=lambda spec: (
                "timeoutSeconds" not in spec or spec["timeoutSeconds"] <= spec["periodSeconds"]
            ),
            message="timeoutSeconds must not be above periodSeconds; lower it, or raise periodSeconds",
            field="timeoutSeconds",
        ),
        at_most_one(("pool", "pools"), remedy="keep one of them"),
        Rule(
            cel="!has(self.quorum) || has(self.pools)",
            holds=lambda spec: "quorum" not in spec or "pools" in spec,
            message="quorum is a number of pools; name them in pools, or remove it",
            field="quorum",
        ),
        Rule(
            cel="!has(self.quorum) || !has(self.pools) || self.quorum <= self.pools.size()",
            holds=lambda spec: (
                "quorum" not in spec or "pools" not in spec or spec["quorum"] <= len(spec["pools"])
            ),
            message="quorum must not be above the number of pools; lower it, or name more pools",
            field="quorum",
        ),
    )

    period_seconds: Seconds = 30
    """Seconds from the start of one probe to the start of the next."""
    timeout_seconds: Seconds | None = None
    """Seconds that a probe may take, from the name being resolved to the last byte; not above
    `periodSeconds`. When it is not set: 10, or `periodSeconds` if that is less."""
    suspend: bool = False
    """Stop probing. Until it is resumed the Check has no series, and its verdict is `Unknown`."""
    labels: MetricLabels = Field(default_factory=dict)
    """Labels for all series of the Check, such as `team: web`. They must not be labels that
    Pollwatch or Prometheus sets."""
    pool: PoolName | None = None
    """Name of the ProbePool whose workers probe. When neither it nor `pools` is set: the operator's
    default pool."""
    pools: Annotated[tuple[PoolName, ...], distinct(least=2, most=MAX_POOLS), Unique("pool")] | None = None
    """Names of ProbePools that all probe, each from its location. Their verdicts are judged together by
    `quorum`."""
    quorum: Annotated[int, Field(ge=1, json_schema_extra={"format": "int32"})] | None = None
    """How many of `pools` must find the Check Down for it to be Down; where fewer do, it is Degraded.
    When it is not set: more than half of them."""
    objective: Objective | None = None
    """Percentage of probes that are to succeed over 30 days, such as `"99.9"`. With it, alerts go by how fast
    the error budget burns; without it, by the share of failures."""
    alert: AlertSpec | None = None
    """How alerts are raised; it changes nothing about the probing."""
    http: HttpCheck | None = None
    """Probe by an HTTP request. Exactly one of `http` and `tcp` is set."""
    tcp: TcpCheck | None = None
    """Probe by a TCP connection. Exactly one of `http` and `tcp` is set."""

    @property
    def timeout(self) -> int:
        """Seconds that a probe may take, with the default filled in."""
        if self.timeout_seconds is not None:
            return self.timeout_seconds
        return min(DEFAULT_TIMEOUT_SECONDS, self.period_seconds)

    def pool_names(self, default: str) -> tuple[str, ...]:
        """Names of the pools that probe, at least one; `default` where the Check names none."""
        return self.pools or (self.pool or default,)

    @property
    def needed_for_down(self) -> int:
        """How many pools must find it Down, with the default filled in: a majority."""
        return self.quorum if self.quorum is not None else len(self.pools or ()) // 2 + 1


class Check(Model):
    """Something that must answer: how it is probed, how it is judged, and what was found.

    `status` is no part of it: what the operator found is not read back as input.
    """

    ignored_fields: ClassVar[frozenset[str]] = frozenset({"status"})

    api_version: Literal["pollwatch.dev/v1alpha1"]
    kind: Literal["Check"]
    metadata: Metadata
    spec: CheckSpec

    @property
    def key(self) -> CheckKey:
        """Its identity."""
        return CheckKey(intern(self.metadata.namespace), intern(self.metadata.name))


def parse_check(document: Mapping[str, Any]) -> Check:
    """Read a Check from a plain document, as JSON or YAML gives it.

    Raises:
        Invalid: It breaks the schema or a rule; all problems are told.
    """
    try:
        return Check.model_validate(document)
    except ValidationError as error:
        raise Invalid(explain(error)) from None
