"""From the paths that a user gives to texts."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pollwatch.api.problems import Problem

STDIN = "-"
STDIN_NAME = "<stdin>"

MAX_FILE_BYTES = 8 << 20
"""Longest file: more than 10,000 Checks."""

SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that was read."""

    name: str
    """As the user would name it."""
    text: str
    is_named: bool
    """Whether the user named it, rather than a folder that it is in."""


def read_files(paths: Sequence[str], *, stdin: BinaryIO) -> Iterator[SourceFile | Problem]:
    """Read files, the YAML and JSON files in folders, and `-` (standard input), in this order.

    A folder is read with all that it holds, sorted by name; hidden files and folders are left
    out. A file that is named twice is read once.
    """
    seen = set[str]()
    for path in paths:
        if path == STDIN:
            if STDIN not in seen:
                seen.add(STDIN)
                yield _decoded(STDIN_NAME, stdin.read(MAX_FILE_BYTES + 1), is_named=True)
            continue
        if not path:
            # A variable that was not set, hardly the folder one stands in.
            yield Problem(
                path="", message="a path is empty; name a file or a folder, or - for standard input"
            )
            continue
        try:
            files = files_at(Path(path))
        except OSError as error:
            yield _unreadable(error.filename or path, error)
            continue
        if not files:
            yield Problem(path="", file=path, message="the folder holds no .yaml, .yml or .json file")
        for file in files:
            identity = os.path.realpath(file)
            if identity not in seen:
                seen.add(identity)
                yield _read(file, is_named=file == Path(path))


def files_at(path: Path) -> list[Path]:
    """Return a file, or the files of a folder, as they stand now.

    Raises:
        OSError: The path, or a folder in it, cannot be looked at. To leave it out would be to
            say that there is nothing in it.
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += (Path(folder, name) for name in names if not name.startswith("."))
    return sorted(file for file in found if file.suffix in SUFFIXES and file.is_file())


def _refuse(error: OSError) -> None:
    raise error


def _read(file: Path, *, is_named: bool) -> SourceFile | Problem:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return _unreadable(str(file), error)
    return _decoded(str(file), content, is_named=is_named)


def _unreadable(name: str, error: OSError) -> Problem:
    reason = (error.strerror or type(error).__name__).lower()
    return Problem(path="", file=name, message=f"cannot be read: {reason}")


def _decoded(name: str, content: bytes, *, is_named: bool) -> SourceFile | Problem:
    """Read bytes as text, or say why they are none."""
    if len(content) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES >> 20
        return Problem(path="", file=name, message=f"must not be longer than {limit} MiB; split it")
    if b"\0" in content:
        return Problem(path="", file=name, message="must be YAML or JSON text, not a binary file")
    try:
        return SourceFile(name=name, text=content.decode("utf-8-sig"), is_named=is_named)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(path="", file=name, line=line, message="must be text in UTF-8")
