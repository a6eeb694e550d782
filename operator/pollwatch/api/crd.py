"""The custom resource definitions, made from the models."""

from collections.abc import Mapping
from typing import Any

import yaml

from pollwatch.api.check import API_VERSION, GROUP, KIND, PLURAL, VERSION, Check, CheckSpec
from pollwatch.api.status import CheckStatus
from pollwatch.api.structural import structural_schema

_YAML_WIDTH = 110

_COLUMNS = (
    {
        "name": "Verdict",
        "type": "string",
        "jsonPath": ".status.verdict",
        "description": "The judgement over all targets: Up, Degraded, Down or Unknown.",
    },
    {
        "name": "Targets",
        "type": "string",
        "jsonPath": ".status.targets.summary",
        "description": "How many targets are Up, of how many.",
    },
    {
        "name": "Since",
        "type": "date",
        "jsonPath": ".status.lastTransitionTime",
        "description": "How long the verdict has been what it is.",
    },
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Address",
        "type": "string",
        "jsonPath": ".status.address",
        "description": "The address that failed last, while one fails.",
        "priority": 1,
    },
    {
        "name": "Reason",
        "type": "string",
        "jsonPath": ".status.reason",
        "description": "Why it failed.",
        "priority": 1,
    },
)
"""What `kubectl get checks` shows; priority 1 only with `-o wide`."""


def check_crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition of Check as a plain document."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {
                "app.kubernetes.io/name": "pollwatch",
                "app.kubernetes.io/part-of": "pollwatch",
            },
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["chk"],
                "categories": ["pollwatch"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in _COLUMNS],
                    "selectableFields": [{"jsonPath": ".status.verdict"}],
                    "schema": {"openAPIV3Schema": check_schema()},
                }
            ],
        },
    }


def check_schema() -> dict[str, Any]:
    """Return the structural schema of a whole Check."""
    return {
        "description": (Check.__doc__ or "").partition("\n")[0],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"`{API_VERSION}`.", "type": "string"},
            "kind": {"description": f"`{KIND}`.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(CheckSpec),
            "status": structural_schema(CheckStatus),
        },
    }


def crd_yaml(crd: Mapping[str, Any]) -> str:
    """Write a custom resource definition as YAML, for people to read and kubectl to apply."""
    return yaml.dump(dict(crd), Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=_YAML_WIDTH)


class _NoAliases(yaml.SafeDumper):
    """Writes a value that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True
