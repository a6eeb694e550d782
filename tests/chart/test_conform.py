"""What the chart renders is valid in the versions of Kubernetes that it is for, field by field."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.chart.matrix import of_each
from tests.cluster import schemas
from tests.cluster.apiclient import documents_in
from tests.cluster.fixtures import CRDS
from tests.cluster.sources import KUBERNETES
from tools.install_yaml import INSTALLS, MANIFESTS, Install

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chart.helm import Helm, Values
    from tests.cluster.kubeconform import Kubeconform

of_each_version = pytest.mark.parametrize("version", KUBERNETES)


@pytest.fixture(scope="session")
def conform(kubeconform: Kubeconform, tmp_path_factory: pytest.TempPathFactory) -> Kubeconform:
    """Kubeconform that knows Checks and ProbePools, too."""
    folder: Path = tmp_path_factory.mktemp("schemas")
    schemas.write(folder, schemas.schemas_of_crds(documents_in(CRDS)))
    return replace(kubeconform, own=folder)


@of_each_version
@of_each
def test_every_object_of_the_chart_conforms(
    helm: Helm, conform: Kubeconform, values: Values, version: str
) -> None:
    assert conform.problems(helm.text(values), version=version) == []


@of_each_version
@pytest.mark.parametrize("install", INSTALLS, ids=lambda install: install.file)
def test_every_object_of_the_plain_installs_conforms(
    conform: Kubeconform, install: Install, version: str
) -> None:
    text = (MANIFESTS / install.file).read_text(encoding="utf-8")

    assert conform.problems(text, version=version) == []


def test_a_misspelt_field_would_be_found(helm: Helm, conform: Kubeconform) -> None:
    text = helm.text().replace("terminationGracePeriodSeconds:", "terminationGracePeriod:")

    assert any("terminationGracePeriod" in line for line in conform.problems(text, version="1.35.4"))
