"""What a catalogue shows of the chart is true."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pollwatch import __version__
from pollwatch.api.check import parse_check
from pollwatch.api.pool import parse_pool
from tests.chart.helm import CHART, HelmError, one_of
from tests.cluster.apiclient import documents_in
from tests.cluster.fixtures import CRDS

if TYPE_CHECKING:
    from tests.chart.helm import Helm


DOCS = Path(__file__).parents[2] / "docs"
SITE = "https://pollwatch.dev/"


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    return found


def annotation(metadata: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(metadata["annotations"][f"artifacthub.io/{name}"])
    return found


def test_chart_and_application_have_the_version_of_the_package(metadata: dict[str, Any]) -> None:
    assert (metadata["version"], metadata["appVersion"]) == (__version__, __version__)


def test_the_image_is_the_one_that_is_installed(helm: Helm, metadata: dict[str, Any]) -> None:
    (container,) = one_of(helm.objects(), "Deployment")["spec"]["template"]["spec"]["containers"]

    assert [image["image"] for image in annotation(metadata, "images")] == [container["image"]]


def test_the_definitions_are_those_that_are_installed(metadata: dict[str, Any]) -> None:
    shown = {(one["name"], one["kind"], one["version"]) for one in annotation(metadata, "crds")}

    assert shown == {
        (crd["metadata"]["name"], crd["spec"]["names"]["kind"], crd["spec"]["versions"][0]["name"])
        for crd in documents_in(CRDS)
    }


def test_the_examples_can_be_applied(metadata: dict[str, Any]) -> None:
    check, pool = annotation(metadata, "crdsExamples")

    assert parse_check(check).key.name == "front-page"
    assert parse_pool(pool).name == "east"


def test_pictures_and_pages_are_on_the_site(metadata: dict[str, Any]) -> None:
    links = [one["url"] for one in annotation(metadata, "links")]
    pictures = [metadata["icon"], *(one["url"] for one in annotation(metadata, "screenshots"))]
    on_the_site = [url.removeprefix(SITE) for url in (*links, *pictures) if url.startswith(SITE)]

    assert len(on_the_site) > len(pictures)
    for path in on_the_site:
        page = DOCS / (f"{path.rstrip('/')}.md" if path.endswith("/") else path or "README.md")
        assert page.is_file(), path


def test_a_release_candidate_is_not_listed(metadata: dict[str, Any]) -> None:
    repository = yaml.safe_load((CHART / "artifacthub-repo.yml").read_text(encoding="utf-8"))
    (ignored,) = repository["ignore"]

    assert ignored["name"] == metadata["name"]
    assert re.search(ignored["version"], "1.0.0-rc.1")
    assert not re.search(ignored["version"], "1.0.0")


def test_a_cluster_that_is_too_old_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"requires kubeVersion: >=1\.31"):
        helm("template", "pollwatch", CHART, "--kube-version=1.30.14")


def test_the_package_holds_what_is_installed_and_not_what_tests_it(
    helm: Helm, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("package")
    helm("package", CHART, f"--destination={folder}")
    (package,) = folder.iterdir()
    with tarfile.open(package) as archive:
        names = {name.removeprefix("pollwatch/") for name in archive.getnames()}

    assert package.name == f"pollwatch-{__version__}.tgz"
    assert {"values.schema.json", "README.md", "files/self-rules.yaml"} < names
    assert not [name for name in names if name.startswith(("tests/", "ci/", "artifacthub"))]
    # A release is kept in a Secret, which takes a megabyte.
    assert package.stat().st_size < 300_000
