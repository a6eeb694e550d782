"""What is generated is committed, and what is stale is named."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what `tools/generate.py` reads and writes."""
    for folder in ("tools", "manifests", "charts", "docs/reference"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def generate(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.generate", *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stale_page_is_named_and_is_exit_code_1_until_it_is_written(tree: Path) -> None:
    generate(tree)
    page = tree / "docs" / "reference" / "check.md"
    current = page.read_text(encoding="utf-8")
    page.write_text("Of long ago.")

    stale = generate(tree, "--check")
    assert (stale.returncode, stale.stdout) == (
        1,
        "docs/reference/check.md is stale: run `make generate`\n",
    )
    assert page.read_text() == "Of long ago."

    written = generate(tree)
    assert (written.returncode, written.stdout) == (0, "wrote docs/reference/check.md\n")
    assert page.read_text(encoding="utf-8") == current
    assert generate(tree, "--check").returncode == 0


def test_a_part_that_changed_makes_the_plain_installs_stale(tree: Path) -> None:
    generate(tree)
    part = tree / "manifests" / "install" / "service.yaml"
    part.write_text(part.read_text(encoding="utf-8") + "# Another one.\n", encoding="utf-8")

    stale = generate(tree, "--check")

    assert stale.returncode == 1
    assert stale.stdout.splitlines() == [
        "manifests/install.yaml is stale: run `make generate`",
        "manifests/install-pools.yaml is stale: run `make generate`",
    ]


def test_a_definition_that_changed_is_written_before_the_install_that_holds_it(tree: Path) -> None:
    generate(tree)
    definition = tree / "manifests" / "crds" / "pollwatch.dev_checks.yaml"
    definition.write_text("Of long ago.")

    written = generate(tree)

    assert written.stdout == "wrote manifests/crds/pollwatch.dev_checks.yaml\n"
    assert generate(tree, "--check").returncode == 0
