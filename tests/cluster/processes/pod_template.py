"""What a Pod's specification asks for, resolved: its command, its environment, its ports."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cluster.apiclient import JsonObject

# `$(NAME)`; `$$(NAME)` is a literal `$(NAME)`.
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
# `:9877`, `0.0.0.0:9877`, `[::]:9877`, alone or as the value of an option.
_EVERY_ADDRESS = re.compile(r"^(--[a-z-]+=)?(?:0\.0\.0\.0|\[::\])?:(\d+)$")
_INDEX = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


class ConfigError(Exception):
    """The container cannot be made: the kubelet's CreateContainerConfigError."""


def revision_of(template: Mapping[str, Any]) -> str:
    """A hash of a Pod template, as the label `controller-revision-hash` carries."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def pod_of(stateful_set: JsonObject, ordinal: int) -> JsonObject:
    """The Pod that a StatefulSet's controller creates."""
    metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]
    name = f"{metadata['name']}-{ordinal}"
    made = json.loads(json.dumps(template))
    made |= {"apiVersion": "v1", "kind": "Pod"}
    made.setdefault("metadata", {}).update(
        name=name,
        namespace=metadata["namespace"],
        ownerReferences=[
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": metadata["name"],
                "uid": metadata["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    )
    made["metadata"].setdefault("labels", {}).update(
        {
            "controller-revision-hash": revision_of(template),
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
    )
    made["spec"] |= {"hostname": name, "subdomain": stateful_set["spec"].get("serviceName", "")}
    return dict(made)


def container_of(pod: JsonObject) -> JsonObject:
    """The one container of a worker's Pod."""
    (container,) = pod["spec"]["containers"]
    return dict(container)


def fits(pod: JsonObject, node_labels: Mapping[str, str]) -> bool:
    """Whether a node has what the Pod's `nodeSelector` wants."""
    selector = pod["spec"].get("nodeSelector", {})
    return all(node_labels.get(key) == value for key, value in selector.items())


def environment_of(
    pod: JsonObject,
    address: str,
    node_addresses: tuple[str, ...],
    find: Callable[[str, str, str], str | None],
) -> dict[str, str]:
    """The environment of the container, in the kubelet's way.

    Args:
        pod: The Pod.
        address: Its IP address.
        node_addresses: `status.hostIPs`.
        find: Gives a value of a Secret or a ConfigMap, by kind, name and key.

    Raises:
        ConfigError: A Secret or ConfigMap that it names is not there.
    """
    environment: dict[str, str] = {}
    for entry in container_of(pod).get("env", ()):
        if "valueFrom" not in entry:
            environment[entry["name"]] = expanded(entry.get("value", ""), environment)
        elif (field := entry["valueFrom"].get("fieldRef")) is not None:
            environment[entry["name"]] = _field(pod, field["fieldPath"], address, node_addresses)
        else:
            found = _from_data(entry["valueFrom"], find)
            if found is not None:
                environment[entry["name"]] = found
    return environment


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """Replace each `$(NAME)` by its value; a name that is not there stays as it is."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return environment.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def command_of(
    pod: JsonObject, environment: Mapping[str, str], *, address: str, mounts: Mapping[str, str]
) -> list[str]:
    """The command line, as a process without namespaces of its own needs it.

    Args:
        pod: The Pod.
        environment: See `environment_of`.
        address: A listener on every address of the Pod listens on this one.
        mounts: What is mounted where: the path in the container, and the folder here.
    """
    container = container_of(pod)
    words = [*container.get("command", ()), *container.get("args", ())]
    return [
        _EVERY_ADDRESS.sub(rf"\g<1>{address}:\2", _at_home(expanded(word, environment), mounts))
        for word in words
    ]


def port_of(pod: JsonObject) -> int:
    """The container port that is named `http`, or the only one."""
    ports = container_of(pod)["ports"]
    named = [port for port in ports if port.get("name") == "http"] or ports
    return int(named[0]["containerPort"])


def probe_path(pod: JsonObject, probe: str) -> str | None:
    """The path of an HTTP probe (`readinessProbe`, `livenessProbe`), where there is one."""
    get = container_of(pod).get(probe, {}).get("httpGet")
    return None if get is None else str(get.get("path", "/"))


def _at_home(word: str, mounts: Mapping[str, str]) -> str:
    for mount, folder in mounts.items():
        word = re.sub(rf"(?<![\w.-]){re.escape(mount)}(?![\w.-])", folder.replace("\\", r"\\"), word)
    return word


def _field(pod: JsonObject, path: str, address: str, node_addresses: tuple[str, ...]) -> str:
    if match := _INDEX.match(path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    values = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": node_addresses[0],
        "status.hostIPs": ",".join(node_addresses),
    }
    if path not in values:
        raise ConfigError(f"field label not supported: {path}")
    return str(values[path])


def _from_data(source: Mapping[str, Any], find: Callable[[str, str, str], str | None]) -> str | None:
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if (reference := source.get(field)) is not None:
            value = find(kind, reference["name"], reference["key"])
            if value is None and not reference.get("optional"):
                raise ConfigError(f"couldn't find key {reference['key']} in {kind} {reference['name']}")
            return value
    raise ConfigError(f"valueFrom is not supported: {', '.join(source)}")
