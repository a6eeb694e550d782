"""What is made of an API server that says no."""

from http import HTTPStatus

from pollwatch.control.cluster import RefusedError
from pollwatch.control.pools.apply import NOT_OF_THE_TYPE

REMEDY = "kubectl apply -f manifests/rbac/alerts/ grants it"

_TRANSIENT = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)

_LASTING = (NOT_OF_THE_TYPE, "failed calling webhook")
"""What an API server says, under code 500, of what does not pass by itself: CRDs of an older version that
lack a field, and an admission webhook that nobody answers."""


def may_pass(error: RefusedError) -> bool:
    """Whether a refusal is for now only, and no word of it is worth telling."""
    if any(words in str(error) for words in _LASTING):
        return False
    return error.code in _TRANSIENT or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR


def in_words(what: str, refusal: str) -> str:
    """Say what was refused, and who can mend it where it is a right that is missing."""
    missing = f" ({REMEDY})" if "is forbidden: User" in refusal else ""
    return f"{what}: {refusal}{missing}"
