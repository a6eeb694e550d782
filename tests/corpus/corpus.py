"""The corpus of Checks and ProbePools: how its files are read.

`good/` holds what is valid; `bad/` holds what is refused at admission, each named after the rule it
breaks; `rejected/` holds Checks that only the operator can see to be wrong. The
first line of a bad one says where it is wrong and a part of what must be said about it; that of a
rejected one has the reason between the two.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pollwatch.api.documents import read_documents
from pollwatch.api.load import Loaded, load

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent

GOOD = tuple(sorted((FOLDER / "good").glob("*.yaml")))
BAD = tuple(sorted((FOLDER / "bad").glob("*.yaml")))
REJECTED = tuple(sorted((FOLDER / "rejected").glob("*.yaml")))


@dataclass(frozen=True)
class Expected:
    """What the first line of a file announces."""

    path: str
    message: str


def expected(file: Path) -> Expected:
    """Read the announcement of a bad or rejected file."""
    first_line = file.read_text(encoding="utf-8").partition("\n")[0]
    path, _, message = first_line.removeprefix("# ").partition(": ")
    return Expected(path, message)


def load_file(file: Path) -> Loaded:
    """Judge a file offline."""
    return load([str(file)], stdin=io.BytesIO())


def document_in(file: Path) -> dict[str, object]:
    """The resource of a file as kubectl would send it."""
    document = next(read_documents(file.read_text(encoding="utf-8")))
    content = document.root.plain()
    assert isinstance(content, dict)
    return content


def messages_in(schema: object) -> Iterator[str]:
    """The messages of all CEL rules of a schema."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "x-kubernetes-validations":
                yield from (rule["message"] for rule in value)
            else:
                yield from messages_in(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from messages_in(item)
