"""Secrets and ConfigMaps in files: their data, decoded.

No message tells a value, not even a malformed one: it may be a secret all the same.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pollwatch.api.metadata import DEFAULT_NAMESPACE
from pollwatch.api.problems import Invalid, Problem


def object_key(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return namespace and name of a Secret or ConfigMap.

    Raises:
        Invalid: It has none.
    """
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        raise Invalid([Problem(path="metadata.name", message="required field is missing")])
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    return str(namespace), name


def secret_data(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the data of a Secret; `stringData` wins over `data`, as in the API server.

    Raises:
        Invalid: A value is no string or, in `data`, not base64.
    """
    return _read(document, encoded="data", plain="stringData")


def config_map_data(document: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the data of a ConfigMap, that of `binaryData` included.

    Raises:
        Invalid: A value is no string or, in `binaryData`, not base64.
    """
    return _read(document, encoded="binaryData", plain="data")


def _read(document: Mapping[str, Any], *, encoded: str, plain: str) -> dict[str, bytes]:
    problems: list[Problem] = []
    data: dict[str, bytes] = {}
    for field in (encoded, plain):
        for key, value in _mapping(document, field, problems).items():
            path = f"{field}.{key}"
            if not isinstance(value, str):
                problems.append(Problem(path=path, message="must be a string; write it in quotes"))
            elif field == plain:
                data[key] = value.encode()
            else:
                try:
                    data[key] = base64.b64decode("".join(value.split()), validate=True)
                except (binascii.Error, ValueError):
                    problems.append(Problem(path=path, message="must be base64"))
    if problems:
        raise Invalid(problems)
    return data


def _mapping(document: Mapping[str, Any], field: str, problems: list[Problem]) -> Mapping[str, Any]:
    value = document.get(field)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    problems.append(Problem(path=field, message="must be a mapping"))
    return {}
