"""The ProbePool: where probing happens, how much of it, and what it may reach."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError

from pollwatch.api.alert import AlertSpec
from pollwatch.api.base import Model
from pollwatch.api.egress import Egress
from pollwatch.api.explain import explain
from pollwatch.api.label_selector import LabelSelector
from pollwatch.api.labels import MetricLabels
from pollwatch.api.metadata import POOL_NAME, PoolMetadata
from pollwatch.api.pod_template import PodTemplate
from pollwatch.api.problems import Invalid
from pollwatch.api.rules import Rule, at_most_one, matcher

KIND = "ProbePool"
PLURAL = "probepools"

MAX_WORKERS = 64

_is_pool_name = matcher(POOL_NAME)

Workers = Annotated[int, Field(ge=1, le=MAX_WORKERS, json_schema_extra={"format": "int32"})]


class AutoSize(Model):
    """How many workers there are, as their load asks for."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.min <= self.max",
            holds=lambda autosize: autosize["min"] <= autosize["max"],
            message="min must not be above max; lower it, or raise max",
            field="min",
        ),
    )

    target_utilisation_percent: Annotated[int, Field(ge=10, le=90, json_schema_extra={"format": "int32"})] = (
        60
    )
    """How much of one core each worker should use, in percent. Low leaves room for a worker that fails."""
    min: Workers = 1
    """Fewest workers."""
    max: Workers
    """Most workers."""


class ProbePoolSpec(Model):
    """Where probing happens, how much of it, and what it may reach."""

    rules: ClassVar[tuple[Rule, ...]] = (at_most_one(("replicas", "autosize"), remedy="keep one of them"),)

    replicas: Workers | None = None
    """How many workers share the pool's Checks. When neither it nor `autosize` is set: 1."""
    autosize: AutoSize | None = None
    """Let the number of workers follow from what the Checks cost and how late probes are."""
    allowed_namespaces: LabelSelector | None = None
    """Labels of the namespaces whose Checks may use the pool. When it is not set: all namespaces."""
    egress: Egress = Egress()
    """What workers may connect to. It is judged for each connection, on the address that a name was
    resolved to: first `deny`, then `allow`, then the protected addresses, then `default`. Protected are
    cloud metadata services, link-local and loopback addresses, the API server and the node of the worker
    (but no other node). Only a rule of `allow` with `cidrs` opens them: were names enough, whoever controls
    a name could reach them."""
    labels: MetricLabels = Field(default_factory=dict)
    """Labels for all series of the pool, such as `location: east`. They win over a Check's labels of the
    same name."""
    alert: AlertSpec | None = None
    """How alerts are raised for the Checks whose first pool it is, where they do not say so themselves."""
    max_probes_per_second_per_host: Annotated[
        int, Field(ge=1, le=10_000, json_schema_extra={"format": "int32"})
    ] = 50
    """How many probes a second all Checks of the pool together may send to one host. Those that would
    exceed it are probed less often, and say so in a condition."""
    template: PodTemplate = PodTemplate()
    """What is laid over the pods of the workers. All that is not here is the operator's: workers have no
    Kubernetes credentials, no capabilities and no writable disk, whatever the template says."""

    @property
    def fewest_workers(self) -> int:
        """How many workers there are at least, with the default filled in."""
        if self.autosize is not None:
            return self.autosize.min
        return 1 if self.replicas is None else self.replicas


class ProbePool(Model):
    """A set of probe workers: where they run, how many there are, and what they may reach.

    `status` is no part of it: what the operator found is not read back as input.
    """

    ignored_fields: ClassVar[frozenset[str]] = frozenset({"status"})

    rules: ClassVar[tuple[Rule, ...]] = (
        # The schema of a custom resource has no place for what a name must be.
        Rule(
            cel=f"self.metadata.name.matches('{POOL_NAME}')",
            holds=lambda document: _is_pool_name(document["metadata"].get("name", "")),
            message="a ProbePool's metadata.name must be at most 38 lower-case letters, digits and '-',"
            " with no '-' at an end; workloads are named after it",
            field="metadata.name",
        ),
    )

    api_version: Literal["pollwatch.dev/v1alpha1"]
    kind: Literal["ProbePool"]
    metadata: PoolMetadata
    spec: ProbePoolSpec

    @property
    def name(self) -> str:
        """Its identity: a pool is in no namespace."""
        return self.metadata.name


def parse_pool(document: Mapping[str, Any]) -> ProbePool:
    """Read a ProbePool from a plain document, as JSON or YAML gives it.

    Raises:
        Invalid: It breaks the schema or a rule; all problems are told.
    """
    try:
        return ProbePool.model_validate(document)
    except ValidationError as error:
        raise Invalid(explain(error)) from None
