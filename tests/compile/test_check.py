"""What a Check is compiled to, and why it can be rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trustme

from pollwatch.api.check import parse_check
from pollwatch.api.conditions import AcceptedReason
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.resources import GivenResources
from pollwatch.plan.checks import (
    CheckKey,
    CheckPlan,
    Header,
    HeaderRule,
    HttpProbe,
    Resolve,
    StatusRange,
    TcpProbe,
    TextRule,
    TextTest,
    TlsOptions,
)
from tests.api.documents import check_document, http_document

if TYPE_CHECKING:
    from pollwatch.api.problems import Problem

TOKEN = {"secretKeyRef": {"name": "token", "key": "token"}}


def secret(**values: bytes) -> GivenResources:
    return GivenResources(secrets={("public-sites", "token"): values})


def compiled(document: dict[str, Any], resources: GivenResources | None = None) -> CheckPlan:
    return compile_check(parse_check(document), resources or GivenResources())


def http_probe(plan: CheckPlan) -> HttpProbe:
    assert isinstance(plan.probe, HttpProbe)
    return plan.probe


def problems_of(document: dict[str, Any], resources: GivenResources | None = None) -> tuple[Problem, ...]:
    with pytest.raises(Rejected) as rejected:
        compiled(document, resources)
    return rejected.value.problems


def test_a_minimal_http_check_has_all_defaults_filled_in() -> None:
    assert compiled(check_document()) == CheckPlan(
        key=CheckKey("public-sites", "front-page"),
        uid="",
        generation=0,
        period=30.0,
        timeout=10.0,
        target="https://www.example.org/",
        probe=HttpProbe(url="https://www.example.org/", max_redirects=10),
    )


def test_every_field_of_an_http_check_reaches_the_worker() -> None:
    document = http_document(
        method="POST",
        headers=[{"name": "Accept", "value": "text/html"}],
        body={"text": "caf\u00e9"},
        followRedirects=False,
        expect={
            "statuses": ["204", "3xx"],
            "body": [{"contains": "a"}, {"notContains": "b"}, {"matches": "c+"}, {"notMatches": "d+"}],
            "headers": [{"name": "Content-Type", "matches": "html"}],
            "maxBodyBytes": 10,
        },
        tls={"serverName": "sni.example.org", "insecureSkipVerify": True, "minVersion": "1.3"},
        resolve="EachAddress",
    )

    assert compiled(document).probe == HttpProbe(
        url="https://www.example.org/",
        method="POST",
        headers=(Header(name="Accept", value="text/html"),),
        body=b"caf\xc3\xa9",
        max_redirects=0,
        statuses=(StatusRange(204, 204), StatusRange(300, 399)),
        body_rules=(
            TextRule(test=TextTest.CONTAINS, pattern="a"),
            TextRule(test=TextTest.NOT_CONTAINS, pattern="b"),
            TextRule(test=TextTest.MATCHES, pattern="c+"),
            TextRule(test=TextTest.NOT_MATCHES, pattern="d+"),
        ),
        header_rules=(HeaderRule(name="content-type", test=TextTest.MATCHES, pattern="html"),),
        max_body_bytes=10,
        tls=TlsOptions(server_name="sni.example.org", verify=False, min_version="1.3"),
        resolve=Resolve.EACH_ADDRESS,
    )


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("db.example.org:5432", "db.example.org", 5432),
        ("192.0.2.1:80", "192.0.2.1", 80),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
    ],
)
def test_a_tcp_check_is_compiled_to_host_and_port(address: str, host: str, port: int) -> None:
    plan = compiled(check_document(tcp={"address": address, "tls": None}))

    assert plan.probe == TcpProbe(host=host, port=port)
    assert plan.target == address


def test_an_empty_tls_on_a_tcp_check_asks_for_a_handshake() -> None:
    plan = compiled(check_document(tcp={"address": "a:1", "tls": {}}))

    assert plan.probe == TcpProbe(host="a", port=1, tls=TlsOptions())


def test_the_query_of_a_url_is_sent_and_is_in_no_label() -> None:
    plan = compiled(http_document(url="https://www.example.org/search?token=abc"))

    assert http_probe(plan).url.endswith("?token=abc")
    assert plan.target == "https://www.example.org/search"


def test_labels_are_sorted_by_name() -> None:
    assert compiled(check_document(labels={"tier": "1", "team": "web"})).labels == (
        ("team", "web"),
        ("tier", "1"),
    )


def test_the_identity_of_the_object_is_kept() -> None:
    document = check_document()
    document["metadata"] |= {"uid": "5f0b", "generation": 4}
    plan = compiled(document)

    assert (plan.uid, plan.generation) == ("5f0b", 4)


def test_a_secret_is_sent_as_header_and_body_and_is_known_to_be_confidential() -> None:
    document = http_document(
        headers=[{"name": "Authorization", "valueFrom": TOKEN}],
        body={"secretKeyRef": {"name": "token", "key": "content"}},
    )
    plan = compiled(document, secret(token=b"Bearer hunter2", content=b"pin=1234"))

    assert http_probe(plan).headers == (Header(name="Authorization", value="Bearer hunter2"),)
    assert http_probe(plan).body == b"pin=1234"
    assert plan.confidential == ("Bearer hunter2", "pin=1234")


def test_no_secret_is_in_the_representation_of_a_plan() -> None:
    document = http_document(headers=[{"name": "Authorization", "valueFrom": TOKEN}])

    assert "hunter2" not in repr(compiled(document, secret(token=b"hunter2")))


def test_an_empty_secret_value_is_not_confidential() -> None:
    document = http_document(headers=[{"name": "X-Empty", "valueFrom": TOKEN}])

    assert compiled(document, secret(token=b"")).confidential == ()


@pytest.mark.parametrize("kind", ["configMapKeyRef", "secretKeyRef"])
def test_certificates_are_taken_from_a_config_map_or_a_secret(kind: str) -> None:
    pem = trustme.CA().cert_pem.bytes()
    data = {("public-sites", "ca"): {"ca.crt": pem}}
    resources = GivenResources(secrets=data, config_maps=data)
    document = http_document(tls={"caFrom": {kind: {"name": "ca", "key": "ca.crt"}}})

    assert http_probe(compiled(document, resources)).tls.ca_pem == pem.decode()


def test_all_that_is_missing_is_told_at_once_with_its_path_and_reason() -> None:
    document = http_document(
        headers=[{"name": "A", "value": "a"}, {"name": "Authorization", "valueFrom": TOKEN}],
        expect={"body": [{"contains": "("}, {"matches": "("}]},
        tls={"caFrom": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}},
    )

    assert [(problem.path, problem.reason) for problem in problems_of(document)] == [
        ("spec.http.headers[1].valueFrom.secretKeyRef.name", AcceptedReason.SECRET_NOT_FOUND),
        ("spec.http.expect.body[1].matches", AcceptedReason.INVALID_SPEC),
        ("spec.http.tls.caFrom.configMapKeyRef.name", AcceptedReason.CONFIG_MAP_NOT_FOUND),
    ]


def test_a_secret_of_another_namespace_is_not_there() -> None:
    document = http_document(headers=[{"name": "Authorization", "valueFrom": TOKEN}])
    resources = GivenResources(secrets={("other", "token"): {"token": b"hunter2"}})

    (problem,) = problems_of(document, resources)
    assert problem.message == "there is no Secret 'token' in namespace 'public-sites'"


@pytest.mark.parametrize(
    "value", [b"hunter2\n", b"hunter2\r\nX: 1", b"hunter2\xff", "hunter2\u017d".encode()]
)
def test_a_secret_that_is_no_header_value_is_told_without_its_value(value: bytes) -> None:
    document = http_document(headers=[{"name": "Authorization", "valueFrom": TOKEN}])
    (problem,) = problems_of(document, secret(token=value))

    assert problem.reason == AcceptedReason.INVALID_REFERENCED_VALUE
    assert "hunter2" not in str(problem)


def test_a_secret_with_other_keys_is_told_without_them() -> None:
    document = http_document(headers=[{"name": "Authorization", "valueFrom": TOKEN}])
    (problem,) = problems_of(document, secret(internal_key=b"x"))

    assert problem.reason == AcceptedReason.SECRET_KEY_NOT_FOUND
    assert "internal_key" not in str(problem)
