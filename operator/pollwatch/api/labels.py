"""`spec.labels`: what a Check, or its pool, adds to the series."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pollwatch.api.rules import Rule, matcher

RESERVED = (
    "address",
    "check",
    "cipher",
    "fingerprint_sha256",
    "instance",
    "job",
    "le",
    "namespace",
    "phase",
    "pool",
    "quantile",
    "reason",
    "target",
    "verdict",
    "version",
)
"""Labels that the series carry already, or that Prometheus sets when it scrapes."""

_NAME = "^[a-zA-Z_][a-zA-Z0-9_]{0,62}$"
_is_name = matcher(_NAME)


NAMED_AS_LABELS = Rule(
    cel=f"self.all(name, name.matches('{_NAME}') && !name.startsWith('__'))",
    holds=lambda labels: all(_is_name(name) and not name.startswith("__") for name in labels),
    message="must have names of letters, digits and '_', at most 63 of them,"
    " that do not begin with a digit or with '__'",
)
"""The keys of a mapping are names that a label of Prometheus can have."""


def without_nulls(labels: Any) -> Any:
    """Drop what is null, as the API server does with all that must not be."""
    if not isinstance(labels, dict):
        return labels
    return {name: value for name, value in labels.items() if value is not None}


MetricLabels = Annotated[
    dict[str, Annotated[str, Field(max_length=128)]],
    Field(max_length=10),
    BeforeValidator(without_nulls),
    NAMED_AS_LABELS,
    Rule(
        cel=f"self.all(name, !(name in {list(RESERVED)}))",
        holds=lambda labels: not any(name in RESERVED for name in labels),
        message=f"must not have one of the names that Pollwatch or Prometheus sets: {', '.join(RESERVED)}",
        reason="FieldValueForbidden",
    ),
]
