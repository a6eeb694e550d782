"""All objects of a cluster, to see what an installation adds and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cluster.node.node import OneNode

# What comes and goes by itself.
_FLEETING = {"events", "events.events.k8s.io", "leases.coordination.k8s.io"}
_EACH = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'


def objects_of(node: OneNode) -> set[str]:
    """`KIND NAMESPACE/NAME` of every object that can be listed, but for events and leases."""
    kinds = set(node.kubectl("api-resources", "--verbs=list", "--output=name").split()) - _FLEETING
    listing = node.kubectl(
        *("get", ",".join(sorted(kinds)), "--all-namespaces", "--ignore-not-found"),
        f"--output=jsonpath={_EACH}",
    )
    return set(listing.splitlines())
