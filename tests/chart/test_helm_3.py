"""Who has not moved to Helm 4 installs the same chart, and is told the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chart.helm import CHART, HelmError
from tests.chart.matrix import of_each

if TYPE_CHECKING:
    from tests.chart.helm import Helm, Values


def test_it_is_helm_3(helm_3: Helm) -> None:
    assert helm_3("version", "--short").startswith("v3.")


@of_each
def test_both_render_the_same_objects(helm: Helm, helm_3: Helm, values: Values) -> None:
    assert helm_3.objects(values) == helm.objects(values)


@of_each
def test_the_chart_passes_its_lint_too(helm_3: Helm, values: Values) -> None:
    assert "0 chart(s) failed" in helm_3("lint", "--strict", CHART, values=values)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"imagee": {}}, "imagee"),
        ({"podSecurityContext": {"seccompProfile": {"typ": "x"}}}, "/podSecurityContext/seccompProfile"),
        (
            {"defaultPool": {"spec": {"template": {"tolerations": [{"operater": "Exists"}]}}}},
            "/defaultPool/spec/template/tolerations/0",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(helm_3: Helm, values: Values, where: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm_3.text(values)

    assert where in str(refused.value)
