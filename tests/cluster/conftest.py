"""What the tests of the tools share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.lamps import Lamp

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lamp() -> Iterator[Lamp]:
    """A lamp that is out."""
    with Lamp() as server:
        yield server
