"""The JSON Schemas that editors and pipelines read judge as the API server does, as far as they can."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import regress
import yaml

from pollwatch.api.resources import CHECK, PROBE_POOL, RESOURCES
from tests.corpus.corpus import BAD, GOOD, document_in, expected
from tools.editor_schema import file_name

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(
    file
    for file in (ROOT / "manifests" / "samples").rglob("*.yaml")
    if "apiVersion: pollwatch.dev/" in file.read_text(encoding="utf-8")
)
SCHEMAS = {
    resource.kind: json.loads((ROOT / "docs/schemas" / file_name(resource)).read_text(encoding="utf-8"))
    for resource in RESOURCES
}


def refuses(document: Any) -> list[str]:
    """What the schema of a document's kind has against it."""
    validator = jsonschema.Draft7Validator(SCHEMAS[document["kind"]])
    return [error.message for error in validator.iter_errors(document)]


def patterns_in(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        return own + [pattern for inner in schema.values() for pattern in patterns_in(inner)]
    return [pattern for inner in schema for pattern in patterns_in(inner)] if isinstance(schema, list) else []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_is_a_schema_of_draft_7(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_its_patterns_are_understood_by_editors_which_speak_javascript(kind: str) -> None:
    patterns = patterns_in(SCHEMAS[kind])
    assert patterns
    for pattern in patterns:
        regress.Regex(pattern, flags="u")


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_what_is_good_is_taken(file: Path) -> None:
    assert refuses(document_in(file)) == []


SAID_BY_CEL_ONLY = 0.25
"""The share of bad resources that it may miss: two fields compared, an address or a network calculated."""


@pytest.mark.parametrize("kind", [CHECK.kind, PROBE_POOL.kind])
def test_most_of_what_is_bad_is_refused(kind: str) -> None:
    bad = [file for file in BAD if document_in(file)["kind"] == kind]
    missed = [file.stem for file in bad if not refuses(document_in(file))]
    assert len(missed) < SAID_BY_CEL_ONLY * len(bad), missed


@pytest.mark.parametrize(
    "name", ["unknown-field-in-http", "period-string", "url-with-scheme-ftp", "two-protocols"]
)
def test_the_usual_mistakes_are_refused(name: str) -> None:
    (file,) = (file for file in BAD if file.stem == name)
    assert refuses(document_in(file))


def test_an_editor_says_what_is_wrong_in_the_words_of_the_api_server() -> None:
    (file,) = (file for file in BAD if file.stem == "url-with-scheme-ftp")
    validator = jsonschema.Draft7Validator(SCHEMAS["Check"])
    messages = [
        error.schema.get("patternErrorMessage", "") for error in validator.iter_errors(document_in(file))
    ]

    assert any(expected(file).message in message for message in messages)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample_names_its_schema_in_the_first_line_and_is_valid_by_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    documents = list(yaml.safe_load_all(text))
    (kind,) = {document["kind"] for document in documents}

    assert text.splitlines()[0] == f"# yaml-language-server: $schema={SCHEMAS[kind]['$id']}"
    assert [refuses(document) for document in documents] == [[]] * len(documents)
