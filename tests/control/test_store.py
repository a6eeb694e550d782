"""The store tells what is new, and keeps no Secret that nobody refers to."""

import base64

from pollwatch.compile.references import Reference
from pollwatch.control.store import Novelty, Store, is_newer
from pollwatch.plan.checks import CheckKey
from tests.control.documents import check_document, secret_document

KEY = CheckKey("public-sites", "front-page")
SECRET = Reference("Secret", "public-sites", "site")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_version_that_is_known_or_older_is_nothing_new() -> None:
    store = Store()
    assert store.observe_check(check_document(version=9)) is Novelty.SPEC
    assert store.observe_check(check_document(version=9)) is Novelty.NOTHING
    assert store.observe_check(check_document(version=8, generation=2)) is Novelty.NOTHING


def test_a_new_status_is_no_new_spec() -> None:
    store = Store()
    store.observe_check(check_document(version=1))
    status = {"conditions": [{"type": "Ready", "status": "True"}], "verdict": "Up"}
    assert store.observe_check(check_document(version=2, status=status)) is Novelty.STATUS
    held = store.checks[KEY].status
    assert held is not None
    assert held.verdict == "Up"


def test_a_check_made_again_under_its_name_is_a_new_one_whatever_its_version() -> None:
    store = Store()
    store.observe_check(check_document(uid="first", version=9))
    assert store.observe_check(check_document(uid="second", version=3)) is Novelty.SPEC


def test_that_a_check_is_gone_does_not_take_its_successor_away() -> None:
    store = Store()
    store.observe_check(check_document(uid="second"))
    assert not store.forget_check(KEY, uid="first")
    assert store.forget_check(KEY, uid="second")
    assert not store.checks


def test_a_check_is_decoded_as_it_was() -> None:
    store = Store()
    document = check_document(periodSeconds=7)
    store.observe_check(document)
    assert store.checks[KEY].document["spec"] == document["spec"]


def test_a_secret_that_no_check_refers_to_is_not_kept() -> None:
    store = Store()
    assert store.observe_data(SECRET, secret_document("site", token=encoded("t"))) == frozenset()
    assert store.secret("public-sites", "site") is None


def test_a_secret_is_known_once_it_was_seen_and_its_users_are_compiled_again_when_it_changes() -> None:
    store = Store()
    store.observe_check(check_document())
    store.refer(KEY, frozenset({SECRET}))
    assert store.unknown(frozenset({SECRET})) == [SECRET]
    assert store.observe_data(SECRET, secret_document("site", 1, token=encoded("one"))) == {KEY}
    assert store.unknown(frozenset({SECRET})) == []
    assert store.secret("public-sites", "site") == {"token": b"one"}
    assert store.observe_data(SECRET, secret_document("site", 2, token=encoded("two"))) == {KEY}


def test_a_secret_whose_labels_alone_changed_has_nobody_compiled_again() -> None:
    store = Store()
    store.observe_check(check_document())
    store.refer(KEY, frozenset({SECRET}))
    store.observe_data(SECRET, secret_document("site", 1, token=encoded("one")))
    assert store.observe_data(SECRET, secret_document("site", 2, token=encoded("one"))) == frozenset()


def test_a_secret_goes_with_the_last_check_that_refers_to_it() -> None:
    store = Store()
    keys = [CheckKey("public-sites", name) for name in ("one", "two")]
    for key in keys:
        store.observe_check(check_document(key.name))
        store.refer(key, frozenset({SECRET}))
    store.observe_data(SECRET, secret_document("site", token=encoded("t")))
    store.refer(keys[0], frozenset())
    assert store.secret("public-sites", "site") is not None
    store.forget_check(keys[1], uid="uid-of-two")
    assert store.secret("public-sites", "site") is None
    assert store.references() == []


def test_that_a_secret_is_gone_does_not_take_its_successor_away() -> None:
    store = Store()
    store.observe_check(check_document())
    store.refer(KEY, frozenset({SECRET}))
    store.observe_data(SECRET, secret_document("site", 5, uid="second", token=encoded("t")))
    assert store.forget_data(SECRET, uid="first") == frozenset()
    assert store.forget_data(SECRET, uid="second") == {KEY}
    assert store.secret("public-sites", "site") is None


def test_a_config_map_has_text_and_bytes() -> None:
    store = Store()
    reference = Reference("ConfigMap", "public-sites", "ca")
    store.observe_check(check_document())
    store.refer(KEY, frozenset({reference}))
    document = secret_document("ca", plain="text") | {"binaryData": {"raw": encoded("bytes")}}
    store.observe_data(reference, document)
    assert store.config_map("public-sites", "ca") == {"plain": b"text", "raw": b"bytes"}


def test_secrets_are_not_shown_when_the_store_is_printed() -> None:
    store = Store()
    store.observe_check(check_document())
    store.refer(KEY, frozenset({SECRET}))
    store.observe_data(SECRET, secret_document("site", token=encoded("hidden")))
    assert "hidden" not in repr(store._data)


def test_versions_are_compared_as_numbers_and_else_by_being_another() -> None:
    assert is_newer("10", "9")
    assert not is_newer("9", "10")
    assert is_newer("abc", "abd")
    assert not is_newer("abc", "abc")
