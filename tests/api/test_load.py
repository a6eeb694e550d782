"""How Checks, Secrets and ConfigMaps are loaded from files, and what bad files get."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING

import pytest

from pollwatch.api.files import MAX_FILE_BYTES
from pollwatch.api.load import Loaded, load
from pollwatch.plan.checks import CheckKey

if TYPE_CHECKING:
    from pathlib import Path

CHECK = """\
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {{name: {}}}
spec:
  http: {{url: "https://www.example.org/"}}
"""

POOL = """\
apiVersion: pollwatch.dev/v1alpha1
kind: ProbePool
metadata: {{name: {}}}
spec: {{replicas: 2}}
"""


def load_text(text: str, folder: Path) -> Loaded:
    file = folder / "file.yaml"
    file.write_text(text, encoding="utf-8")
    return load_paths(file)


def load_paths(*paths: Path | str, stdin: bytes = b"") -> Loaded:
    return load([str(path) for path in paths], stdin=io.BytesIO(stdin))


def names(loaded: Loaded) -> list[str]:
    return [sourced.check.metadata.name for sourced in loaded.checks]


def told(loaded: Loaded, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}{os.sep}", "") for problem in loaded.problems]


def test_a_typo_is_told_with_file_and_line_and_what_was_meant(tmp_path: Path) -> None:
    text = CHECK.format("a").replace(
        'https://www.example.org/"}', 'https://www.example.org/",\n   expcet: {}}'
    )

    assert told(load_text(text, tmp_path), tmp_path) == [
        "file.yaml:6: spec.http.expcet: unknown field, did you mean expect?"
    ]


def test_each_problem_of_each_document_is_told_in_the_order_of_the_lines(tmp_path: Path) -> None:
    bad = "spec:\n  suspend: 1\n  periodSeconds: x\n  tcp: {address: 'a:0'}\n"
    head = "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: a}\n"
    loaded = load_text(f"{head}{bad}---\n{head}{bad}", tmp_path)

    assert [problem.line for problem in loaded.problems] == [5, 6, 7, 13, 14, 15]


def test_valid_checks_are_there_beside_bad_ones(tmp_path: Path) -> None:
    loaded = load_text(f"{CHECK.format('UPPER')}---\n{CHECK.format('good')}", tmp_path)

    assert names(loaded) == ["good"]
    assert [problem.path for problem in loaded.problems] == ["metadata.name"]


def test_a_folder_is_read_with_its_folders_in_order_of_names_but_nothing_hidden(tmp_path: Path) -> None:
    for path in ("b.yaml", "a/z.yml", "a/y.json", ".git/hidden.yaml", "a/.swp.yaml", "notes.txt"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(CHECK.format(file.stem.strip(".")), encoding="utf-8")

    assert names(load_paths(tmp_path)) == ["y", "z", "b"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(CHECK.format("a"), encoding="utf-8")

    assert names(load_paths(file, tmp_path)) == ["a"]


def test_standard_input_is_a_file_of_its_own() -> None:
    loaded = load_paths("-", stdin=b"apiVersion: pollwatch.dev/v1alpha1\nkind: Check\n")

    assert [str(problem) for problem in loaded.problems] == [
        "<stdin>:1: metadata: required field is missing",
        "<stdin>:1: spec: required field is missing",
    ]


def test_two_checks_of_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    loaded = load_text(f"{CHECK.format('a')}---\n{CHECK.format('a')}", tmp_path)

    assert names(loaded) == ["a"]
    (problem,) = told(loaded, tmp_path)
    assert problem.startswith("file.yaml:9: metadata.name: default/a is defined already at file.yaml:1;")


def test_pools_stand_beside_checks(tmp_path: Path) -> None:
    loaded = load_text(f"{POOL.format('east')}---\n{CHECK.format('a')}---\n{POOL.format('west')}", tmp_path)

    assert [sourced.pool.name for sourced in loaded.pools] == ["east", "west"]
    assert names(loaded) == ["a"]
    assert loaded.problems == ()


def test_two_pools_of_one_name_are_told_whatever_namespace_they_give(tmp_path: Path) -> None:
    other = POOL.format("east, namespace: public-sites")
    loaded = load_text(f"{POOL.format('east')}---\n{other}", tmp_path)

    assert len(loaded.pools) == 1
    assert told(loaded, tmp_path) == [
        "file.yaml:8: metadata.name: east is defined already at file.yaml:1; rename or remove one of them"
    ]


def test_a_check_with_a_key_twice_is_told_and_not_used(tmp_path: Path) -> None:
    loaded = load_text(CHECK.format("a") + "  suspend: true\n  suspend: false\n", tmp_path)

    assert names(loaded) == []
    assert told(loaded, tmp_path) == [
        "file.yaml:7: spec.suspend: the key is given twice, first in line 6; remove one"
    ]


def test_objects_of_others_are_skipped(tmp_path: Path) -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {x: 1, x: 2}\n"
    loaded = load_text(f"{other}---\nreplicas: 2\n---\n{CHECK.format('a')}", tmp_path)

    assert names(loaded) == ["a"]
    assert loaded.problems == ()


def test_what_kubectl_get_writes_can_be_read_again(tmp_path: Path) -> None:
    indented = "".join(f"  {line}" for line in CHECK.format("a").splitlines(keepends=True))
    loaded = load_text("apiVersion: v1\nkind: List\nitems:\n- " + indented.lstrip(), tmp_path)

    assert names(loaded) == ["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "apiVersion: pollwatch.dev/v1alpha1\nkind: Chek\n",
            "file.yaml:2: kind: unknown kind Chek, did you mean Check?",
        ),
        (
            "apiVersion: pollwatch.dev/v1alpha1\nkind: Pool\n",
            "file.yaml:2: kind: unknown kind Pool, did you mean ProbePool?",
        ),
        (
            "apiVersion: pollwatch.dev/v1alpha1\nkind: Window\n",
            "file.yaml:2: kind: unknown kind Window, pollwatch.dev has the kinds Check and ProbePool",
        ),
        (
            "apiVersion: polwatch.dev/v1alpha1\nkind: ProbePool\n",
            "file.yaml:1: apiVersion: unknown group polwatch.dev, did you mean pollwatch.dev/v1alpha1?",
        ),
        (
            "apiVersion: pollwatch.dev/v1\nkind: Check\n",
            "file.yaml:1: apiVersion: unknown version pollwatch.dev/v1, must be pollwatch.dev/v1alpha1",
        ),
        (
            "apiVersion: polwatch.dev/v1alpha1\nkind: Check\n",
            "file.yaml:1: apiVersion: unknown group polwatch.dev, did you mean pollwatch.dev/v1alpha1?",
        ),
        (
            "kind: Check\n",
            "file.yaml:1: apiVersion: required field is missing, such as pollwatch.dev/v1alpha1",
        ),
        ("- a\n- b\n", "file.yaml:1: must be a mapping with apiVersion, kind, metadata and spec"),
        ("", "file.yaml: the file is empty"),
        ("# nothing yet\n", "file.yaml: the file is empty"),
        ("a: [\n", "file.yaml:2: cannot be read as YAML: did not find expected node content"),
    ],
)
def test_a_document_that_is_no_check_gets_one_line(tmp_path: Path, text: str, problem: str) -> None:
    assert told(load_text(text, tmp_path), tmp_path) == [problem]


def test_names_that_cannot_be_printed_are_told_in_one_line_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(f'{CHECK.format("a")}  "peri\\nod\\e[31m": 1\n', encoding="utf-8")

    field, missing = told(load_paths(file, tmp_path / "no\nfile"), tmp_path)
    assert field.startswith("check.yaml:6: spec.peri\\nod\\x1b[31m: unknown field, ")
    assert missing == "no\\nfile: cannot be read: no such file or directory"


def test_files_without_a_check_are_told() -> None:
    loaded = load_paths("-", stdin=b"apiVersion: v1\nkind: Service\n")

    assert [str(problem) for problem in loaded.problems] == ["no Check found in -"]


def test_bytes_that_are_no_text_get_one_line(tmp_path: Path) -> None:
    binary, latin = tmp_path / "binary.yaml", tmp_path / "latin.yaml"
    binary.write_bytes(b"\x7fELF\0\0")
    latin.write_bytes(b"a: 1\nb: caf\xe9\n")

    assert told(load_paths(binary, latin), tmp_path) == [
        "binary.yaml: must be YAML or JSON text, not a binary file",
        "latin.yaml:2: must be text in UTF-8",
    ]


def test_a_file_that_is_too_long_gets_one_line(tmp_path: Path) -> None:
    assert told(load_text("#" * (MAX_FILE_BYTES + 1), tmp_path), tmp_path) == [
        "file.yaml: must not be longer than 8 MiB; split it"
    ]


def test_paths_that_lead_nowhere_get_one_line_each(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    assert told(load_paths(tmp_path / "missing.yaml", empty, "a" * 5000, ""), tmp_path) == [
        "missing.yaml: cannot be read: no such file or directory",
        "empty: the folder holds no .yaml, .yml or .json file",
        f"{'a' * 5000}: cannot be read: file name too long",
        "a path is empty; name a file or a folder, or - for standard input",
    ]


def test_a_folder_that_may_not_be_looked_into_is_told_and_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "checks" / "locked"
    locked.mkdir(parents=True)
    (tmp_path / "checks" / "a.yaml").write_text(CHECK.format("a"), encoding="utf-8")
    scandir = os.scandir

    # Nothing is locked for root, who may be running this.
    def scandir_of_others(path: str) -> object:
        if os.fspath(path) == str(locked):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir_of_others)

    assert told(load_paths(tmp_path / "checks"), tmp_path) == [
        "checks/locked: cannot be read: permission denied"
    ]


def test_secrets_and_config_maps_are_decoded(tmp_path: Path) -> None:
    loaded = load_text(
        """\
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: public-sites}
data: {token: YWJj, other: YWJj}
stringData: {token: wins}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: PEM}
binaryData: {raw: //79}
""",
        tmp_path,
    )

    assert loaded.secrets == {("public-sites", "token"): {"token": b"wins", "other": b"abc"}}
    assert loaded.config_maps == {("default", "ca"): {"ca.crt": b"PEM", "raw": b"\xff\xfe\xfd"}}


def test_a_malformed_secret_is_told_without_its_value(tmp_path: Path) -> None:
    loaded = load_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
        "data: {token: 'hunter2!'}\nstringData: {pin: 123456}\n",
        tmp_path,
    )

    assert told(loaded, tmp_path) == [
        "file.yaml:4: data.token: must be base64",
        "file.yaml:5: stringData.pin: must be a string; write it in quotes",
    ]


def test_what_is_secret_is_not_in_the_representation_of_what_was_loaded(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: hunter2}\n"

    assert "hunter2" not in repr(load_text(f"{secret}---\n{CHECK.format('a')}", tmp_path))


def test_a_problem_found_later_can_be_located(tmp_path: Path) -> None:
    loaded = load_text(CHECK.format("a"), tmp_path)
    (sourced,) = loaded.checks

    assert sourced.check.key == CheckKey("default", "a")
    assert sourced.place.root.line_of("spec.http.url") == 5
