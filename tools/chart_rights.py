"""The rules of `manifests/rbac` as named templates of the chart: what the operator may do is written once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What is named in these rules is named by the values of the chart there.
_BY_VALUES = frozenset({"alerts/owner.yaml", "pools/default-pool.yaml"})

_HEADING = "{{/* Made by `make generate` from manifests/rbac/; change that. */}}\n"


def rights_templates(folder: Path) -> str:
    """Return a template `pollwatch.rights.NAME` for the rules of each role in a folder.

    NAME is the path of its file, with dots; of a file with several roles, what their own
    names have after `pollwatch-`.
    """
    return _HEADING + "".join(
        f'\n{{{{- define "pollwatch.rights.{name}" -}}}}\n{rules}\n{{{{- end }}}}\n'
        for path in sorted(folder.rglob("*.yaml"))
        if path.relative_to(folder).as_posix() not in _BY_VALUES
        for name, rules in _roles(path, folder)
    )


def _roles(path: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """The roles of a file: a name, and the text of the rules with what is remarked in it."""
    found = [
        (document, text)
        for text in re.split(r"^---$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if (document := _role(text))
    ]
    for document, text in found:
        name = (
            ".".join(path.relative_to(folder).with_suffix("").parts)
            if len(found) == 1
            else str(document["metadata"]["name"]).removeprefix("pollwatch-")
        )
        yield name, text.partition("\nrules:\n")[2].strip()


def _role(text: str) -> dict[str, Any] | None:
    document = yaml.safe_load(text)
    return document if document and document["kind"] in {"Role", "ClusterRole"} else None
