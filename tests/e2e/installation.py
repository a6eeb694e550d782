"""The end of an installation by Helm, whatever became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.pools import SYSTEM

if TYPE_CHECKING:
    from tests.e2e.terminal import Terminal


def remove_all(terminal: Terminal, *namespaces: str) -> None:
    """Remove Pollwatch, its definitions and namespaces, as far as they are there: other tests follow."""
    gone = "--ignore-not-found --wait --timeout=2m"
    terminal.run(
        f"helm uninstall pollwatch --namespace {SYSTEM} --ignore-not-found --wait --timeout 2m\n"
        f"kubectl delete namespace {' '.join((SYSTEM, *namespaces))} {gone}\n"
        f"kubectl delete customresourcedefinition checks.pollwatch.dev probepools.pollwatch.dev {gone}",
        shown=False,
    )
