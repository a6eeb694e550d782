"""Where Secrets come from, and which a Check refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollwatch.api.check import parse_check
from pollwatch.compile.plan import compile_checks
from pollwatch.compile.references import Reference, references
from pollwatch.compile.resources import GivenResources
from pollwatch.compile.secrets_dir import SecretsDirectory
from tests.api.documents import check_document, http_document

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = GivenResources(
    secrets={("public-sites", "token"): {"token": b"given"}},
    config_maps={("public-sites", "ca"): {"ca.crt": b"pem"}},
)


def test_a_mounted_secret_wins_over_one_in_the_files(tmp_path: Path) -> None:
    mounted = tmp_path / "token"
    revision = mounted / "..2016_11_08"
    revision.mkdir(parents=True)
    (revision / "token").write_bytes(b"mounted")
    (mounted / "..data").symlink_to(revision.name)
    (mounted / "token").symlink_to("..data/token")
    resources = SecretsDirectory(directory=tmp_path, elsewhere=GIVEN)

    assert resources.secret("any-namespace", "token") == {"token": b"mounted"}


def test_a_secret_that_is_not_mounted_is_looked_up_in_the_files(tmp_path: Path) -> None:
    resources = SecretsDirectory(directory=tmp_path, elsewhere=GIVEN)

    assert resources.secret("public-sites", "token") == {"token": b"given"}
    assert resources.secret("other", "token") is None
    assert resources.config_map("public-sites", "ca") == {"ca.crt": b"pem"}


def test_a_mounted_secret_that_changes_is_seen(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    resources = SecretsDirectory(directory=tmp_path, elsewhere=GIVEN)
    for value in (b"old", b"new"):
        (tmp_path / "token" / "token").write_bytes(value)

        assert resources.secret("public-sites", "token") == {"token": value}


def test_all_objects_that_a_check_refers_to_are_found() -> None:
    document = http_document(
        headers=[
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "one", "key": "other"}}},
        ],
        body={"secretKeyRef": {"name": "two", "key": "k"}},
        tls={"caFrom": {"configMapKeyRef": {"name": "ca", "key": "k"}}},
    )

    assert references(parse_check(document)) == {
        Reference("Secret", "public-sites", "one"),
        Reference("Secret", "public-sites", "two"),
        Reference("ConfigMap", "public-sites", "ca"),
    }


def test_a_check_of_tcp_refers_to_its_certificates() -> None:
    tls = {"caFrom": {"secretKeyRef": {"name": "ca", "key": "k"}}}
    document = check_document(tcp={"address": "a:1", "tls": tls})

    assert references(parse_check(document)) == {Reference("Secret", "public-sites", "ca")}


def test_a_check_that_refers_to_nothing_has_no_references() -> None:
    assert references(parse_check(check_document())) == frozenset()


def test_a_bad_check_is_left_out_of_the_plan_and_no_other_is() -> None:
    good, bad, suspended = (
        check_document(),
        http_document(expect={"body": [{"matches": "("}]}),
        check_document(),
    )
    for name, document in (("good", good), ("bad", bad), ("suspended", suspended)):
        document["metadata"] = {"name": name}
    suspended["spec"]["suspend"] = True
    compilation = compile_checks(map(parse_check, (suspended, good, bad)), GIVEN)

    assert [check.key.name for check in compilation.plan.checks] == ["good"]
    assert [key.name for key in compilation.rejected] == ["bad"]


def test_a_plan_is_in_the_order_of_the_keys() -> None:
    documents = []
    for namespace, name in (("b", "a"), ("a", "b"), ("a", "a")):
        document = check_document()
        document["metadata"] = {"name": name, "namespace": namespace}
        documents.append(document)
    plan = compile_checks(map(parse_check, documents), GIVEN).plan

    assert [str(check.key) for check in plan.checks] == ["a/a", "a/b", "b/a"]
