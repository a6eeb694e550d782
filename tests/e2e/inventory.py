"""All objects of a cluster, to see what an installation adds and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.waiting import DeadlineError, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.node.node import OneNode

# What comes and goes by itself, and what the API server makes of each definition and of each Service.
_NOT_LISTED = {
    "apiservices.apiregistration.k8s.io",
    "events",
    "events.events.k8s.io",
    "ipaddresses.networking.k8s.io",
    "leases.coordination.k8s.io",
}
_EACH = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'


def objects_of(node: OneNode) -> set[str]:
    """`KIND NAMESPACE/NAME` of every object that can be listed, but for those of `_NOT_LISTED`."""
    kinds = set(node.kubectl("api-resources", "--verbs=list", "--output=name").split()) - _NOT_LISTED
    listing = node.kubectl(
        *("get", ",".join(sorted(kinds)), "--all-namespaces", "--ignore-not-found"),
        f"--output=jsonpath={_EACH}",
    )
    return set(listing.splitlines())


def wait_until_only(node: OneNode, before: set[str], *, also: Callable[[str], bool]) -> None:
    """Return when there is nothing more than there was before, but for what `also` admits.

    Raises:
        DeadlineError: Something stayed; it is named.
    """
    left: set[str] = set()

    def is_gone() -> bool:
        nonlocal left
        left = {each for each in objects_of(node) - before if not also(each)}
        return not left

    try:
        wait_until(is_gone, what="an uninstall to leave nothing", within_seconds=180, every_seconds=2)
    except DeadlineError as error:
        error.add_note(f"left: {', '.join(sorted(left))}")
        raise
