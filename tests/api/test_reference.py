"""The reference page of the Check: made from the models."""

from __future__ import annotations

from pathlib import Path

from pollwatch.api.reference import reference

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "check.md"


def test_the_committed_page_is_what_the_models_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == reference(), (
        f"{COMMITTED.name} is stale: run `make generate`"
    )


def test_each_object_of_the_spec_has_a_section() -> None:
    page = reference()

    for path in ("spec", "spec.http.expect.body[]", "spec.tcp.tls.caFrom", "status.conditions[]"):
        assert f"\n## `{path}`\n" in page
