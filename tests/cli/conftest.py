from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.places import Place, open_site


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A site with several servers, all well."""
    async with open_site(tmp_path) as place:
        yield place


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    """An empty folder for Checks."""
    folder = tmp_path / "checks"
    folder.mkdir()
    return folder
