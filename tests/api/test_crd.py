"""The custom resource definition: made from the models, and taken by a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pollwatch.api.crd import check_crd, crd_yaml

if TYPE_CHECKING:
    from tests.cluster.controlplane import ControlPlane

COMMITTED = Path(__file__).parents[2] / "manifests" / "crds" / "pollwatch.dev_checks.yaml"


def test_the_committed_definition_is_what_the_models_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == crd_yaml(check_crd()), (
        f"{COMMITTED.name} is stale: run `pollwatch crds > {COMMITTED}`"
    )


def test_the_api_server_finds_nothing_wrong_with_the_schema(control_plane: ControlPlane) -> None:
    crd = control_plane.admin.get(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/checks.pollwatch.dev"
    )
    conditions = {each["type"]: each for each in crd["status"]["conditions"]}

    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions
