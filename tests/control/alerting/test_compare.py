"""What counts as somebody's edit of what we applied, and what others may add."""

from typing import Any

import pytest

from pollwatch.control.alerting.compare import is_as_applied, seal
from pollwatch.control.pools.workloads import SPEC_DIGEST

APPLIED = seal(
    {
        "metadata": {"name": "pollwatch-checks", "namespace": "a", "labels": {"team": "web"}},
        "spec": {"groups": [{"name": "a/b", "rules": [{"alert": "CheckDown", "labels": {"x": "y"}}]}]},
    }
).document


OWNER = {"apiVersion": "v1", "kind": "Namespace", "name": "a", "uid": "u-1"}


def found(spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """The object as the API server shows it."""
    of_ours = {part: dict(APPLIED["metadata"][part]) for part in ("labels", "annotations")}
    return {"metadata": {**of_ours, "uid": "u", **metadata}, "spec": spec or dict(APPLIED["spec"])}


def test_what_the_server_and_others_add_is_no_edit() -> None:
    document = found({**APPLIED["spec"], "resyncPeriod": "10m0s"})
    document["metadata"]["labels"]["release"] = "stack"
    document["metadata"]["annotations"]["note"] = "ours"
    assert is_as_applied(APPLIED, document)


@pytest.mark.parametrize(
    "document",
    [
        found({"groups": []}),
        found(
            {"groups": [{"name": "a/b", "rules": [{"alert": "CheckDown", "labels": {"x": "y", "z": "1"}}]}]}
        ),
        found(labels={}),
        found(labels={"team": "ops"}),
        found(annotations={SPEC_DIGEST: "another"}),
        found(annotations={}),
    ],
)
def test_another_value_anywhere_in_what_we_applied_is_an_edit(document: dict[str, Any]) -> None:
    assert not is_as_applied(APPLIED, document)


def test_another_owner_beside_ours_is_no_edit_and_one_in_its_place_is() -> None:
    applied = {**APPLIED, "metadata": {**APPLIED["metadata"], "ownerReferences": [OWNER]}}
    other = {**OWNER, "uid": "u-2"}
    assert is_as_applied(applied, found(ownerReferences=[other, OWNER]))
    assert not is_as_applied(applied, found(ownerReferences=[other]))
    assert not is_as_applied(applied, found())
