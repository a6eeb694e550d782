"""`metadata` of a Check: what Kubernetes gives every object."""

from typing import Annotated, Any

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.key_selectors import ObjectName
from pollwatch.api.rules import Pattern

DEFAULT_NAMESPACE = "default"
"""Where an object without a namespace is, as with kubectl."""

NamespaceName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Pattern(
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be the name of a namespace: lower-case letters, digits and '-'",
    ),
]


class Metadata(Model):
    """The fields of `ObjectMeta`. Those that Pollwatch does not read are taken as they are."""

    name: ObjectName
    namespace: NamespaceName = DEFAULT_NAMESPACE
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    finalizers: Any = None
    generate_name: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    self_link: Any = None
