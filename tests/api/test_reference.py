"""The reference pages of Check and ProbePool: made from the models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pollwatch.api.reference import check_reference, pool_reference

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("page", "reference"),
    [("check.md", check_reference), ("pool.md", pool_reference)],
    ids=["Check", "ProbePool"],
)
def test_the_committed_page_is_what_the_models_say(page: str, reference: Callable[[], str]) -> None:
    assert (REFERENCE / page).read_text(encoding="utf-8") == reference(), (
        f"{page} is stale: run `make generate`"
    )


def test_each_object_of_the_spec_has_a_section() -> None:
    page = check_reference()

    for path in ("spec", "spec.http.expect.body[]", "spec.tcp.tls.caFrom", "status.conditions[]"):
        assert f"\n## `{path}`\n" in page


def test_each_object_of_a_pool_has_a_section() -> None:
    page = pool_reference()

    for path in ("spec", "spec.egress.allow[]", "spec.template.env[].valueFrom", "status.workers[]"):
        assert f"\n## `{path}`\n" in page


def test_what_a_pool_may_be_called_is_said() -> None:
    assert "\nA ProbePool's metadata.name must be at most 38 lower-case letters" in pool_reference()
