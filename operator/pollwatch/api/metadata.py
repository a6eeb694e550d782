"""`metadata` of our resources: what Kubernetes gives every object."""

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


POOL_NAME = "^[a-z0-9](?:[-a-z0-9]{0,36}[a-z0-9])?$"
"""A DNS label (RFC 1123), so short that the names of all that is made of a pool are such labels too."""

PoolName = Annotated[
    str,
    Field(min_length=1, max_length=38),
    Pattern(POOL_NAME, "must be the name of a ProbePool: lower-case letters, digits and '-'"),
]

_OF_KUBERNETES = frozenset(
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


class Metadata(Model):
    """The fields of a Check's `ObjectMeta` that Pollwatch reads."""

    ignored_fields: ClassVar[frozenset[str]] = _OF_KUBERNETES

    name: ObjectName
    namespace: NamespaceName = DEFAULT_NAMESPACE
    uid: str = ""
    generation: int = 0


class PoolMetadata(Model):
    """The fields of a ProbePool's `ObjectMeta` that Pollwatch reads.

    A pool is in no namespace; one that is given is dropped, as the API server does.
    """

    ignored_fields: ClassVar[frozenset[str]] = _OF_KUBERNETES | {"namespace"}

    name: str
    uid: str = ""
    generation: int = 0
