"""The keys that an operator and its workers share: `keys.json`.

`{"feed": ["newest", "older"], "plan": ["newest", "older"]}`: a worker accepts every one of them, so that
keys can be exchanged one after the other without a gap. A feed token authenticates whoever reads `/feed`
or pushes to `/plan` (`Authorization: Bearer`, RFC 6750), before a worker spends anything on it. A plan key
seals pushed plans (Fernet: AES-128-CBC and HMAC-SHA256), which hold secrets and cross the pod network.

References:
    https://github.com/fernet/spec/blob/master/Spec.md
"""

import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

MAX_KEYS = 4
"""Of a kind; a rotation needs two."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,256}=*", re.ASCII)
"""What can stand in an Authorization header (RFC 6750, section 2.1), and is too long to guess."""
_FERNET_BYTES = 32

logger = logging.getLogger(__name__)


class KeysError(ValueError):
    """Not a usable `keys.json`. The message is one line, without any key."""


class SealError(ValueError):
    """Not sealed with any of the keys, or not whole."""


def key_identity(key: str) -> str:
    """Name a key without telling it: the first 8 hex digits of its SHA-256."""
    return sha256(key.encode()).hexdigest()[:8]


def authorization(token: str) -> dict[str, str]:
    """Make the header that authenticates a reader of `/feed`, and who pushes to `/plan`."""
    return {"Authorization": f"Bearer {token}"}


class PlanBox:
    """Seals and opens pushed plans."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys: the first one seals, each of them opens."""
        self._keys = tuple(keys)

    @cached_property
    def _fernets(self) -> "MultiFernet":
        # Only who seals or opens pays for the import.
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 -- see above

        return MultiFernet([Fernet(key) for key in self._keys])

    def seal(self, plan: bytes) -> bytes:
        """Seal a plan."""
        return self._fernets.encrypt(plan)

    def open(self, sealed: bytes) -> bytes:
        """Open what was sealed.

        Raises:
            SealError: None of the keys fits, or it was changed on the way.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 -- as above

        try:
            return self._fernets.decrypt(sealed)
        except InvalidToken as error:
            raise SealError("not sealed with a key that is known here") from error


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys that are accepted, newest first. With none, nothing is."""

    feed_tokens: tuple[str, ...] = field(default=(), repr=False)
    plan_keys: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, document: bytes) -> "Keys":
        """Read `keys.json`.

        Raises:
            KeysError: It is not what an operator writes.
        """
        try:
            parsed = json.loads(document)
        except (ValueError, RecursionError) as error:
            # The error itself would tell a part of the text.
            raise KeysError("keys.json is not JSON") from error
        if not isinstance(parsed, dict):
            raise KeysError("keys.json is not a JSON object")
        tokens, plan_keys = _texts(parsed, "feed"), _texts(parsed, "plan")
        if not all(_TOKEN.fullmatch(token) for token in tokens):
            raise KeysError("keys.json: a feed token must be 16 to 256 letters, digits and -._~+/")
        if not all(map(_is_fernet_key, plan_keys)):
            raise KeysError("keys.json: a plan key must be 32 bytes in URL-safe base64")
        return cls(feed_tokens=tokens, plan_keys=plan_keys)

    def document(self) -> bytes:
        """Print `keys.json`."""
        return json.dumps({"feed": self.feed_tokens, "plan": self.plan_keys}).encode()

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Name all of them, newest first."""
        pairs = chain.from_iterable(zip_longest(self.feed_tokens, self.plan_keys))
        return tuple(key_identity(key) for key in pairs if key is not None)

    @cached_property
    def plan_box(self) -> PlanBox:
        """Seals with the newest plan key, opens with any. There must be one."""
        return PlanBox(self.plan_keys)

    def admit(self, authorization: str) -> bool:
        """Judge an `Authorization` header. How long it takes tells nothing about the tokens."""
        scheme, _, presented = authorization.partition(" ")
        given = presented.strip().encode("utf-8", "replace")
        fits = [hmac.compare_digest(given, token.encode()) for token in self.feed_tokens]
        return scheme.lower() == "bearer" and any(fits)


class KeyRing:
    """The keys that a worker accepts, as its plan folder has them from time to time."""

    def __init__(self) -> None:
        self.accepted: Keys | None = None
        """`None`: not known yet."""
        self._problem = ""

    @property
    def identities(self) -> tuple[str, ...]:
        """Name all of them, newest first."""
        return () if self.accepted is None else self.accepted.identities

    def take(self, document: bytes | None, *, settled: bool) -> bool:
        """Take what the folder has; where that is not usable, the keys before stay in force.

        Args:
            document: `keys.json`; `None`: there is none, and nobody is to be let in.
            settled: Whether a fault is to be told: it may have been an edit under way.

        Returns:
            Whether it is usable.
        """
        problem = ""
        try:
            self.accepted = Keys() if document is None else Keys.parse(document)
        except KeysError as error:
            self.accepted = self.accepted or Keys()
            problem = str(error)
        if problem != self._problem and (settled or not problem):
            self._problem = problem
            if problem:
                logger.warning("keys refused, those before stay in force", extra={"problem": problem})
        return not problem


def _texts(document: dict[str, Any], kind: str) -> tuple[str, ...]:
    value = document.get(kind, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise KeysError(f"keys.json: {kind!r} is not a list of texts")
    if len(value) > MAX_KEYS:
        raise KeysError(f"keys.json: {kind!r} has more than {MAX_KEYS} keys")
    return tuple(value)


def _is_fernet_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key.encode(), altchars=b"-_", validate=True)) == _FERNET_BYTES
    except (binascii.Error, UnicodeEncodeError):
        return False
