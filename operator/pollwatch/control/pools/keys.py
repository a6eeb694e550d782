"""The keys that the operator and the workers of a pool share: made, kept in a Secret, exchanged.

A key is added a whole period before it is the oldest, and workers accept all that are in the
Secret: while the kubelets hand the new one round, the one before is good on both sides.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet

from pollwatch.control.conditions import rfc3339
from pollwatch.control.pools.names import keys_name, labels
from pollwatch.control.pools.owned import KEYS_FILE, KEYS_TYPE, HeldObject
from pollwatch.worker.keys import Keys, KeysError

ROTATION = 24 * 3600.0
"""Seconds from one key to the next."""

KEPT = 2
"""Keys of each kind that are accepted: the newest and the one before."""

ROTATED = "pollwatch.dev/rotated"
"""Annotation that says when the newest key was made, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysState:
    """The keys that a Secret holds."""

    keys: Keys
    rotated: float
    """Unix seconds; 0: nobody knows."""


def read_keys(held: HeldObject) -> KeysState | None:
    """Read the Secret of a pool; `None`: what is in it is of no use."""
    try:
        document = base64.b64decode(held.document.get("data", {})[KEYS_FILE], validate=True)
        keys = Keys.parse(document)
    except (KeyError, binascii.Error, KeysError):
        return None
    if not keys.feed_tokens or not keys.plan_keys:
        return None
    annotations = held.document["metadata"].get("annotations") or {}
    return KeysState(keys=keys, rotated=_unix(annotations.get(ROTATED, "")))


def due_keys(
    before: KeysState | None,
    *,
    now: float,
    generate: Callable[[], str] = lambda: Fernet.generate_key().decode(),
) -> KeysState | None:
    """Say which keys a Secret has to hold from now on; `None`: those that it holds.

    Args:
        before: what it holds; `None`: nothing of use.
        now: Unix seconds.
        generate: makes 32 random bytes in URL-safe base64.
    """
    if before is None:
        return KeysState(keys=Keys(feed_tokens=(generate(),), plan_keys=(generate(),)), rotated=now)
    # Clocks of operators differ: one that is behind must not exchange what was made just now.
    if abs(now - before.rotated) < ROTATION:
        return None
    keys = Keys(
        feed_tokens=(generate(), *before.keys.feed_tokens)[:KEPT],
        plan_keys=(generate(), *before.keys.plan_keys)[:KEPT],
    )
    return KeysState(keys=keys, rotated=now)


def keys_document(pool: str, state: KeysState, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the Secret; `owner` is the reference to the ProbePool."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": keys_name(pool),
            "labels": labels(pool),
            "annotations": {ROTATED: rfc3339(state.rotated)},
            "ownerReferences": [owner],
        },
        "type": KEYS_TYPE,
        "data": {KEYS_FILE: base64.b64encode(state.keys.document()).decode()},
    }


def _unix(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
