"""The files that a run was given, as a Plan; read again when they change."""

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pollwatch.api.files import MAX_FILE_BYTES, STDIN, files_at
from pollwatch.api.load import Loaded, load
from pollwatch.api.problems import Problem
from pollwatch.compile.plan import compile_checks
from pollwatch.compile.resources import GivenResources, Resources
from pollwatch.compile.secrets_dir import SecretsDirectory
from pollwatch.plan.checks import Plan


def standard_input() -> BinaryIO:
    """Give standard input; an empty one when it was closed (`<&-`)."""
    return io.BytesIO() if sys.stdin is None else sys.stdin.buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the files say now."""

    plan: Plan
    """Whatever is right; to be used only when there are no problems."""
    problems: tuple[Problem, ...] = ()
    """All that is wrong, by file and line."""
    notes: tuple[str, ...] = ()
    """What a user should know of what is right."""


class Sources:
    """Files, folders and standard input.

    Args:
        paths: As given on the command line.
        secrets_dir: Where Secrets are looked up first, as `DIR/NAME/KEY`.
        stdin: Is read once, now, if `-` is among the paths.
    """

    def __init__(self, paths: Sequence[str], *, secrets_dir: Path | None, stdin: BinaryIO) -> None:
        self.secrets_dir = secrets_dir
        self._paths = tuple(paths)
        self._stdin = stdin.read(MAX_FILE_BYTES + 1) if STDIN in paths else b""

    @property
    def on_disk(self) -> tuple[Path, ...]:
        """The files and folders with documents, which can change."""
        return tuple(Path(path) for path in self._paths if path != STDIN)

    def read(self) -> Reading:
        """Read everything; a path where there is nothing is a problem."""
        return self._read(self._paths)

    def read_again(self) -> Reading:
        """Read what is there now: a path where there is nothing any more has no Checks."""
        present = [path for path in self._paths if path == STDIN or _holds_files(Path(path))]
        return self._read(present) if present else Reading(plan=Plan())

    def _read(self, paths: Sequence[str]) -> Reading:
        loaded = load(paths, stdin=io.BytesIO(self._stdin))
        resources: Resources = GivenResources(secrets=loaded.secrets, config_maps=loaded.config_maps)
        if self.secrets_dir is not None:
            resources = SecretsDirectory(directory=self.secrets_dir, elsewhere=resources)
        compilation = compile_checks((sourced.check for sourced in loaded.checks), resources)
        rejections = (
            sourced.place.locate(problem)
            for sourced in loaded.checks
            for problem in compilation.rejected.get(sourced.check.key, ())
        )
        problems = sorted((*loaded.problems, *rejections), key=lambda problem: problem.place)
        if not loaded.checks and not problems:
            problems.append(Problem(path="", message=_only_pools(paths)))
        return Reading(plan=compilation.plan, problems=tuple(problems), notes=tuple(_notes(loaded)))


def _only_pools(paths: Sequence[str]) -> str:
    return f"no Check found in {', '.join(paths)}: ProbePools alone probe nothing"


def _notes(loaded: Loaded) -> Iterator[str]:
    names_pools = (sourced.check.spec.pool or sourced.check.spec.pools for sourced in loaded.checks)
    if loaded.pools or any(names_pools):
        yield "without a cluster there are no pools: every Check is probed from here, whatever pool it names"


def _holds_files(path: Path) -> bool:
    try:
        return any(file.exists() for file in files_at(path))
    except OSError:
        # Something is there, and reading it will say what is wrong with it.
        return True
