"""The sites of manifests/samples/election-night, as pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.node.images import TREE
from tests.e2e.website import Site

if TYPE_CHECKING:
    from tests.cluster.node.node import OneNode

SAMPLES = TREE / "manifests" / "samples" / "election-night"
NAMESPACE = "public-sites"
CHECKS = ("cape-breton-ferry", "cape-breton-front-page", "immigration-front-page", "immigration-one-address")
SERVERS = 4
"""Of the immigration site."""


def start_sites(node: OneNode) -> Site:
    """Run them all, and return the immigration site; cluster DNS has the names that the samples ask for."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    node.admin.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    immigration = Site(
        node=node,
        namespace=NAMESPACE,
        replicas=SERVERS,
        name="immigration",
        port=20161,
        welcome="Welcome to Canada",
    )
    cape_breton = Site(
        node=node,
        namespace=NAMESPACE,
        replicas=1,
        name="capebreton",
        port=20162,
        welcome="Welcome to the island",
    )
    immigration.start()
    cape_breton.start()
    ferry = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "ferry"},
        "spec": {
            "selector": {"app": cape_breton.name},
            "ports": [{"port": 20163, "targetPort": cape_breton.port}],
        },
    }
    node.admin.apply([ferry], namespace=NAMESPACE)
    return immigration
