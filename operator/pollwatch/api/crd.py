"""The custom resource definitions, made from the models."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from pollwatch.api.base import Model
from pollwatch.api.group import API_VERSION, GROUP, VERSION
from pollwatch.api.structural import structural_schema

_YAML_WIDTH = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A custom resource, as a cluster is told of it."""

    kind: str
    plural: str
    short_name: str
    namespaced: bool
    model: type[Model]
    spec: type[Model]
    status: type[Model]
    columns: tuple[Mapping[str, Any], ...]
    """What `kubectl get` shows; priority 1 only with `-o wide`."""
    selectable: tuple[str, ...] = ()
    """JSON paths of fields that `--field-selector` knows."""
    replicas: Mapping[str, str] | None = None
    """What `kubectl scale` reads and sets."""

    def crd(self) -> dict[str, Any]:
        """Return the CustomResourceDefinition as a plain document."""
        version: dict[str, Any] = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}} | ({"scale": dict(self.replicas)} if self.replicas else {}),
            "additionalPrinterColumns": [dict(column) for column in self.columns],
        }
        if self.selectable:
            version["selectableFields"] = [{"jsonPath": path} for path in self.selectable]
        version["schema"] = {"openAPIV3Schema": self.schema()}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{self.plural}.{GROUP}",
                "labels": {
                    "app.kubernetes.io/name": "pollwatch",
                    "app.kubernetes.io/part-of": "pollwatch",
                },
            },
            "spec": {
                "group": GROUP,
                "scope": "Namespaced" if self.namespaced else "Cluster",
                "names": {
                    "kind": self.kind,
                    "listKind": f"{self.kind}List",
                    "plural": self.plural,
                    "singular": self.kind.lower(),
                    "shortNames": [self.short_name],
                    "categories": ["pollwatch"],
                },
                "versions": [version],
            },
        }

    def schema(self) -> dict[str, Any]:
        """Return the structural schema of a whole object."""
        schema: dict[str, Any] = {
            "description": (self.model.__doc__ or "").partition("\n")[0],
            "type": "object",
            "required": ["spec"],
            "properties": {
                "apiVersion": {"description": f"`{API_VERSION}`.", "type": "string"},
                "kind": {"description": f"`{self.kind}`.", "type": "string"},
                "metadata": {"type": "object"},
                "spec": structural_schema(self.spec),
                "status": structural_schema(self.status),
            },
        }
        if self.model.rules:
            # Its message says what it is about: no path leads into `metadata`.
            schema["x-kubernetes-validations"] = [
                replace(rule, field=None).validation() for rule in self.model.rules
            ]
        return schema


def crd_yaml(resource: Resource) -> str:
    """Write a custom resource definition as YAML, for people to read and kubectl to apply."""
    return yaml.dump(
        resource.crd(), Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=_YAML_WIDTH
    )


class _NoAliases(yaml.SafeDumper):
    """Writes a value that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True
