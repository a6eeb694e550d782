"""Checks, the Secrets and ConfigMaps they refer to, and ProbePools, from files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from pollwatch.api.check import KIND, Check, parse_check
from pollwatch.api.data_objects import config_map_data, object_key, secret_data
from pollwatch.api.documents import Document, Node, UnreadableError, read_documents
from pollwatch.api.files import SourceFile, read_files
from pollwatch.api.kinds import Kind, kind_of
from pollwatch.api.pool import ProbePool, parse_pool
from pollwatch.api.problems import Invalid, Problem

Data = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An object in a file."""

    file: str
    root: Node = field(repr=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.root.line}"

    def locate(self, problem: Problem) -> Problem:
        """Add file and line to a problem of this object."""
        return replace(problem, file=self.file, line=self.root.line_of(problem.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedCheck:
    """A valid Check, and where it stands."""

    check: Check
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedPool:
    """A valid ProbePool, and where it stands."""

    pool: ProbePool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the files hold."""

    checks: tuple[SourcedCheck, ...] = ()
    """The valid ones, in the order of the files; no two have the same key."""
    pools: tuple[SourcedPool, ...] = ()
    """The valid ones, in the order of the files; no two have the same name."""
    secrets: Mapping[tuple[str, str], Data] = field(default_factory=dict, repr=False)
    """Decoded data by namespace and name."""
    config_maps: Mapping[tuple[str, str], Data] = field(default_factory=dict)
    """Decoded data by namespace and name."""
    problems: tuple[Problem, ...] = ()
    """All that is wrong, in the order of the files and, within an object, of the lines."""


def load(paths: Sequence[str], *, stdin: BinaryIO) -> Loaded:
    """Read files, folders and `-` (standard input).

    Objects of other groups than Pollwatch's are skipped, so that Checks can stand among the
    manifests of what they check.
    """
    loader = _Loader()
    for source in read_files(paths, stdin=stdin):
        if isinstance(source, Problem):
            loader.problems.append(source)
        else:
            loader.read(source)
    if not loader.checks and not loader.pools and not loader.problems:
        loader.problems.append(Problem(path="", message=f"no {KIND} found in {', '.join(paths)}"))
    return Loaded(
        checks=tuple(loader.checks),
        pools=tuple(loader.pools),
        secrets=loader.secrets,
        config_maps=loader.config_maps,
        problems=tuple(loader.problems),
    )


class _Loader:
    """Collects what the files hold."""

    def __init__(self) -> None:
        self.checks: list[SourcedCheck] = []
        self.pools: list[SourcedPool] = []
        self.secrets: dict[tuple[str, str], Data] = {}
        self.config_maps: dict[tuple[str, str], Data] = {}
        self.problems: list[Problem] = []
        self._places: dict[tuple[Kind, str, str], Place] = {}

    def read(self, source: SourceFile) -> None:
        """Take in one file, as far as it can be read."""
        is_empty = True
        try:
            for document in read_documents(source.text):
                is_empty = False
                self._document(source.name, document)
        except UnreadableError as error:
            self.problems.append(Problem(path="", file=source.name, line=error.line, message=str(error)))
        else:
            if is_empty and source.is_named:
                self.problems.append(Problem(path="", file=source.name, message="the file is empty"))

    def _document(self, file: str, document: Document) -> None:
        problems: list[Problem] = []
        is_ours = False
        for root in _objects(document.root):
            place = Place(file=file, root=root)
            try:
                kind = _kind(root)
                is_ours |= kind is not Kind.OTHER
                self._object(kind, place, is_sound=not document.problems)
            except Invalid as error:
                problems += map(place.locate, error.problems)
        if is_ours:
            problems += (replace(problem, file=file) for problem in document.problems)
        self.problems += sorted(problems, key=lambda problem: problem.line or 0)

    def _object(self, kind: Kind, place: Place, *, is_sound: bool) -> None:
        """Keep an object, if it and its document are sound.

        Raises:
            Invalid: It is not sound, or there is one of this name already.
        """
        if kind is Kind.CHECK:
            check = parse_check(place.root.plain())
            self._claim(kind, check.key, place)
            if is_sound:
                self.checks.append(SourcedCheck(check=check, place=place))
        elif kind is Kind.PROBE_POOL:
            pool = parse_pool(place.root.plain())
            self._claim(kind, ("", pool.name), place)
            if is_sound:
                self.pools.append(SourcedPool(pool=pool, place=place))
        elif kind is Kind.SECRET:
            content = place.root.plain()
            key, data = object_key(content), secret_data(content)
            self._claim(kind, key, place)
            self.secrets[key] = data
        elif kind is Kind.CONFIG_MAP:
            content = place.root.plain()
            key, data = object_key(content), config_map_data(content)
            self._claim(kind, key, place)
            self.config_maps[key] = data

    def _claim(self, kind: Kind, key: tuple[str, str], place: Place) -> None:
        """Refuse a second object of the same namespace and name, and tell where the first one is."""
        first = self._places.setdefault((kind, *key), place)
        if first is not place:
            name = "/".join(filter(None, key))
            message = f"{name} is defined already at {first}; rename or remove one of them"
            raise Invalid([Problem(path="metadata.name", message=message)])


def _objects(root: Node) -> Iterator[Node]:
    """Return the objects of a document: itself or, of a List, all that it holds."""
    items = root.value.get("items") if isinstance(root.value, dict) else None
    if items is not None and isinstance(items.node.value, list) and _is_list(root):
        for item in items.node.value:
            yield from _objects(item)
    else:
        yield root


def _is_list(root: Node) -> bool:
    try:
        return _kind(root) is Kind.LIST
    except Invalid:
        return False


def _kind(root: Node) -> Kind:
    """Tell what an object is.

    Raises:
        Invalid: It is none that there could be.
    """
    if not isinstance(root.value, dict):
        message = "must be a mapping with apiVersion, kind, metadata and spec"
        raise Invalid([Problem(path="", message=message)])
    return kind_of({name: entry.node.value for name, entry in root.value.items()})
