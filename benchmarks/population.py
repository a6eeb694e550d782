"""Checks as a company has them, as many as are asked for: the same ones each time."""

import json
import uuid
from typing import Any

CHECKS_A_NAMESPACE = 200
CHECKS_A_HOST = 4
_TIME = "2026-11-08T20:00:00Z"

SECRET = {
    "metadata": {"name": "api-token", "uid": "s", "resourceVersion": "1"},
    "data": {"token": "QmVhcmVyIGh1bnRlcjI="},
}
"""What the Checks of each namespace log on with; `Bearer hunter2`."""


def namespace_of(number: int) -> str:
    """Name the namespace of a Check."""
    return f"team-{number // CHECKS_A_NAMESPACE:04}"


def check_document(number: int) -> dict[str, Any]:
    """Make a Check as the API server has it, with its status.

    Of ten, seven are plain HTTPS, one is HTTPS with a header from a Secret and rules for the answer, one
    is HTTP and one TCP. A third is probed each minute, the others each 30 s.
    """
    uid = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "Check",
        "metadata": {
            "namespace": namespace_of(number),
            "name": f"{('front-page', 'checkout', 'search', 'login')[number % 4]}-{number:07}",
            "uid": uid,
            "generation": 1,
            "resourceVersion": str(1_000_000 + number),
            "creationTimestamp": _TIME,
            "labels": {"app.kubernetes.io/managed-by": "argocd"},
            "managedFields": _managed_fields(),
        },
        "spec": {
            "periodSeconds": 60 if number % 3 == 0 else 30,
            "timeoutSeconds": 10,
            "labels": {"team": namespace_of(number), "tier": str(number % 3)},
            **_protocol(number),
        },
        "status": _status(),
    }


def check_json(number: int) -> bytes:
    """Make a Check as it comes over the wire."""
    return json.dumps(check_document(number), separators=(",", ":")).encode()


def _protocol(number: int) -> dict[str, Any]:
    host = f"www-{number // CHECKS_A_HOST:06}.example.org"
    match number % 10:
        case 7:
            return {
                "http": {
                    "url": f"https://{host}/api/v1/health?deep=true&n={number}",
                    "headers": [
                        {
                            "name": "Authorization",
                            "valueFrom": {"secretKeyRef": {"name": "api-token", "key": "token"}},
                        }
                    ],
                    "expect": {
                        "statuses": ["200"],
                        "body": [{"contains": '"status":"ok"'}, {"notMatches": "(?i)internal server error"}],
                    },
                }
            }
        case 8:
            return {"http": {"url": f"http://{host}/"}}
        case 9:
            return {"tcp": {"address": f"{host}:5432"}}
        case _:
            return {"http": {"url": f"https://{host}/pages/{number}"}}


def _managed_fields() -> list[dict[str, Any]]:
    """Who set which field: the API server keeps it of each object that is applied."""
    spec: dict[str, Any] = {
        "f:labels": {"f:team": {}, "f:tier": {}},
        "f:periodSeconds": {},
        "f:timeoutSeconds": {},
    }
    status: dict[str, Any] = {
        f"f:{name}": {} for name in ("conditions", "lastTransitionTime", "targets", "verdict")
    }
    return [
        {"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:spec": spec}, "time": _TIME},
        {"manager": "pollwatch", "operation": "Update", "fieldsV1": {"f:status": status}, "time": _TIME},
    ]


def _status() -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": message,
                "observedGeneration": 1,
                "lastTransitionTime": _TIME,
            }
            for kind, reason, message in (
                ("Accepted", "Accepted", "The spec is valid and all that it refers to is usable."),
                ("Ready", "Probing", "Probed every 30 s."),
            )
        ],
        "verdict": "Up",
        "lastTransitionTime": _TIME,
        "targets": {"total": 1, "up": 1, "summary": "1/1"},
    }
