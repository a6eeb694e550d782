"""Sources of Go modules: pinned, and read without being unpacked."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.gotoolchain import GoToolchain
from tests.cluster.programs import GRAFANA_OPERATOR
from tests.cluster.progress import Progress
from tests.cluster.sources import GoSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAMP = GoSource(module="example.org/lamp", version="v1.2.3", checksum="h1:abc=")


@pytest.fixture
def toolchain(tmp_path: Path) -> Callable[..., GoToolchain]:
    """Makes a Go whose `mod download -json` says what it is told, and which has a module of two files."""
    archive = tmp_path / "lamp.zip"
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("example.org/lamp@v1.2.3/crds/lamps.yaml", "kind: Lamp\nsign: =\n---\nkind: Shade\n")
        files.writestr("example.org/lamp@v1.2.3/crds/more/lenses.yaml", "kind: Lens\n")

    def make(*, code: int = 0, **said: Any) -> GoToolchain:
        answer = tmp_path / "answer.json"
        answer.write_text(json.dumps({"Zip": str(archive), "Sum": LAMP.checksum, **said}))
        go = tmp_path / "go"
        go.write_text(f'#!/bin/sh\n[ "$1" = env ] && echo go1.26.1 && exit\n/bin/cat {answer}\nexit {code}\n')
        go.chmod(0o755)
        return GoToolchain(
            cache=Cache(tmp_path / "cache"),
            environment={"PATH": str(tmp_path)},
            progress=Progress(io.StringIO()),
        )

    return make


def test_the_documents_of_a_folder_are_read_and_not_those_below_it(
    toolchain: Callable[..., GoToolchain],
) -> None:
    documents = list(LAMP.fetch(toolchain()).documents("crds"))

    # A plain `=` is text, as in the CRDs of prometheus-operator.
    assert documents == [{"kind": "Lamp", "sign": "="}, {"kind": "Shade"}]


def test_a_module_that_is_not_what_it_was_is_refused(toolchain: Callable[..., GoToolchain]) -> None:
    with pytest.raises(ToolUnavailableError, match=r"lamp@v1\.2\.3 is not what it was: h1:other="):
        LAMP.fetch(toolchain(Sum="h1:other="))


def test_a_module_for_a_newer_go_is_read_all_the_same(toolchain: Callable[..., GoToolchain]) -> None:
    archive = LAMP.fetch(toolchain(code=1, Error="requires go >= 1.27.0"))

    assert archive.text("crds/more/lenses.yaml") == "kind: Lens\n"


def test_a_module_that_cannot_be_downloaded_is_named_with_the_cause(
    toolchain: Callable[..., GoToolchain], tmp_path: Path
) -> None:
    broken = toolchain(code=1)
    (tmp_path / "answer.json").write_text('{"Error": "no such host"}')

    with pytest.raises(ToolUnavailableError, match=r"lamp@v1\.2\.3` failed: no such host"):
        LAMP.fetch(broken)


def test_the_source_of_a_program_is_pinned_where_the_program_is() -> None:
    source = GoSource.of(GRAFANA_OPERATOR)

    assert source.version == f"v{GRAFANA_OPERATOR.version()}"
    assert source.checksum in (GRAFANA_OPERATOR.module / "go.sum").read_text()
