"""`spec.template` of a ProbePool: what is laid over the pods of its workers.

What a pod can be is judged by the API server once more when the workload is made; here stands
what a worker can use, with the bounds of a custom resource.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from pollwatch.api.base import Model
from pollwatch.api.key_selectors import ConfigMapKeySelector, DataKey, ObjectName, SecretKeySelector
from pollwatch.api.label_selector import LABEL_KEY, Labels, is_label_key
from pollwatch.api.labels import without_nulls
from pollwatch.api.lists import atomic, keyed
from pollwatch.api.rules import Pattern, Rule, Unique, exactly_one, matching, not_matching

OUR_LABELS = (
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/name",
)
"""By these, and by all of `pollwatch.dev/`, workers are found."""

_OURS = "pollwatch.dev/"

_QUANTITY = r"^[0-9]+(?:\.[0-9]+)?(?:[mkMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?$"

Opaque = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""An object of Kubernetes that is passed on as it is; the API server judges it in the pod's template."""


def _without_quotes(value: Any) -> Any:
    """Read a number without a unit, which may stand without quotes, as the quantity that it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    Field(max_length=20),
    Pattern(_QUANTITY, "must be a quantity such as '250m', '1.5' or '128Mi'"),
    BeforeValidator(_without_quotes),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": _QUANTITY, "maxLength": 20, "minimum": 0}),
]
"""An amount of a resource, as Kubernetes writes it."""

Quantities = Annotated[dict[str, Quantity], Field(max_length=8), BeforeValidator(without_nulls)]

Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=1024)]],
    Field(max_length=32),
    BeforeValidator(without_nulls),
    Rule(
        cel=f"self.all(key, key.matches(r'{LABEL_KEY}') && !key.startsWith('{_OURS}'))",
        holds=lambda annotations: all(is_label_key(key) and not key.startswith(_OURS) for key in annotations),
        message=f"must have keys such as 'team' or 'example.org/team', and none of {_OURS}",
    ),
]

VolumeName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Pattern("^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$", "must be a name of lower-case letters, digits and '-'"),
    not_matching("^pollwatch", "must not begin with 'pollwatch', as the volumes of the worker do; rename it"),
]

FilePath = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matching(r"^[^/]", "must be a path below the volume, without '/' at its beginning"),
    not_matching(r"(?:^|/)\.\.(?:/|$)", "must not hold '..'"),
]


class Resources(Model):
    """What a worker's container asks for, and what it may use."""

    requests: Quantities = Field(default_factory=dict)
    """What the node must have free, by resource: `cpu: 250m`."""
    limits: Quantities = Field(default_factory=dict)
    """What the container may use at most, by resource: `memory: 512Mi`."""


class PullSecret(Model):
    """A Secret with the credentials of an image registry."""

    name: ObjectName
    """Name of the Secret, in the operator's namespace."""


class Toleration(Model):
    """Taints of nodes that do not keep workers away. Everything that is given must match a taint."""

    key: Annotated[str, Field(max_length=317)] | None = None
    """Key of the taint. Not set, with operator `Exists`: every key."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """`Equal`: the taint has `value`. `Exists`: whatever value it has."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint, with operator `Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Not set: every effect."""
    toleration_seconds: (
        Annotated[int, Field(ge=0, le=2**31 - 1, json_schema_extra={"format": "int64"})] | None
    ) = None
    """Seconds that a worker stays on a node with such a taint of effect `NoExecute`. Not set: for ever."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.key) || self.operator == 'Exists'",
            holds=lambda toleration: "key" in toleration or toleration["operator"] == "Exists",
            message="operator must be Exists where there is no key",
            field="operator",
        ),
        Rule(
            cel="self.operator == 'Equal' || !has(self.value)",
            holds=lambda toleration: toleration["operator"] == "Equal" or "value" not in toleration,
            message="value has no meaning with operator Exists; remove it",
            field="value",
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            holds=lambda toleration: (
                "tolerationSeconds" not in toleration or toleration.get("effect") == "NoExecute"
            ),
            message="tolerationSeconds needs effect NoExecute",
            field="tolerationSeconds",
        ),
    )


class KeyToPath(Model):
    """One key of a Secret or ConfigMap, as a file."""

    key: DataKey
    """Key in the data."""
    path: FilePath
    """Path of the file, below the volume."""


KeysToPaths = Annotated[tuple[KeyToPath, ...], atomic(most=32)]


class ConfigMapVolume(Model):
    """Files from a ConfigMap in the operator's namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    items: KeysToPaths = ()
    """Keys to have as files. None: all of them."""


class SecretVolume(Model):
    """Files from a Secret in the operator's namespace."""

    secret_name: ObjectName
    """Name of the Secret."""
    items: KeysToPaths = ()
    """Keys to have as files. None: all of them."""


class Volume(Model):
    """Files for the worker, such as a bundle of certificates."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(("configMap", "secret"), remedy="keep one of them"),)

    name: VolumeName
    """What `volumeMounts` call it."""
    config_map: ConfigMapVolume | None = None
    """Files from a ConfigMap in the operator's namespace."""
    secret: SecretVolume | None = None
    """Files from a Secret in the operator's namespace. Every worker of the pool can read them."""


class VolumeMount(Model):
    """Where a volume's files are; they can be read only."""

    name: VolumeName
    """Name of the volume."""
    mount_path: Annotated[
        str,
        Field(max_length=253),
        matching("^/[^:]*$", "must be an absolute path without ':', such as '/etc/ssl/corporate'"),
        not_matching(
            "^/+(?:etc(?:/+pollwatch(?:/.*)?)?/*)?$",
            "must not be '/', '/etc' or within '/etc/pollwatch', where the worker has its plan",
        ),
    ]
    """Folder in which the files are, such as `/etc/ssl/corporate`."""
    sub_path: FilePath | None = None
    """One file or folder of the volume, instead of all."""


class EnvironmentSource(Model):
    """Where the value of a variable comes from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one(("configMapKeyRef", "secretKeyRef"), remedy="keep one of them"),
    )

    config_map_key_ref: ConfigMapKeySelector | None = None
    """A value of a ConfigMap in the operator's namespace."""
    secret_key_ref: SecretKeySelector | None = None
    """A value of a Secret in the operator's namespace."""


class EnvironmentVariable(Model):
    """One environment variable of the worker."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(("value", "valueFrom"), remedy="keep one of them"),)

    name: Annotated[
        str,
        Field(min_length=1, max_length=128),
        Pattern("^[A-Za-z_][A-Za-z0-9_]*$", "must be the name of a variable: letters, digits and '_'"),
        not_matching("^POLLWATCH_", "must not begin with 'POLLWATCH_'; the operator sets these"),
    ]
    """Name of the variable, such as `SSL_CERT_FILE`."""
    value: Annotated[str, Field(max_length=4096)] | None = None
    """The value itself. For a password use `valueFrom`."""
    value_from: EnvironmentSource | None = None
    """Where the value comes from."""


class PodTemplate(Model):
    """What is laid over the pods of the workers."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) &&"
            " self.volumes.exists(volume, volume.name == mount.name))",
            holds=lambda template: (
                {mount["name"] for mount in template.get("volumeMounts") or ()}
                <= {volume["name"] for volume in template.get("volumes") or ()}
            ),
            message="volumeMounts must name volumes that are in volumes; add the volume, or mend the name",
            field="volumeMounts",
        ),
    )

    image: (
        Annotated[
            str,
            Field(min_length=1, max_length=512),
            matching(r"^[!-~]*$", "must be the reference of a container image, without spaces"),
        ]
        | None
    ) = None
    """Image of the worker. When it is not set: that of the operator."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled. When it is not set: as Kubernetes does."""
    image_pull_secrets: Annotated[tuple[PullSecret, ...], keyed("name", most=8), Unique.by("name")] = ()
    """Secrets with credentials for the image's registry."""
    resources: Resources | None = None
    """What a worker asks for and may use. When it is not set: the operator's own proposal."""
    node_selector: Labels = Field(default_factory=dict)
    """Labels of the nodes that workers may run on."""
    tolerations: Annotated[tuple[Toleration, ...], atomic(most=16)] = ()
    """Taints of nodes that do not keep workers away."""
    affinity: Opaque | None = None
    """Which nodes and which neighbours are preferred or needed: `affinity` of a pod."""
    topology_spread_constraints: Annotated[tuple[Opaque, ...], atomic(most=8)] = ()
    """How workers are spread over zones and nodes: `topologySpreadConstraints` of a pod. When there are
    none: over nodes, where that is possible."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of the workers' pods."""
    volumes: Annotated[tuple[Volume, ...], keyed("name", most=8), Unique.by("name")] = ()
    """Files for the workers, such as bundles of certificates."""
    volume_mounts: Annotated[tuple[VolumeMount, ...], keyed("mountPath", most=8), Unique.by("mountPath")] = ()
    """Where the files are."""
    env: Annotated[tuple[EnvironmentVariable, ...], keyed("name", most=32), Unique.by("name")] = ()
    """Environment variables, such as `SSL_CERT_FILE`."""
    labels: Annotated[
        Labels,
        Rule(
            cel=f"self.all(key, !key.startsWith('{_OURS}') && !(key in {list(OUR_LABELS)}))",
            holds=lambda labels: not any(key.startswith(_OURS) or key in OUR_LABELS for key in labels),
            message=f"must not have {', '.join(OUR_LABELS)} or labels of {_OURS}: workers are found by them",
            reason="FieldValueForbidden",
        ),
    ] = Field(default_factory=dict)
    """Labels of the workers' pods, beside those that the operator sets."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the workers' pods."""
