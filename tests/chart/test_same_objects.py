"""With Helm, with kustomize or with a plain file: the same objects are installed."""

from __future__ import annotations

import re
import subprocess
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pollwatch import __version__
from tests.chart.helm import arguments_of, one_of
from tests.cluster.apiclient import documents_in
from tools.install_yaml import EMBEDDED, INSTALLS, MANIFESTS, POOLS, Install

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.helm import Helm, Object

MODES = {EMBEDDED.file: {"mode": "embedded"}, POOLS.file: {"mode": "pools"}}

OF_HELM = re.compile(r"helm\.sh/.*|checksum/.*|app\.kubernetes\.io/(version|managed-by|instance)")
"""Labels and annotations that say who installed something, and in which version."""

of_each_install = pytest.mark.parametrize("install", INSTALLS, ids=lambda install: install.file)


def essence(document: Object) -> Object:
    """What an object is for the cluster, whoever installs it."""
    document = deepcopy(document)
    pods = document["spec"].get("template", {}) if document["kind"] == "Deployment" else {}
    for owner in filter(None, (document, pods)):
        metadata = owner["metadata"]
        for kind in ("labels", "annotations"):
            kept = {key: value for key, value in metadata.pop(kind, {}).items() if not OF_HELM.fullmatch(key)}
            if kept:
                metadata[kind] = kept
    if document["kind"] == "ConfigMap":
        document["data"] = {
            key: essence(yaml.safe_load(text) | {"status": None}) for key, text in document["data"].items()
        }
    return document


def installed(documents: list[Object]) -> dict[tuple[str, ...], Object]:
    """Objects by what they are called; the namespace is Helm's own to make."""
    return {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): essence(one)
        for one in documents
        if one["kind"] != "Namespace"
    }


def plain(install: Install) -> list[Object]:
    return list(yaml.safe_load_all(install.text()))


@of_each_install
def test_the_chart_installs_what_the_plain_file_installs(helm: Helm, install: Install) -> None:
    of_chart, of_file = installed(helm.objects(MODES[install.file])), installed(plain(install))

    assert of_chart.keys() == of_file.keys()
    for identity, document in of_file.items():
        assert of_chart[identity] == document


def test_an_embedded_operator_is_the_default(helm: Helm) -> None:
    assert installed(helm.objects()) == installed(plain(EMBEDDED))


def test_an_operator_of_a_few_namespaces_has_in_each_what_the_plain_files_give_it(helm: Helm) -> None:
    objects = helm.objects({"rbac": {"namespaces": ["team-a", "team-b"]}})
    plain_ones = documents_in(MANIFESTS / "rbac" / "namespaced")

    for namespace in ("team-a", "team-b"):
        there = [one for one in objects if one["metadata"].get("namespace") == namespace]
        for document in plain_ones:
            document["metadata"]["namespace"] = namespace
        assert installed(there) == installed(plain_ones)
    assert not [one for one in objects if one["kind"] == "ClusterRoleBinding"]
    assert [argument for argument in arguments_of(objects) if argument.startswith("--namespace=")] == [
        "--namespace=team-a",
        "--namespace=team-b",
    ]


def test_the_rules_on_pollwatch_itself_are_the_plain_ones(helm: Helm) -> None:
    rule = one_of(helm.objects({"prometheusRule": {"enabled": True}}), "PrometheusRule")
    text = (MANIFESTS / "monitoring" / "prometheus-rule.yaml").read_text(encoding="utf-8")

    assert essence(rule) == essence(yaml.safe_load(text))


def kustomized(kubectl: Path, folder: Path) -> list[Object]:
    answer = subprocess.run([kubectl, "kustomize", folder], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(answer.stdout))


@of_each_install
def test_kustomize_builds_what_is_in_the_plain_file(kubectl_binary: Path, install: Install) -> None:
    base = MANIFESTS / install.file.removesuffix(".yaml")
    built = {identity(one): one for one in kustomized(kubectl_binary, base)}

    assert built == {identity(one): one for one in plain(install)}


def identity(document: Object) -> tuple[str, ...]:
    metadata: dict[str, Any] = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def test_an_overlay_can_name_another_image(kubectl_binary: Path, tmp_path: Path) -> None:
    """A copy of the manifests, since kustomize wants to be told of other folders by relative paths."""
    subprocess.run(["cp", "-r", MANIFESTS, tmp_path / "manifests"], check=True)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "resources: [../manifests/install]\n"
        "images: [{name: ghcr.io/pollwatch/pollwatch, newName: registry.example/pollwatch, newTag: mine}]\n",
        encoding="utf-8",
    )

    deployment = one_of(kustomized(kubectl_binary, overlay), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/pollwatch:mine"


def test_workers_have_the_image_of_the_operator_with_kustomize_too(kubectl_binary: Path) -> None:
    deployment = one_of(kustomized(kubectl_binary, MANIFESTS / "install-pools"), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"ghcr.io/pollwatch/pollwatch:{__version__}"
    assert f"--worker-image={container['image']}" in container["args"]
