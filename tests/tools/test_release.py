"""Before a release: all parts are of one version, and the wheel works where nothing else is installed."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tools.release import versions

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree in which everything is of version 1.2.3."""
    texts = {
        "operator/pollwatch/__init__.py": '"""A product."""\n\n__version__ = "1.2.3"\n',
        "charts/pollwatch/Chart.yaml": "version: 1.2.3\nappVersion: v1.2.3\n",
        "manifests/install.yaml": "image: ghcr.io/pollwatch/pollwatch:1.2.3\n",
        "docs/how-to/install.md": "```\nhelm install pollwatch CHART --version 1.2.3\n```\n",
        "README.md": "",
        "CHANGELOG.md": "## [Unreleased]\n\n## [1.2.3] - 2026-11-08\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def said(tree: Path) -> dict[str, str]:
    return {found.where: found.version for found in [*versions.in_chart(tree), *versions.in_texts(tree)]}


def test_chart_image_and_pages_tell_the_version_of_the_source(tree: Path) -> None:
    assert versions.in_source(tree) == "1.2.3"
    assert said(tree) == {
        "charts/pollwatch/Chart.yaml version": "1.2.3",
        "charts/pollwatch/Chart.yaml appVersion": "1.2.3",
        "manifests/install.yaml:1": "1.2.3",
        "docs/how-to/install.md:2": "1.2.3",
    }


def test_a_page_that_was_forgotten_is_named_with_its_line(tree: Path) -> None:
    (tree / "README.md").write_text("Run it:\n\n    docker run ghcr.io/pollwatch/pollwatch:1.2.2 run .\n")

    assert said(tree)["README.md:3"] == "1.2.2"


def test_a_release_without_a_dated_section_in_the_changelog_is_found(tree: Path) -> None:
    assert versions.in_changelog(tree, "1.2.3").version == "1.2.3"

    (tree / "CHANGELOG.md").write_text("## [Unreleased]\n")

    found = versions.in_changelog(tree, "1.2.3")
    assert (found.version, found.remedy) == (
        "",
        "make of [Unreleased] a section `## [1.2.3] - YYYY-MM-DD`",
    )


def test_an_image_says_its_version_by_its_label(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    config = {"config": {"Labels": {"org.opencontainers.image.version": "1.2.3"}}}
    with tarfile.open(archive, "w") as tar:
        for name, document in {"manifest.json": [{"Config": "c.json"}], "c.json": config}.items():
            data = json.dumps(document).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

    assert versions.in_image(archive).version == "1.2.3"


def release_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.release", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_of_this_tree_probes_from_an_environment_of_its_own() -> None:
    done = release_check()

    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        "the wheel installs by itself, and `pollwatch run` probes with it",
    ), done.stdout + done.stderr


def test_a_tag_of_another_version_ends_a_release() -> None:
    done = release_check("--tag", "v99.0.0")

    assert done.returncode == 1
    assert "not right: the tag says 99.0.0: set __version__, or tag anew" in done.stdout
