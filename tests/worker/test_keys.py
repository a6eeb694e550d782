"""The keys that operator and workers share."""

import json

import pytest
from cryptography.fernet import Fernet

from pollwatch.worker.keys import Keys, KeysError, PlanBox, SealError, authorization, key_identity

OLD, NEW = "an-older-feed-token", "the-newest-feed-token"
OLD_PLAN, NEW_PLAN = (Fernet.generate_key().decode() for _ in range(2))
KEYS = Keys(feed_tokens=(NEW, OLD), plan_keys=(NEW_PLAN, OLD_PLAN))


def test_a_document_is_read_as_it_was_printed() -> None:
    assert Keys.parse(KEYS.document()) == KEYS


@pytest.mark.parametrize("token", [OLD, NEW])
def test_every_token_is_accepted(token: str) -> None:
    assert KEYS.admit(authorization(token)["Authorization"])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        NEW,
        f"Basic {NEW}",
        f"Bearer {NEW}x",
        f"Bearer {NEW[:-1]}",
        f"Bearer {NEW}, Bearer {OLD}",
        "Bearer \ud800\xe9",
    ],
)
def test_nothing_else_is(header: str) -> None:
    assert not KEYS.admit(header)


def test_without_keys_nobody_is_admitted() -> None:
    assert not Keys().admit("Bearer ")
    assert not Keys().admit("")


def test_the_newest_plan_key_seals_and_each_of_them_opens() -> None:
    older = PlanBox([OLD_PLAN])
    assert KEYS.plan_box.open(older.seal(b"plan")) == b"plan"
    assert PlanBox([NEW_PLAN]).open(KEYS.plan_box.seal(b"plan")) == b"plan"
    with pytest.raises(SealError):
        older.open(KEYS.plan_box.seal(b"plan"))


@pytest.mark.parametrize("sealed", [b"", b"!", b"gAAAA", b"\xff" * 100, bytes(1_000)])
def test_garbage_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealError):
        KEYS.plan_box.open(sealed)


def test_a_seal_that_was_changed_on_the_way_does_not_open() -> None:
    sealed = bytearray(KEYS.plan_box.seal(b"plan" * 100))
    sealed[50] = ord("A") if sealed[50] != ord("A") else ord("B")
    with pytest.raises(SealError):
        KEYS.plan_box.open(bytes(sealed))


def test_identities_name_all_keys_newest_first_and_tell_none() -> None:
    assert KEYS.identities == tuple(key_identity(key) for key in (NEW, NEW_PLAN, OLD, OLD_PLAN))
    assert all(len(identity) == 8 for identity in KEYS.identities)


def test_keys_are_in_no_repr() -> None:
    assert not any(key in repr(KEYS) for key in (OLD, NEW, OLD_PLAN, NEW_PLAN))


SECRET = "do-not-tell-anybody-this"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        f"{SECRET}: [".encode(),
        json.dumps([SECRET]).encode(),
        json.dumps({"feed": SECRET}).encode(),
        json.dumps({"feed": [f"{SECRET}\n"]}).encode(),
        json.dumps({"feed": ["short"], "plan": []}).encode(),
        json.dumps({"feed": [SECRET, 7]}).encode(),
        json.dumps({"plan": [SECRET]}).encode(),
        json.dumps({"plan": [f"{SECRET}\u00e9"]}).encode(),
        json.dumps({"feed": [SECRET] * 100}).encode(),
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_document_that_is_none_is_told_in_one_line_without_what_it_holds(document: bytes) -> None:
    with pytest.raises(KeysError) as caught:
        Keys.parse(document)
    assert "keys.json" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
