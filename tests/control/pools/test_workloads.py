"""What is made of a pool: documents, and what the real API server makes of them."""

from typing import Any

import pytest

from pollwatch.api.pool import ProbePool, parse_pool
from pollwatch.compile.pool import pool_settings
from pollwatch.control.pools.network_policy import network_policy
from pollwatch.control.pools.workloads import SPEC_DIGEST, Maker
from tests.control.pools.bench import IMAGE, Stage

EVERYTHING = {
    "image": "registry.example.org/worker:2",
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "registry"}],
    "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
    "nodeSelector": {"topology.kubernetes.io/zone": "east-1"},
    "tolerations": [{"key": "probing", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {"matchLabels": {"pollwatch.dev/pool": "east"}},
                    },
                }
            ]
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"pollwatch.dev/pool": "east"}},
        }
    ],
    "volumes": [
        {"name": "corporate", "configMap": {"name": "ca", "items": [{"key": "ca.pem", "path": "ca.pem"}]}},
        {"name": "client", "secret": {"secretName": "client"}},
    ],
    "volumeMounts": [
        {"name": "corporate", "mountPath": "/etc/ssl/corporate"},
        {"name": "client", "mountPath": "/etc/client", "subPath": "tls"},
    ],
    "env": [
        {"name": "SSL_CERT_FILE", "value": "/etc/ssl/corporate/ca.pem"},
        {"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}},
    ],
    "labels": {"team": "platform"},
    "annotations": {"example.org/cost-centre": "42"},
}


def pool(**spec: Any) -> ProbePool:
    return parse_pool(
        {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "ProbePool",
            "metadata": {"name": "east", "uid": "33a6a0a4-3a1c-4b5c-8f6e-000000000000"},
            "spec": spec,
        }
    )


def maker(**spec: Any) -> Maker:
    return Maker(pool=pool(**spec), image=IMAGE)


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = document["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("template", [{}, EVERYTHING], ids=["by default", "with a full overlay"])
def test_a_worker_has_no_credentials_and_no_rights_whatever_the_template_says(
    template: dict[str, Any],
) -> None:
    pod = pod_of(maker(template=template).stateful_set(0))
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & pod.keys()
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_a_worker_mounts_the_plan_and_the_keys_of_its_own_shard_and_no_others() -> None:
    (volume,) = pod_of(maker(replicas=3).stateful_set(1))["volumes"]
    sources = [source["secret"] for source in volume["projected"]["sources"]]
    assert [source["name"] for source in sources if not source.get("optional")] == [
        "probepool-east-1-plan",
        "probepool-east-1-keys",
    ]
    assert [source["name"] for source in sources if source.get("optional")] == [
        f"probepool-east-1-plan-{part}" for part in range(1, 8)
    ]


def test_a_template_of_the_user_changes_what_is_theirs_and_keeps_what_is_ours() -> None:
    document = maker(template=EVERYTHING | {"priorityClassName": "probing"}).stateful_set(0)
    template, pod = document["spec"]["template"], pod_of(document)
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.org/worker:2"
    assert container["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}
    for field in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "imagePullSecrets"):
        assert pod[field] == EVERYTHING[field]
    assert pod["priorityClassName"] == "probing"
    assert [volume["name"] for volume in pod["volumes"]] == ["pollwatch-plan", "corporate", "client"]
    assert [variable["name"] for variable in container["env"]] == [
        "POLLWATCH_NODE_ADDRESSES",
        "SSL_CERT_FILE",
        "HTTPS_PROXY",
    ]
    assert template["metadata"]["labels"]["team"] == "platform"
    assert template["metadata"]["labels"]["pollwatch.dev/pool"] == "east"


def test_workers_are_spread_over_nodes_unless_the_template_says_how() -> None:
    (constraint,) = pod_of(maker().stateful_set(0))["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"


def test_the_digest_changes_with_the_template_and_not_with_the_number_of_workers() -> None:
    def digest(**spec: Any) -> str:
        return str(maker(**spec).stateful_set(0)["metadata"]["annotations"][SPEC_DIGEST])

    assert digest(replicas=1) == digest(replicas=5)
    assert digest() != digest(template={"image": "other"})


@pytest.mark.parametrize("template", [{}, EVERYTHING], ids=["by default", "with a full overlay"])
async def test_the_api_server_takes_all_of_it_under_restricted_pod_security(
    stage: Stage, template: dict[str, Any]
) -> None:
    made = pool(template=template, egress={"default": "Deny", "allow": [{"cidrs": ["10.0.0.0/8"]}]})
    documents = Maker(pool=made, image=IMAGE)
    settings = pool_settings(made, cluster_addresses=["10.96.0.1"])
    stateful_set = documents.stateful_set(0)
    stage.admin.apply(
        [
            documents.service(),
            documents.disruption_budget(),
            network_policy("east", settings.egress, documents.owner),
            stateful_set,
        ],
        namespace=stage.namespace,
    )
    stage.admin.apply(
        [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}],
        namespace=stage.namespace,
    )
    # Pod Security judges pods, and only warns of templates.
    pod = {"apiVersion": "v1", "kind": "Pod", **stateful_set["spec"]["template"]}
    pod["metadata"]["name"] = "worker"
    stage.admin.post(stage.path("pods"), pod)
