"""Values that Helm refuses, and says why; what there is to set, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.helm import CHART, HelmError
from tests.chart.matrix import MATRIX, of_each
from tools.chart_values import read_values, readme, values_schema

if TYPE_CHECKING:
    from tests.chart.helm import Helm, Values

PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


@of_each
def test_the_chart_passes_lint_where_warnings_are_errors(helm: Helm, values: Values) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, values=values)


@pytest.mark.parametrize(
    ("values", "where", "what"),
    [
        ({"imagee": {}}, "", "additional properties 'imagee' not allowed"),
        ({"image": {"tagg": "1"}}, "/image", "additional properties 'tagg' not allowed"),
        ({"mode": "Pools"}, "/mode", "must be one of 'embedded', 'pools'"),
        ({"replicas": "two"}, "/replicas", "want null or integer"),
        ({"image": {"digest": "sha256:abc"}}, "/image/digest", "does not match pattern"),
        ({"image": {"tag": 1.0}}, "/image/tag", "want string"),
        ({"rbac": {"namespaces": ["Team_A"]}}, "/rbac/namespaces/0", "does not match pattern"),
        ({"rbac": {"namespaces": "team-a"}}, "/rbac/namespaces", "want array"),
        ({"crds": {"keep": "yes"}}, "/crds/keep", "want boolean"),
        ({"podSecurityContext": {"runAsNonroot": True}}, "/podSecurityContext", "'runAsNonroot' not allowed"),
        ({"securityContext": {"capabilites": {}}}, "/securityContext", "'capabilites' not allowed"),
        ({"resources": {"limit": {}}}, "/resources", "'limit' not allowed"),
        ({"tolerations": [{"efect": "NoSchedule"}]}, "/tolerations/0", "'efect' not allowed"),
        ({"affinity": {"nodeAfinity": {}}}, "/affinity", "'nodeAfinity' not allowed"),
        ({"commonLabels": {"a b": "c"}}, "/commonLabels", "'a b' not allowed"),
        (
            {"podLabels": {"app.kubernetes.io/name": "x"}},
            "/podLabels/app.kubernetes.io~1name",
            "false schema",
        ),
        ({"extraEnv": [{"value": "1"}]}, "/extraEnv/0", "missing property 'name'"),
        (
            {"podDisruptionBudget": {"maxUnavailable": "half"}},
            "/podDisruptionBudget/maxUnavailable",
            "pattern",
        ),
        ({"serviceMonitor": {"interval": "often"}}, "/serviceMonitor/interval", "does not match pattern"),
        ({"alerts": {"labels": {"team-name": "x"}}}, "/alerts/labels", "'team-name' not allowed"),
        ({"alerts": {"prometheusRules": "always"}}, "/alerts/prometheusRules", "one of 'auto', 'never'"),
        ({"defaultPool": {"name": "Default"}}, "/defaultPool/name", "does not match pattern"),
        (
            {"defaultPool": {"spec": {"template": {"tolerations": [{"operater": "Exists"}]}}}},
            "/defaultPool/spec/template/tolerations/0",
            "'operater' not allowed",
        ),
        ({"defaultPool": {"spec": {"labels": {"le": "1"}}}}, "/defaultPool/spec/labels/le", "false schema"),
        (
            {"defaultPool": {"spec": {"replicas": 1, "autosize": {"max": 2}}}},
            "/defaultPool/spec",
            "'not' failed",
        ),
        ({"defaultPool": {"spec": {"replicas": 0}}}, "/defaultPool/spec/replicas", "minimum"),
        # Deep in what is Kubernetes' own.
        (
            {"podSecurityContext": {"seccompProfile": {"typ": "Localhost"}}},
            "/podSecurityContext/seccompProfile",
            "'typ' not allowed",
        ),
        (
            {"securityContext": {"capabilities": {"drop": "ALL"}}},
            "/securityContext/capabilities/drop",
            "want array",
        ),
        (
            {"affinity": {"podAffinity": {PREFERRED: [{"podAffinityTerm": {"topologyKe": "zone"}}]}}},
            f"/affinity/podAffinity/{PREFERRED}/0/podAffinityTerm",
            "'topologyKe' not allowed",
        ),
        (
            {"defaultPool": {"spec": {"template": {"affinity": {"nodeAfinity": {}}}}}},
            "/defaultPool/spec/template/affinity",
            "'nodeAfinity' not allowed",
        ),
        ({"topologySpreadConstraints": [{"maxSkw": 1}]}, "/topologySpreadConstraints/0", "'maxSkw'"),
        (
            {"networkPolicy": {"metricsFrom": [{"podSelector": {"matchLabel": {}}}]}},
            "/networkPolicy/metricsFrom/0/podSelector",
            "'matchLabel' not allowed",
        ),
        (
            {"networkPolicy": {"extraEgress": [{"ports": [{"prot": "UDP"}]}]}},
            "/networkPolicy/extraEgress/0/ports/0",
            "'prot' not allowed",
        ),
        (
            {"extraEnv": [{"name": "A", "valueFrom": {"secretKeyRef": {"nam": "b"}}}]},
            "/extraEnv/0/valueFrom/secretKeyRef",
            "'nam' not allowed",
        ),
        (
            {"podMonitor": {"relabelings": [{"sourceLabel": []}]}},
            "/podMonitor/relabelings/0",
            "'sourceLabel'",
        ),
        ({"podAnnotations": {"a b": "c"}}, "/podAnnotations", "'a b' not allowed"),
        # What the operator would refuse when it starts.
        ({"alerts": {"for": "1d"}}, "/alerts/for", "does not match pattern"),
        ({"alerts": {"severity": "Page"}}, "/alerts/severity", "does not match pattern"),
        ({"alerts": {"labels": {"severity": "page"}}}, "/alerts/labels/severity", "false schema"),
        ({"alerts": {"annotations": {"desk": "{{ $labels"}}}, "/alerts/annotations/desk", "pattern"),
        ({"alerts": {"runbookBase": "https://wiki/{{ x }}"}}, "/alerts/runbookBase", "pattern"),
        ({"embedded": {"allowEgress": ["localhost"]}}, "/embedded/allowEgress/0", "pattern"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(helm: Helm, values: Values, where: str, what: str) -> None:
    with pytest.raises(HelmError) as refused:
        helm.text(values)

    said = str(refused.value)
    assert f"at '{where}'" in said
    assert what in said


def test_an_embedded_operator_cannot_have_replicas(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"replicas: an embedded operator is one process.*set mode to pools"):
        helm.text({"replicas": 2})


def test_a_chart_that_depends_on_this_one_may_hand_down_what_helm_hands_down(helm: Helm) -> None:
    assert helm.objects({"global": {"anything": 1}, "enabled": True}) == helm.objects()


def leaves(values: Values, path: str = "") -> dict[str, Any]:
    """All values that are set, by their paths."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = leaves(value, f"{path}{name}.") if isinstance(value, dict) else {}
        found |= inner or {f"{path}{name}": value}
    return found


def test_the_matrix_sets_every_value_there_is() -> None:
    """A value that is added to the chart is rendered, judged and applied with the others."""
    known = [path for value in read_values(text_of("values.yaml")) for path in paths(value)]
    tried = {path for values in MATRIX.values() for path in leaves(values)}
    never = [path for path in known if not any(one == path or one.startswith(f"{path}.") for one in tried)]

    assert never == []


def paths(value: Any) -> list[str]:
    return [path for one in value.values for path in paths(one)] if value.values else [value.path]


def text_of(name: str) -> str:
    return (CHART / name).read_text(encoding="utf-8")


def test_the_defaults_are_what_the_schema_takes_and_shows() -> None:
    schema = json.loads(text_of("values.schema.json"))
    defaults = yaml.safe_load(text_of("values.yaml"))

    assert defaults.keys() | {"global", "enabled"} == schema["properties"].keys()
    assert schema["properties"]["image"]["properties"]["tag"]["default"] == defaults["image"]["tag"]


def test_every_value_is_in_the_readme_with_what_it_means() -> None:
    text = text_of("README.md")

    assert "| `networkPolicy.enabled` | `false` | Admit to the operator's Pods" in text
    for path in [path for value in read_values(text_of("values.yaml")) for path in paths(value)]:
        assert f"| `{path}` |" in text


def test_a_value_without_a_comment_is_refused_when_the_schema_is_made() -> None:
    with pytest.raises(ValueError, match=r"values.yaml:4: image.tag has no comment"):
        values_schema("image:\n  # Where it is.\n  repository: a\n  tag: b\n")


def test_a_comment_with_a_broken_schema_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"values.yaml:3: what follows @schema is no schema"):
        values_schema("# How many.\n# @schema {minimum: [}\nreplicas: 1\n")


def test_a_readme_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        readme("# A chart\n", "# What.\na: 1\n")
