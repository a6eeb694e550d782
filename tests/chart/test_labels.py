"""A label that is set for all objects and for one of them stands once, as it is set for that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.chart.helm import one_of
from tests.chart.matrix import MATRIX, of_each

if TYPE_CHECKING:
    from tests.chart.helm import Helm, Object, Values

OVERLAPPING: Values = {
    "mode": "pools",
    "commonLabels": {"team": "everybody", "rbac.authorization.k8s.io/aggregate-to-edit": "false"},
    "podLabels": {"team": "of-pods"},
    "scrapeAnnotations": {"enabled": True},
    "podAnnotations": {"prometheus.io/scrape": "false", "checksum/default-pool": "x"},
    "serviceMonitor": {"enabled": True, "labels": {"team": "of-service-monitor"}},
    "podMonitor": {"enabled": True, "labels": {"team": "of-pod-monitor"}},
    "prometheusRule": {"enabled": True, "labels": {"team": "of-rule"}},
    "alerts": {"labels": {"team": "of-alerts"}, "ruleLabels": {"team": "of-rules"}},
    "grafana": {
        "dashboards": {"enabled": True, "labels": {"team": "of-dashboards"}},
        "grafanaDashboards": {"enabled": True},
        "instanceSelector": {"team": "of-grafana"},
    },
    "service": {"annotations": {"team": "of-service"}},
    "serviceAccount": {"annotations": {"team": "of-account"}},
    "networkPolicy": {"enabled": True},
}
"""The same keys wherever keys can be set."""


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, as strict decoders do."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", node.start_mark)
        super().flatten_mapping(node)


def strictly(text: str) -> list[Object]:
    return [document for document in yaml.load_all(text, Loader=Strict) if document]


@of_each
def test_no_key_stands_twice(helm: Helm, values: Values) -> None:
    assert strictly(helm.text(values))


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_no_key_stands_twice_where_the_same_is_set_in_several_places(helm: Helm, values: Values) -> None:
    assert strictly(helm.text({**values, **OVERLAPPING, "mode": values.get("mode", "embedded")}))


def test_the_label_of_an_object_counts_more_than_the_one_of_all(helm: Helm) -> None:
    objects = strictly(helm.text(OVERLAPPING))

    def team(kind: str) -> set[str]:
        return {one["metadata"]["labels"]["team"] for one in objects if one["kind"] == kind}

    assert team("ServiceMonitor") == {"of-service-monitor"}
    assert team("PodMonitor") == {"of-pod-monitor"}
    assert team("PrometheusRule") == {"of-rule"}
    assert {one["metadata"]["labels"]["team"] for one in objects if is_dashboard(one)} == {"of-dashboards"}
    deployment = one_of(objects, "Deployment")
    assert deployment["metadata"]["labels"]["team"] == "everybody"
    assert deployment["spec"]["template"]["metadata"]["labels"]["team"] == "of-pods"
    aggregated = one_of(objects, "ClusterRole", "pollwatch-checks-edit")["metadata"]["labels"]
    assert aggregated["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"


def test_labels_of_pods_may_be_set_to_nothing_at_all(helm: Helm) -> None:
    (without, with_none) = (
        one_of(helm.objects(values), "Deployment") for values in ({}, {"podLabels": None})
    )

    assert without == with_none


def is_dashboard(document: Object) -> bool:
    return document["kind"] == "ConfigMap" and "-dashboard-" in document["metadata"]["name"]
