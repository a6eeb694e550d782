"""`metadata` of a Check: what Kubernetes gives every object."""

from typing import Annotated, ClassVar

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
        "^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$",
        "must be the name of a namespace: lower-case letters, digits and '-'",
    ),
]


class Metadata(Model):
    """The fields of `ObjectMeta` that Pollwatch reads."""

    ignored_fields: ClassVar[frozenset[str]] = frozenset(
        {
            "annotations",
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generateName",
            "labels",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
        }
    )

    name: ObjectName
    namespace: NamespaceName = DEFAULT_NAMESPACE
    uid: str = ""
    generation: int = 0
