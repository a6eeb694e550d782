"""How YAML is read: as kubectl reads it, with lines, and with limits."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.api.documents import MAX_VALUES, Document, UnreadableError, read_documents

CHECK = """\
spec:
  http:
    url: https://www.example.org/
    headers:
    - name: Accept
    -
      name: Accept-Language
  labels:
    a.b: dotted
    a: plain
"""


def only(text: str) -> Document:
    (document,) = read_documents(text)
    return document


def refusal_of(text: str) -> UnreadableError:
    with pytest.raises(UnreadableError) as refused:
        list(read_documents(text))
    return refused.value


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("spec", 1),
        ("spec.http.url", 3),
        ("spec.http.headers[0].name", 5),
        ("spec.http.headers[1].name", 7),
        ("spec.labels.a.b", 9),
        ("spec.labels.a", 10),
    ],
)
def test_a_field_knows_its_line(path: str, line: int) -> None:
    assert only(CHECK).root.line_of(path) == line


@pytest.mark.parametrize(
    ("path", "line"), [("spec.http.expect.statuses", 2), ("spec.http.headers[9]", 5), ("status", 1)]
)
def test_a_field_that_is_missing_is_looked_for_where_it_should_be(path: str, line: int) -> None:
    assert only(CHECK).root.line_of(path) == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("0x1F", 31),
        ("010", 8),
        ("0o17", 15),
        ("-0b11", -3),
        ("1_000", 1000),
        ("1e3", 1000),
        ("30.0", 30),
        ("0.5", 0.5),
        (".inf", math.inf),
        ("2016-11-08", "2016-11-08"),
        ("1:30", "1:30"),
        ("'30'", "30"),
        ("!!str 30", "30"),
        ("https://www.example.org/", "https://www.example.org/"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, value: Any) -> None:
    found = only(f"key: {text}").root.plain()["key"]

    assert (type(found), found) == (type(value), value)


def test_documents_that_are_empty_are_left_out() -> None:
    assert [document.root.plain() for document in read_documents("---\n---\n# none\n---\na: 1\n---\n")] == [
        {"a": 1}
    ]


def test_json_is_read_too() -> None:
    assert only('{"a": [1, true, null],\n\t"b": {"c": "d"}}').root.plain() == {
        "a": [1, True, None],
        "b": {"c": "d"},
    }


# YAML has no room for the DEL that JSON leaves as it is, and `<<` is a key of its own.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f<"), max_size=20)


@given(st.dictionaries(TEXT, TEXT | st.lists(st.integers(0, 9) | st.none()), min_size=1))
def test_json_is_read_as_json_whatever_is_escaped(document: dict[str, Any]) -> None:
    for indent in (None, 2, "\t"):
        assert only(json.dumps(document, indent=indent)).root.plain() == document


def test_an_escaped_backslash_before_a_code_unit_is_no_escape_of_it() -> None:
    assert only('{"a": "\\\\ud83d\\\\ude00"}').root.plain() == {"a": r"\ud83d\ude00"}


def test_anchors_and_merge_keys_are_filled_in() -> None:
    text = "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nall:\n  <<: [*base, *more]\n  d: 5\n"

    assert only(text).root.plain()["all"] == {"a": 1, "b": 2, "c": 4, "d": 5}


def test_a_key_that_is_given_twice_is_told_with_both_lines() -> None:
    (problem,) = only("spec:\n  tcp:\n    address: a:1\n    address: b:2\n").problems

    assert (problem.path, problem.line) == ("spec.tcp.address", 4)
    assert problem.message == "the key is given twice, first in line 3; remove one"


def test_a_syntax_error_has_its_line() -> None:
    refused = refusal_of("a: 1\nb: c: d\n")

    assert refused.line == 2
    assert "mapping values are not allowed" in str(refused)


def test_what_stands_before_a_syntax_error_is_read() -> None:
    documents = read_documents("a: 1\n---\nb: [\n")

    assert next(documents).root.plain() == {"a": 1}
    with pytest.raises(UnreadableError):
        next(documents)


def test_aliases_that_multiply_are_given_up_before_they_are_filled_in() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for this, following in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{following}: &{following} [{', '.join([f'*{this}'] * 10)}]\n"

    assert f"more than {MAX_VALUES:,} values" in str(refusal_of(bomb))


def test_aliases_that_nest_are_given_up() -> None:
    ladder = "".join(f"k{rung + 1}: &a{rung + 1} [*a{rung}]\n" for rung in range(1200))

    assert "nested deeper" in str(refusal_of(f"k0: &a0 [x]\n{ladder}"))


def test_an_alias_within_what_it_stands_for_is_refused() -> None:
    assert "stands for nothing that is complete" in str(refusal_of("a: &a [*a]\n"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_given_up(opening: str) -> None:
    assert "nested deeper" in str(refusal_of(opening * 100_000))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: !!python/object:os.system x", "must not hold the tag"),
        ("a: *nothing", "stands for nothing"),
        ("? [a]\n: b", "a key must be a string"),
        ("<<: 1", "must be followed by a mapping"),
        ("a: 'open", "cannot be read as YAML"),
        ("a: \x01", "cannot be read as YAML"),
    ],
)
def test_what_no_manifest_needs_is_refused(text: str, told: str) -> None:
    refused = refusal_of(text)

    assert told in str(refused)
    assert refused.line is not None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        outcome = [document.root.plain() for document in read_documents(text)]
    except UnreadableError as refused:
        outcome = [str(refused)]
    assert all(part is not None for part in outcome)
