"""The values of the chart: `values.yaml` and its comments, as a JSON Schema and as a table for the README.

A value with a comment above it is one that users set. A mapping is a section when what is in it has
comments, too, and otherwise one value: an object of Kubernetes, say. A line `# @schema` in a comment
begins JSON Schema, as YAML, that is laid over what the default shows. In it, `$ref: "#spec.FIELD"` is
the schema of that field of a ProbePool, and `$ref: V1Affinity` that of an object of Kubernetes
(`tools.kubernetes_schema`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pollwatch.api.resources import PROBE_POOL
from tools.editor_schema import editor_schema
from tools.kubernetes_schema import definitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHART = Path(__file__).parents[1] / "charts" / "pollwatch"

_SCHEMA = "@schema"
_OF_POOL = "#"
_DEFINITIONS = "#/definitions/"

# What Helm hands to every chart, and what a chart that has this one as a dependency may say of it.
_FROM_PARENTS = {
    "global": {"description": "Values of all charts of a release.", "type": "object"},
    "enabled": {"description": "The condition of a chart that depends on this one.", "type": "boolean"},
}

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value, or a section of values."""

    name: str
    path: str
    """With dots, as `--set` takes it."""
    default: Any
    description: str
    """Empty: a section, which says nothing itself."""
    schema: dict[str, Any]
    """What is said of it beside its default."""
    values: tuple[Value, ...] = ()
    """Of a section."""

    def json_schema(self) -> dict[str, Any]:
        """Return what it may be."""
        if self.values:
            return _section(self.values)
        inferred = next((name for kind, name in _TYPES if isinstance(self.default, kind)), None)
        schema: dict[str, Any] = {
            "description": self.description,
            "type": inferred,
            "default": self.default,
        }
        said: dict[str, Any] = _resolved(self.schema)
        if "$ref" in said:
            # Beside a `$ref`, draft 7 reads nothing else.
            said = {"allOf": [said]}
        return schema | said | {"description": self.description}

    def rows(self) -> Iterator[str]:
        """Return its lines of the table."""
        for value in self.values:
            yield from value.rows()
        if not self.values:
            default = json.dumps(self.default).replace("|", r"\|")
            yield f"| `{self.path}` | `{default}` | {self.description.replace('|', chr(92) + '|')} |"


def read_values(text: str) -> tuple[Value, ...]:
    """Read `values.yaml`.

    Raises:
        ValueError: a value has no comment, or one that is no schema; it is named with its line.
        TypeError: it is no mapping.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml must be a mapping")
    return tuple(_values(root, text.splitlines(), ""))


def values_schema(text: str) -> str:
    """Return `values.schema.json`, by which Helm refuses values that the chart does not know."""
    section = _section(read_values(text))
    section["properties"] |= _FROM_PARENTS
    section["definitions"] = definitions(_definitions_used(section))
    document = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of Pollwatch"}
    return json.dumps(document | section, indent=2, ensure_ascii=False) + "\n"


def values_table(text: str) -> str:
    """Return all values as a table in Markdown."""
    rows = (row for value in read_values(text) for row in value.rows())
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]) + "\n"


def readme(text: str, values: str) -> str:
    """Return the README of the chart with the table of today in it.

    Raises:
        ValueError: it has no place for the table.
    """
    written, count = re.subn(
        r"(?s)(?<=<!-- values: made by `make generate` from values.yaml -->\n).*(?=<!-- /values -->)",
        lambda _: f"\n{values_table(values)}\n",
        text,
    )
    if count != 1:
        raise ValueError("the README of the chart has no place for the table of its values")
    return written


def _values(node: yaml.MappingNode, lines: Sequence[str], prefix: str) -> Iterator[Value]:
    for key, child in node.value:
        name, line = str(key.value), key.start_mark.line
        path = f"{prefix}{name}"
        description, schema = _comment(lines, line)
        inner: tuple[Value, ...] = ()
        if isinstance(child, yaml.MappingNode) and child.value and not description:
            inner = tuple(_values(child, lines, f"{path}."))
        elif not description:
            raise ValueError(f"values.yaml:{line + 1}: {path} has no comment that says what it is")
        default = yaml.safe_load(yaml.serialize(child))
        yield Value(
            name=name, path=path, default=default, description=description, schema=schema, values=inner
        )


def _comment(lines: Sequence[str], line: int) -> tuple[str, dict[str, Any]]:
    """Read the comment right above a line: what it says, and its schema."""
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    comment = [each.lstrip().removeprefix("#").removeprefix(" ") for each in lines[first:line]]
    description, _, schema = "\n".join(comment).partition(_SCHEMA)
    try:
        return " ".join(description.split()), yaml.safe_load(schema) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"values.yaml:{line + 1}: what follows {_SCHEMA} is no schema: {error}") from error


def _section(values: Sequence[Value]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {value.name: value.json_schema() for value in values},
    }


def _resolved(schema: Any) -> Any:
    """Put what each `$ref` means in its place; what stands beside one to a ProbePool is laid over it."""
    if isinstance(schema, list):
        return [_resolved(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    others = {key: _resolved(value) for key, value in schema.items() if key != "$ref"}
    if (reference := schema.get("$ref")) is None:
        return others
    if not reference.startswith(_OF_POOL):
        return {"$ref": f"{_DEFINITIONS}{reference}"}
    found = json.loads(editor_schema(PROBE_POOL))
    for name in reference.removeprefix(_OF_POOL).split("."):
        found = found["properties"][name]
    return _laid_over(_with_paths(found), others)


def _laid_over(below: Any, above: Any) -> Any:
    """Join two schemas, keyword by keyword; where both say something, the one above counts."""
    if not (isinstance(below, dict) and isinstance(above, dict)) or "$ref" in above:
        return above
    return {**below, **{key: _laid_over(below.get(key), value) for key, value in above.items()}}


def _definitions_used(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for one in schema for name in _definitions_used(one)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].removeprefix(_DEFINITIONS)} if "$ref" in schema else set()
    return own | {name for one in schema.values() for name in _definitions_used(one)}


def _with_paths(schema: Any) -> Any:
    """Say which keys there may be by what is at them: of `propertyNames`, Helm 4.3 names a wrong path."""
    if isinstance(schema, list):
        return [_with_paths(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: _with_paths(value) for key, value in schema.items()}
    rules = [one for one in schema.get("allOf", ()) if one.keys() == {"propertyNames"}]
    values = schema.get("additionalProperties", True)
    at_keys: dict[str, Any] = {}
    for names in (rule["propertyNames"] for rule in rules):
        if "pattern" in names:
            at_keys[names["pattern"]] = values
            schema["additionalProperties"] = False
        refused = names.get("not", {})
        at_keys |= {f"^{re.escape(name)}$": False for name in refused.get("enum", ())}
        if "pattern" in refused:
            at_keys[refused["pattern"]] = False
    if rules:
        schema["patternProperties"] = at_keys
        schema["allOf"] = [one for one in schema["allOf"] if one not in rules]
    return {key: value for key, value in schema.items() if key != "allOf" or value}
