"""How a Check is read from a plain document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.api.check import parse_check
from pollwatch.api.labels import RESERVED
from pollwatch.api.problems import Invalid
from pollwatch.plan.checks import CheckKey
from pollwatch.series.table import RESERVED_LABELS
from tests.api.documents import URL, check_document, http_document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
PARTS = ("method", "headers", "body", "followRedirects", "expect", "tls", "resolve")


def problems_of(document: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as invalid:
        parse_check(document)
    return [str(problem) for problem in invalid.value.problems]


def test_what_is_left_open_has_the_documented_defaults() -> None:
    check = parse_check(check_document())

    assert check.key == CheckKey("public-sites", "front-page")
    assert (check.spec.period_seconds, check.spec.timeout, check.spec.suspend) == (30, 10, False)
    assert check.spec.http is not None
    assert check.spec.http.method == "GET"
    assert check.spec.http.follow_redirects
    assert check.spec.http.expect.statuses == ("2xx",)
    assert check.spec.http.resolve == "Any"


def test_a_check_without_namespace_is_in_default() -> None:
    document = check_document()
    del document["metadata"]["namespace"]

    assert parse_check(document).key == CheckKey("default", "front-page")


def test_the_default_timeout_is_not_above_a_short_period() -> None:
    assert parse_check(check_document(periodSeconds=3)).spec.timeout == 3


def test_what_the_operator_wrote_into_the_status_is_not_read() -> None:
    document = check_document() | {"status": {"verdict": "of a later version", "new": [1]}}

    assert parse_check(document) == parse_check(check_document() | {"status": document["status"]})
    assert "later version" not in repr(parse_check(document))


def test_metadata_that_the_api_server_adds_is_taken() -> None:
    document = check_document()
    document["metadata"] |= {
        "uid": "5f0b",
        "generation": 3,
        "resourceVersion": "17",
        "creationTimestamp": "2016-11-08T20:00:00Z",
        "managedFields": [{"manager": "kubectl"}],
    }
    metadata = parse_check(document).metadata

    assert (metadata.uid, metadata.generation) == ("5f0b", 3)


def test_all_that_is_wrong_is_told_and_not_just_the_first() -> None:
    told = problems_of(
        check_document(
            periodSeconds=5,
            timeoutSeconds=6,
            http={"url": "ftp://x", "expcet": {}, "method": "FETCH"},
            tcp={"address": "db"},
        )
    )

    assert [problem.partition(": ")[0] for problem in told] == [
        "spec.http.expcet",
        "spec.http.url",
        "spec.http.method",
        "spec.tcp.address",
        "spec",
        "spec.timeoutSeconds",
    ]


def test_an_unknown_field_is_told_with_the_one_that_was_meant() -> None:
    assert problems_of(http_document(expcet={})) == ["spec.http.expcet: unknown field, did you mean expect?"]


def test_an_unknown_field_that_resembles_none_is_told_with_those_there_are() -> None:
    assert problems_of(check_document(tcp={"address": "a:1", "qqq": 1})) == [
        "spec.tcp.qqq: unknown field, must be one of address, tls, resolve"
    ]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"periodSeconds": "30"}, "spec.periodSeconds: must be an integer, not a string ('30')"),
        ({"periodSeconds": True}, "spec.periodSeconds: must be an integer, not a boolean (true)"),
        ({"periodSeconds": 0}, "spec.periodSeconds: must be at least 1, not 0"),
        ({"periodSeconds": 86401}, "spec.periodSeconds: must be at most 86400, not 86401"),
        ({"suspend": 1}, "spec.suspend: must be true or false, not an integer (1)"),
        ({"labels": {"a": 1}}, "spec.labels.a: must be a string, not an integer (1); write it in quotes"),
        ({"labels": []}, "spec.labels: must be a mapping, not a list"),
        ({"http": {}}, "spec.http.url: required field is missing"),
        ({"http": "x"}, "spec.http: must be a mapping, not a string ('x')"),
        (
            {"http": {"url": URL, "tls": {"minVersion": "1.1"}}},
            "spec.http.tls.minVersion: must be '1.2' or '1.3', not '1.1'",
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_it_must_be(spec: dict[str, Any], told: str) -> None:
    assert problems_of(check_document(**spec)) == [told]


def test_a_long_value_is_not_repeated_whole() -> None:
    (told,) = problems_of(check_document(periodSeconds="9" * 10_000))

    assert len(told) < 150


def test_a_list_is_not_called_too_short_because_its_items_are_wrong() -> None:
    assert problems_of(http_document(expect={"statuses": ["99"]})) == [
        "spec.http.expect.statuses[0]: must be a status code such as '204' or a class such as '2xx'"
    ]


@pytest.mark.parametrize("field", ["tls", "body", "headers", "expect", "method", "followRedirects"])
def test_null_is_the_same_as_absent(field: str) -> None:
    assert parse_check(http_document(**{field: None})) == parse_check(http_document())


def test_labels_of_the_series_cannot_be_taken_by_a_check() -> None:
    assert set(RESERVED) >= RESERVED_LABELS


@given(
    http=st.fixed_dictionaries({"url": st.text() | JSON}, optional=dict.fromkeys(PARTS, JSON)),
    spec=st.fixed_dictionaries({}, optional=dict.fromkeys(("labels", "periodSeconds", "tcp"), JSON)),
)
def test_any_document_is_a_check_or_is_told_what_is_wrong_with_it(
    http: dict[str, Any], spec: dict[str, Any]
) -> None:
    try:
        parse_check(check_document(http=http, **spec))
    except Invalid as invalid:
        told = [problem.message for problem in invalid.problems]
    else:
        told = ["nothing"]
    assert told
    assert all(told)
