"""What a Pod's volumes hold: the files of Secrets and ConfigMaps."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.cluster.apiclient import JsonObject

DATA_KINDS = {"secret": "Secret", "configMap": "ConfigMap"}
"""Kinds of object by the volume source that names them."""


class NotThereError(Exception):
    """A Secret or ConfigMap that is not optional does not exist: the kubelet's FailedMount."""


def files_of(
    pod: JsonObject, find: Callable[[str, str], JsonObject | None]
) -> dict[str, dict[str, bytes] | None]:
    """The content of each volume, by its name; `None` for an emptyDir.

    Args:
        pod: The Pod.
        find: Gives a Secret or ConfigMap, by kind and name.

    Raises:
        NotThereError: One that has to be there is not.
    """
    return {
        volume["name"]: None if "emptyDir" in volume else _files_of_volume(volume, find)
        for volume in pod["spec"].get("volumes", ())
    }


def data_of(document: JsonObject) -> dict[str, bytes]:
    """The files of a Secret or of a ConfigMap."""
    if document.get("kind") == "ConfigMap":
        return {key: value.encode() for key, value in document.get("data", {}).items()}
    return {key: base64.b64decode(value) for key, value in document.get("data", {}).items()}


def _files_of_volume(
    volume: Mapping[str, Any], find: Callable[[str, str], JsonObject | None]
) -> dict[str, bytes]:
    if "projected" in volume:
        files: dict[str, bytes] = {}
        for source in volume["projected"]["sources"]:
            files |= _files_of_source(volume["name"], source, find)
        return files
    return _files_of_source(volume["name"], volume, find)


def _files_of_source(
    volume: str, source: Mapping[str, Any], find: Callable[[str, str], JsonObject | None]
) -> dict[str, bytes]:
    for field, kind in DATA_KINDS.items():
        if (wanted := source.get(field)) is not None:
            name = wanted.get("name") or wanted.get("secretName")
            document = find(kind, name)
            if document is None:
                if wanted.get("optional"):
                    return {}
                raise NotThereError(
                    f'MountVolume.SetUp failed for volume "{volume}": {kind.lower()} "{name}" not found'
                )
            return _selected({"kind": kind} | document, wanted.get("items"))
    raise NotThereError(f'volume "{volume}" has a source that is not played: {", ".join(source)}')


def _selected(document: JsonObject, items: Iterable[Mapping[str, Any]] | None) -> dict[str, bytes]:
    files = data_of(document)
    if items is None:
        return files
    return {item["path"]: files[item["key"]] for item in items if item["key"] in files}
