"""What the garbage collector deletes: objects whose owners are all gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tests.cluster.apiclient import JsonObject


def orphans(
    documents: Iterable[JsonObject], *, owner_kinds: Collection[str], living: Collection[str]
) -> Iterator[JsonObject]:
    """The objects that nobody owns any more.

    Args:
        documents: Objects of any kind.
        owner_kinds: Kinds of owner that are known in full. An owner of another kind counts as alive.
        living: The uids of all objects of those kinds.
    """
    for document in documents:
        owners = document["metadata"].get("ownerReferences", ())
        if owners and all(owner["kind"] in owner_kinds and owner["uid"] not in living for owner in owners):
            yield document
