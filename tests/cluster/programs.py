"""The programs that are built from Go modules for the tests, and what each is for."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.golang import GoProgram

_MODULES = Path(__file__).parent / "modules"
_PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"

# Unstamped, they call themselves `v0.0.0-master+$Format:%H$`, which clients cannot parse.
_KUBERNETES_STAMPS = {
    "k8s.io/component-base/version.gitVersion": "v{version}",
    "k8s.io/component-base/version.gitMajor": "{major}",
    "k8s.io/component-base/version.gitMinor": "{minor}",
}


def _of_kubernetes(name: str, purpose: str, cost: str) -> GoProgram:
    return GoProgram(
        name=name,
        module=_MODULES / "kubernetes",
        requirement="k8s.io/kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        purpose=purpose,
        cost=cost,
        stamps=_KUBERNETES_STAMPS,
    )


KUBE_APISERVER = _of_kubernetes(
    "kube-apiserver", "tests against a real Kubernetes API server", "about 6 minutes"
)
NODE = tuple(
    _of_kubernetes(name, "a whole one-node cluster", "about 2 minutes")
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kubectl", "kube-proxy")
)
COREDNS = GoProgram(
    name="coredns",
    module=_MODULES / "coredns",
    requirement="github.com/coredns/coredns",
    package="github.com/coredns/coredns",
    purpose="names inside a whole one-node cluster",
    cost="about 2 minutes",
)
ETCD = GoProgram(
    name="etcd",
    module=_MODULES / "etcd",
    requirement="go.etcd.io/etcd/server/v3",
    package="go.etcd.io/etcd/server/v3",
    purpose="the API server's store",
    cost="about 1 minute",
)
PROMETHEUS, PROMTOOL = (
    GoProgram(
        name=name,
        module=_MODULES / "prometheus",
        requirement="github.com/prometheus/prometheus",
        package=f"github.com/prometheus/prometheus/cmd/{name}",
        purpose="scrapes and alert rules as users have them",
        cost="about 6 minutes",
    )
    for name in ("prometheus", "promtool")
)
PROMETHEUS_IN_CLUSTER = GoProgram(
    name="prometheus-in-cluster",
    module=_MODULES / "prometheus",
    requirement="github.com/prometheus/prometheus",
    package="github.com/prometheus/prometheus/cmd/prometheus",
    purpose="scrapes inside a cluster: Debian's Prometheus cannot discover pods",
    cost="about 4 minutes",
    tags=("remove_all_sd", "enable_kubernetes_sd"),
)
ALERTMANAGER = GoProgram(
    name="alertmanager",
    module=_MODULES / "alertmanager",
    requirement="github.com/prometheus/alertmanager",
    package="github.com/prometheus/alertmanager/cmd/alertmanager",
    purpose="alerts as they are grouped, inhibited and sent",
    cost="about 2 minutes",
    stamps={"github.com/prometheus/common/version.Version": "{version}"},
)
HELM = GoProgram(
    name="helm",
    module=_MODULES / "helm",
    requirement="helm.sh/helm/v4",
    package="helm.sh/helm/v4/cmd/helm",
    purpose="installing the chart",
    cost="about 2 minutes",
    stamps={"helm.sh/helm/v4/internal/version.version": "v{version}"},
)
HELM_3 = GoProgram(
    name="helm3",
    module=_MODULES / "helm3",
    requirement="helm.sh/helm/v3",
    package="helm.sh/helm/v3/cmd/helm",
    purpose="installing the chart as those do who have not moved to Helm 4",
    cost="about 3 minutes",
    stamps={"helm.sh/helm/v3/internal/version.version": "v{version}"},
)
HELM_UNITTEST = GoProgram(
    name="helm-unittest",
    module=_MODULES / "helm-unittest",
    requirement="github.com/helm-unittest/helm-unittest",
    package="github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    purpose="unit tests of the chart",
    cost="about 1 minute",
)
KUBECONFORM = GoProgram(
    name="kubeconform",
    module=_MODULES / "kubeconform",
    requirement="github.com/yannh/kubeconform",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
    purpose="rendered objects against the schemas of several versions of Kubernetes",
    cost="half a minute",
    stamps={"main.version": "v{version}"},
)
PROMETHEUS_OPERATOR, CONFIG_RELOADER = (
    GoProgram(
        name=name,
        module=_MODULES / "prometheus-operator",
        requirement="github.com/prometheus-operator/prometheus-operator",
        package=f"github.com/prometheus-operator/prometheus-operator/cmd/{command}",
        purpose="ServiceMonitors and PrometheusRules that take effect",
        cost=cost,
        stamps={"github.com/prometheus/common/version.Version": "{version}"},
    )
    for name, command, cost in (
        ("prometheus-operator", "operator", "about 2 minutes"),
        ("prometheus-config-reloader", "prometheus-config-reloader", "half a minute"),
    )
)
GRAFANA_OPERATOR = GoProgram(
    name="grafana-operator",
    module=_MODULES / "grafana-operator",
    requirement="github.com/grafana/grafana-operator/v5",
    package="github.com/grafana/grafana-operator/v5",
    purpose="GrafanaDashboards and GrafanaAlertRuleGroups that take effect",
    cost="about 2 minutes",
    stamps={"github.com/grafana/grafana-operator/v5/embeds.Version": "v{version}"},
)
BLACKBOX_EXPORTER = GoProgram(
    name="blackbox_exporter",
    module=_PEERS / "blackbox_exporter",
    requirement="github.com/prometheus/blackbox_exporter",
    package="github.com/prometheus/blackbox_exporter",
    purpose="benchmarks side by side",
    cost="about 1 minute",
    stamps={"github.com/prometheus/common/version.Version": "{version}"},
)

PROGRAMS = {
    program.name: program
    for program in (
        *(KUBE_APISERVER, ETCD, *NODE, COREDNS),
        *(PROMETHEUS, PROMTOOL, PROMETHEUS_IN_CLUSTER, ALERTMANAGER, BLACKBOX_EXPORTER),
        *(HELM, HELM_3, HELM_UNITTEST, KUBECONFORM),
        *(PROMETHEUS_OPERATOR, CONFIG_RELOADER, GRAFANA_OPERATOR),
    )
}
"""Every program, by name."""

NEEDED_BY_TESTS = (
    *("kube-apiserver", "etcd", "kubectl"),
    *("prometheus", "promtool", "alertmanager", "grafana"),
    *("helm", "helm3", "helm-unittest", "kubeconform"),
    "blackbox_exporter",
)
"""What a full run of the tests starts."""

NEEDED_BY_A_NODE = ("etcd", "kube-apiserver", *(program.name for program in NODE), "coredns")
"""What a whole one-node cluster is made of, beside the packages of `tests.cluster.node.packages`."""

IN_A_CLUSTER = (
    "prometheus-operator",
    "prometheus-config-reloader",
    "prometheus-in-cluster",
    "alertmanager",
    "grafana-operator",
)
"""What runs in pods of a cluster that is monitored as users' clusters are: all static."""
