"""Every place that tells Pollwatch's version, and whether they agree."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE = "ghcr.io/pollwatch/pollwatch"
_PINNED_IMAGE = re.compile(re.escape(IMAGE) + r":v?(\d[\w.+-]*)")
_CHART_VERSION = re.compile(r"pollwatch[^\n]* --version[= ]v?(\d[\w.+-]*)")
_WITH_TEXT = ("README.md", "docs", "manifests", "charts")
_TEXT = (".md", ".yaml", ".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A version that was found.

    Attributes:
        where: The file, with a line or a field.
        version: What it says; empty when it says none.
        remedy: What to do when it is another version than the others.
    """

    where: str
    version: str
    remedy: str


def in_source(root: Path) -> str:
    """The version that all others follow: `__version__` in `operator/pollwatch/__init__.py`.

    Raises:
        ValueError: There is none.
    """
    path = root / "operator" / "pollwatch" / "__init__.py"
    found = re.search(r'^__version__ = "([^"]+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{path} sets no __version__")
    return found[1]


def in_chart(root: Path) -> Iterator[Finding]:
    """The chart's own version, and that of the application in it."""
    path = root / "charts" / "pollwatch" / "Chart.yaml"
    chart = yaml.safe_load(path.read_text(encoding="utf-8"))
    for field in ("version", "appVersion"):
        yield Finding(
            where=f"charts/pollwatch/Chart.yaml {field}",
            version=str(chart.get(field, "")).removeprefix("v"),
            remedy="run `make generate`",
        )


def in_texts(root: Path) -> Iterator[Finding]:
    """Images and charts that manifests, charts and pages name with a version."""
    for path in _texts(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for pattern in (_PINNED_IMAGE, _CHART_VERSION):
                for version in pattern.findall(line):
                    yield Finding(
                        where=f"{path.relative_to(root)}:{number}",
                        version=version,
                        remedy="run `make generate`, or change the line",
                    )


def in_changelog(root: Path, version: str) -> Finding:
    """The changelog's section for a release."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    return Finding(
        where="CHANGELOG.md",
        version=version if dated else "",
        remedy=f"make of [Unreleased] a section `## [{version}] - YYYY-MM-DD`",
    )


def in_image(archive: Path) -> Finding:
    """The version label of an image in an archive as `docker save` and buildah write it."""
    with tarfile.open(archive) as tar:
        manifest = json.loads(_member(tar, "manifest.json"))
        config = json.loads(_member(tar, manifest[0]["Config"]))
    labels = config.get("config", {}).get("Labels") or {}
    return Finding(
        where=f"{archive} label org.opencontainers.image.version",
        version=labels.get("org.opencontainers.image.version", ""),
        remedy="build it with `--build-arg VERSION=...`",
    )


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is no file in this archive")
    return member.read()


def _texts(root: Path) -> Iterator[Path]:
    for name in _WITH_TEXT:
        path = root / name
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in _TEXT)
        # The chart's tests name versions that never were.
        yield from (p for p in found if "tests" not in p.relative_to(root).parts)
