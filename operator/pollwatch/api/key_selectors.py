"""References to values in Secrets and ConfigMaps of the Check's own namespace."""

from typing import Annotated, ClassVar

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.rules import Pattern, Rule, exactly_one

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Pattern(
        r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$",
        "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.'",
    ),
]
"""Name of a Kubernetes object (RFC 1123 subdomain)."""

DataKey = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Pattern(r"^[-._a-zA-Z0-9]+$", "must be a key of such an object: letters, digits, '-', '_' and '.'"),
]


class SecretKeySelector(Model):
    """One value of a Secret in the Check's namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: DataKey
    """Key of the value in the Secret's data."""


class ConfigMapKeySelector(Model):
    """One value of a ConfigMap in the Check's namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: DataKey
    """Key of the value in the ConfigMap's data."""


class CaSource(Model):
    """Where trusted root certificates come from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(("configMapKeyRef", "secretKeyRef"), remedy="keep one of them"),
    )

    config_map_key_ref: ConfigMapKeySelector | None = None
    """A value of a ConfigMap: one or more certificates in PEM form."""
    secret_key_ref: SecretKeySelector | None = None
    """A value of a Secret: one or more certificates in PEM form."""
