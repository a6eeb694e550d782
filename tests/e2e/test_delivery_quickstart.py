"""docs/quickstart.md, word for word."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.node.images import product_image
from tests.cluster.progress import Progress
from tests.docs.quickstart import steps
from tests.e2e.installation import remove_all
from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode

PYTHON_IMAGE = "docker.io/library/python:3.13-slim-bookworm"


@pytest.fixture
def terminal(node: OneNode, kit: Kit) -> Iterator[Terminal]:
    """What the reader types into, on a node that can pull nothing: an image with Python is there already."""
    node.name_image(product_image(), PYTHON_IMAGE)
    terminal = Terminal(node=node, kit=kit, progress=Progress(sys.__stderr__ or sys.stderr))
    yield terminal
    terminal.keep(kit.folder / "quickstart.txt")
    remove_all(terminal, "quickstart")


@pytest.mark.timeout(600)
def test_what_the_quickstart_says_is_what_happens(terminal: Terminal) -> None:
    for step in steps():
        if step.expected:
            terminal.run_until(step.shows, step.commands, what=f"what the page shows below {step.commands}")
        else:
            terminal.run(step.commands)
