"""Which pools there are, and which Checks have to be compiled again when one changes."""

from typing import Any

import pytest

from pollwatch.api.load import parse_check
from pollwatch.compile.check import Rejected
from pollwatch.control.pools.registry import Pools
from pollwatch.plan.checks import CheckKey
from tests.control.documents import check_document

KEY = CheckKey("public-sites", "front-page")


def pool_document(version: int, **spec: Any) -> dict[str, Any]:
    """A pool; each version is a generation of its own."""
    return {
        "metadata": {
            "name": "east",
            "uid": "uid-of-east",
            "resourceVersion": str(version),
            "generation": version,
            "creationTimestamp": "2016-11-08T20:00:00Z",
        },
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("before", "after"), [("nobody", None), (None, "nobody"), ("nobody", "somebody"), (None, None)]
)
def test_checks_are_compiled_again_when_other_namespaces_are_admitted(
    before: str | None, after: str | None
) -> None:
    recompiled: list[CheckKey] = []
    pools = Pools(default_pool="east", recompile=recompiled.append)

    def see(version: int, tenant: str | None) -> None:
        admits = {} if tenant is None else {"allowedNamespaces": {"matchLabels": {"tenant": tenant}}}
        pools.seen(pool_document(version, **admits))

    see(1, before)
    try:
        pools.place(parse_check(check_document()))
    except Rejected:
        assert before is not None
    recompiled.clear()
    see(2, after)
    assert recompiled == ([] if before == after else [KEY])
