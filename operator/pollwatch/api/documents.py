"""YAML (and JSON, which is YAML) read into plain documents that know their lines.

The events of the parser are put together here, and not by PyYAML's composer, for three
reasons: every value keeps its line, a key that is given twice is found, and a document that
is nested or multiplied by aliases without measure is given up before it is built.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from pollwatch.api.problems import Problem
from pollwatch.api.scalars import Scalar, plain_scalar

MAX_DEPTH = 64
"""Deepest nesting. A Check has eight levels, a Pod in a List about twenty."""

MAX_VALUES = 1_000_000
"""Most values in one file, with each alias counted as all that it stands for."""

_STRING_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "null", "seq")
)
_MERGE_KEY = "<<"

_JSON_ESCAPE = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\.")
"""An escape in a JSON text; one that needs two UTF-16 code units in groups (RFC 8259, section 7)."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: ten times as fast."""


@dataclass(slots=True)
class Node:
    """A value of a document."""

    value: "Scalar | list[Node] | dict[str, Entry]"
    line: int
    """Where it begins, from 1."""
    size: int = 1
    """How many values it is made of, itself included."""
    height: int = 1
    """How many levels it is made of, itself included."""

    def plain(self) -> Any:
        """Return it as JSON would: `dict`, `list`, `str`, `int`, `float`, `bool` and `None`."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def line_of(self, path: str) -> int:
        """Find the line of a field path such as `spec.http.headers[1].name`, or of what is nearest to it."""
        if not path:
            return self.line
        if isinstance(self.value, list) and path.startswith("["):
            index, _, rest = path[1:].partition("]")
            if index.isdigit() and int(index) < len(self.value):
                return self.value[int(index)].line_of(rest.removeprefix("."))
        if isinstance(self.value, dict):
            # A key may hold dots itself: the longest that fits is meant.
            fitting = [key for key in self.value if _begins_with(path, key)]
            if fitting:
                key = max(fitting, key=len)
                entry, rest = self.value[key], path[len(key) :].removeprefix(".")
                return entry.node.line_of(rest) if rest and entry.node.has(rest) else entry.line
        return self.line

    def has(self, path: str) -> bool:
        """Tell whether the first step of a field path is there."""
        if isinstance(self.value, dict):
            return any(_begins_with(path, key) for key in self.value)
        return isinstance(self.value, list) and path.startswith("[")


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value in a mapping, and the line of the key."""

    line: int
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a file."""

    root: Node
    problems: tuple[Problem, ...] = ()
    """What is wrong with it before its fields are even looked at."""


class UnreadableError(ValueError):
    """A file is no YAML, or more than we take: nothing after this place can be read."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_documents(text: str) -> Iterator[Document]:
    """Read the documents of a file one after the other; empty ones are left out.

    Raises:
        UnreadableError: From the first place on that cannot be read.
    """
    text = _with_yaml_escapes(text)
    events = yaml.parse(text, Loader=_Loader)
    values = 0
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(MAX_VALUES - values)
                root = builder.build(events)
                values += root.size
                if root.value is not None:
                    yield Document(root=root, problems=tuple(builder.problems))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise UnreadableError(f"cannot be read as YAML: {error.problem or error.context}", line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableError(f"cannot be read as YAML: {error.reason}", line) from None


def _with_yaml_escapes(text: str) -> str:
    """Write a character that a JSON text escapes as two code units in the way that YAML knows: as one."""
    return _JSON_ESCAPE.sub(_yaml_escape, text) if text.lstrip()[:1] == "{" else text


def _yaml_escape(escape: re.Match[str]) -> str:
    high, low = escape.groups()
    if high is None:
        return escape.group()
    return f"\\U{0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF):08X}"


def _line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


def _begins_with(path: str, key: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[")


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Node
    anchor: str | None
    key: tuple[str, int] | None = None
    """In a mapping: the key that waits for its value, and its line."""
    merged: list[Node] = field(default_factory=list)
    """Mappings to be merged in (`<<`)."""


class _Builder:
    """Puts the events of one document together."""

    def __init__(self, most_values: int) -> None:
        self.problems: list[Problem] = []
        self._most_values = most_values
        self._values = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}

    def build(self, events: Iterator[yaml.Event]) -> Node:
        """Read up to the end of the document."""
        root = Node(None, 1)
        for event in events:
            if isinstance(event, yaml.DocumentEndEvent):
                break
            complete = self._take(event)
            if complete is None:
                continue
            self._count(complete, event)
            if self._open:
                self._put(self._open[-1], complete, event)
            else:
                root = complete
        return root

    def _take(self, event: yaml.Event) -> Node | None:
        """Return the value that an event completes, if it does."""
        line = _line(event)
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, line), line)
            self._name(event.anchor, node)
            return node
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise UnreadableError(f"alias *{event.anchor} stands for nothing that is complete", line)
            known = self._anchors[event.anchor]
            return Node(known.value, line, known.size, known.height)
        if isinstance(event, yaml.CollectionStartEvent):
            self._check_tag(event.tag, line)
            self._check_depth(1, line)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Open(Node({} if is_mapping else [], line), event.anchor))
            return None
        return self._close()

    def _close(self) -> Node:
        closed = self._open.pop()
        entries = closed.node.value
        for mapping in closed.merged:
            if isinstance(entries, dict) and isinstance(mapping.value, dict):
                closed.node.value = entries = mapping.value | entries
        self._name(closed.anchor, closed.node)
        return closed.node

    def _name(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _count(self, node: Node, event: yaml.Event) -> None:
        """Bound what the document expands to; a list or mapping has counted its parts already."""
        self._values += node.size if isinstance(event, yaml.AliasEvent) else 1
        if self._values > self._most_values:
            message = f"must not hold more than {MAX_VALUES:,} values, aliases included"
            raise UnreadableError(message, _line(event))

    def _check_depth(self, height: int, line: int) -> None:
        """Bound the nesting where a value of some levels is to stand, be it by an alias."""
        if len(self._open) + height > MAX_DEPTH:
            raise UnreadableError(f"must not be nested deeper than {MAX_DEPTH} levels", line)

    def _put(self, parent: _Open, node: Node, event: yaml.Event) -> None:
        """Give a complete value its place in what it stands in."""
        container = parent.node.value
        if isinstance(container, list):
            container.append(node)
        elif isinstance(container, dict):
            if parent.key is None:
                parent.key = (self._key(node, event), node.line)
                return
            (key, line), parent.key = parent.key, None
            if key == _MERGE_KEY:
                self._merge(parent, node)
            elif key in container:
                first = container[key].line
                message = f"the key is given twice, first in line {first}; remove one"
                self.problems.append(Problem(path=self._path(key), message=message, line=line))
            else:
                container[key] = Entry(line, node)
        self._check_depth(node.height, node.line)
        parent.node.size += node.size
        parent.node.height = max(parent.node.height, node.height + 1)

    def _key(self, node: Node, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise UnreadableError("a key must be a string", node.line)
        return event.value

    def _path(self, key: str) -> str:
        """Write the place of a key in the mapping that is open."""
        path = ""
        for outer in self._open[:-1]:
            if isinstance(outer.node.value, list):
                path += f"[{len(outer.node.value)}]"
            elif outer.key is not None:
                path += f".{outer.key[0]}"
        return f"{path}.{key}".removeprefix(".")

    def _merge(self, parent: _Open, node: Node) -> None:
        mappings = node.value if isinstance(node.value, list) else [node]
        if not all(isinstance(mapping.value, dict) for mapping in mappings):
            raise UnreadableError("'<<' must be followed by a mapping, or a list of mappings", node.line)
        parent.merged.extend(mappings)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        if event.tag == _STRING_TAG or (event.tag in (None, "!") and not event.implicit[0]):
            return event.value
        self._check_tag(event.tag, line)
        return plain_scalar(event.value)

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag not in (None, "!") and tag not in _PLAIN_TAGS:
            raise UnreadableError(f"must not hold the tag {tag}", line)
