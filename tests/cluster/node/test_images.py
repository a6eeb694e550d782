from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pollwatch import __version__
from tests.cluster.node.images import TREE, product_image, product_sources
from tools.bootstrap import UV

if TYPE_CHECKING:
    from pathlib import Path


def test_the_image_is_called_as_the_install_manifest_asks_for_it() -> None:
    assert product_image() == f"ghcr.io/pollwatch/pollwatch:{__version__}"


def test_the_image_is_built_with_the_uv_that_the_tree_is_built_with() -> None:
    version = UV.removeprefix("uv==")

    assert f"ARG UV_VERSION={version}\n" in (TREE / "Dockerfile").read_text()


def test_the_build_sees_the_source_and_the_lock_and_nothing_else(tmp_path: Path) -> None:
    for name in (".dockerignore", "Dockerfile"):
        shutil.copy(TREE / name, tmp_path)
    seen = ("operator/pollwatch/cli/__init__.py", "uv.lock", "pyproject.toml", "README.md", "LICENSE")
    unseen = ("tests/conftest.py", ".venv/bin/python", "operator/pollwatch/cli/__pycache__/a.pyc")
    for name in (*seen, *unseen):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = {str(path.relative_to(tmp_path)) for path in product_sources(tmp_path)}

    assert found == {".dockerignore", "Dockerfile", *seen}
