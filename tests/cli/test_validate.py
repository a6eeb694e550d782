"""`pollwatch validate`: what a person or a pipeline sees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pollwatch.cli.validate import command
from tests.corpus.corpus import FOLDER, REJECTED

if TYPE_CHECKING:
    from click.testing import Result

NEEDS_SECRET = """\
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {name: a}
spec:
  http:
    url: https://www.example.org/
    headers:
    - name: Authorization
      valueFrom: {secretKeyRef: {name: token, key: token}}
"""
POOL = "apiVersion: pollwatch.dev/v1alpha1\nkind: ProbePool\nmetadata: {name: east}\n"
MISSING = (
    "spec.http.headers[0].valueFrom.secretKeyRef.name: there is no Secret 'token' in namespace 'default'"
)


def validate(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=text)


def test_valid_checks_are_counted_and_the_exit_code_is_0() -> None:
    result = validate(FOLDER / "good" / "http-minimal.yaml", FOLDER / "good" / "tcp-minimal.yaml")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "2 Checks are valid\n", "")


def test_valid_pools_are_counted_beside_checks() -> None:
    pool = FOLDER / "good" / "pool-minimal.yaml"
    alone, together = validate(pool), validate(pool, FOLDER / "good" / "http-minimal.yaml")

    assert (alone.exit_code, alone.stdout, alone.stderr) == (0, "1 ProbePool is valid\n", "")
    assert (together.exit_code, together.stdout) == (0, "1 Check and 1 ProbePool are valid\n")


def test_a_bad_pool_is_refused_with_file_and_line() -> None:
    file = FOLDER / "bad" / "pool-unknown-field.yaml"
    result = validate(file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{file}:7: spec.replica: unknown field, did you mean replicas?\n"


def test_a_pool_that_can_reach_nothing_is_a_warning() -> None:
    result = validate("-", text=POOL + "spec: {egress: {default: Deny}}\n")

    assert (result.exit_code, result.stdout) == (0, "1 ProbePool is valid, with 1 warning\n")
    assert result.stderr == (
        "warning: <stdin>:4: spec.egress.default: nothing can be reached: all is refused by default,"
        " and no rule of allow opens anything\n"
    )


def test_a_pool_that_seems_to_open_everything_is_a_warning() -> None:
    result = validate("-", text=POOL + "spec: {egress: {allow: [{cidrs: [10.0.0.0/8, '::/0']}]}}\n")

    assert (result.exit_code, result.stdout) == (0, "1 ProbePool is valid, with 1 warning\n")
    assert result.stderr.startswith(
        "warning: <stdin>:4: spec.egress.allow[0].cidrs[1]: opens none of the protected addresses"
    )


def test_a_check_that_a_pool_in_the_files_does_not_let_probe_is_an_error() -> None:
    check = (FOLDER / "good" / "pools-without-quorum.yaml").read_text(encoding="utf-8")
    pools = (
        POOL
        + "spec: {}\n---\n"
        + POOL.replace("east", "west")
        + "spec: {egress: {deny: [{ports: ['443']}]}}\n"
    )
    result = validate("-", text=f"{check}---\n{pools}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "<stdin>:9: spec.http.url: pool west: www.example.org port 443 is refused" in result.stderr


def test_a_pool_that_the_files_do_not_hold_may_be_in_the_cluster() -> None:
    result = validate(FOLDER / "good" / "pools-without-quorum.yaml")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 Check is valid\n", "")


def test_what_is_wrong_stands_on_standard_error_and_the_exit_code_is_2() -> None:
    file = FOLDER / "bad" / "unknown-field-in-http.yaml"
    result = validate(file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{file}:9: spec.http.expcet: unknown field, did you mean expect?\n"


def test_all_files_of_a_folder_are_judged() -> None:
    result = validate(FOLDER / "bad")

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == len(list((FOLDER / "bad").iterdir()))


def test_what_the_api_server_and_what_the_operator_would_refuse_stand_in_the_order_of_the_lines() -> None:
    regex = NEEDS_SECRET.replace("headers:", 'expect: {body: [{matches: "("}]}\n    headers:')
    text = regex.replace("name: a", "name: b") + "---\n" + regex.replace("spec:", "spec:\n  suspend: 1")
    result = validate("-", text=text)

    assert re.findall(r"<stdin>:(\d+): (\S+): ", result.stderr) == [
        ("7", "spec.http.expect.body[0].matches"),
        ("10", "spec.http.headers[0].valueFrom.secretKeyRef.name"),
        ("16", "spec.suspend"),
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only on Linux")
@pytest.mark.parametrize("options", [(), ("-o", "json")], ids=" ".join)
def test_a_full_disk_is_one_line_and_exit_code_2(options: tuple[str, ...]) -> None:
    file = FOLDER / "good" / "http-minimal.yaml"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = subprocess.run(
            [sys.executable, "-m", "pollwatch", "validate", str(file), *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert process.returncode == 2
    assert process.stderr == "the output cannot be written: no space left on device\n"


def test_standard_input_is_judged() -> None:
    result = validate("-", text="kind: Check\n")

    assert result.exit_code == 2
    assert result.stderr.startswith("<stdin>:1: apiVersion: required field is missing")


def test_a_secret_that_the_files_do_not_hold_is_a_warning() -> None:
    result = validate("-", text=NEEDS_SECRET)

    assert (result.exit_code, result.stdout) == (0, "1 Check is valid, with 1 warning\n")
    assert result.stderr == f"warning: <stdin>:9: {MISSING}\n"


def test_with_strict_a_warning_is_an_error() -> None:
    result = validate("-", "--strict", text=NEEDS_SECRET)

    assert (result.exit_code, result.stderr) == (2, f"<stdin>:9: {MISSING}\n")


def test_with_a_secrets_dir_a_secret_must_be_there(tmp_path: Path) -> None:
    absent = validate("-", "--secrets-dir", tmp_path, text=NEEDS_SECRET)
    (tmp_path / "token").mkdir()
    (tmp_path / "token" / "token").write_text("abc")
    present = validate("-", "--secrets-dir", tmp_path, text=NEEDS_SECRET)

    assert (absent.exit_code, absent.stderr) == (2, f"<stdin>:9: {MISSING}\n")
    assert (present.exit_code, present.stderr) == (0, "")


@pytest.mark.parametrize(
    "name", ["secret-key-not-found", "secret-value-with-line-break", "ca-not-pem", "regex-with-lookahead"]
)
def test_what_the_operator_would_reject_is_an_error(name: str) -> None:
    (file,) = (each for each in REJECTED if each.stem == name)

    assert validate(file).exit_code == 2


def test_a_credential_in_plain_sight_is_a_warning() -> None:
    text = NEEDS_SECRET.replace("valueFrom: {secretKeyRef: {name: token, key: token}}", "value: Bearer abc")
    result = validate("-", text=text)

    assert result.exit_code == 0
    assert result.stderr == (
        "warning: <stdin>:9: spec.http.headers[0].value: all who may read the Check can read"
        " this Authorization; use valueFrom.secretKeyRef\n"
    )


def test_json_has_a_stable_shape() -> None:
    result = validate("-", "-o", "json", text=NEEDS_SECRET)

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "checks": 1,
        "pools": 0,
        "findings": [
            {
                "severity": "warning",
                "file": "<stdin>",
                "line": 9,
                "path": "spec.http.headers[0].valueFrom.secretKeyRef.name",
                "message": "there is no Secret 'token' in namespace 'default'",
                "reason": "SecretNotFound",
            }
        ],
    }


def test_json_is_written_of_bad_files_too() -> None:
    result = validate("-", "-o", "json", text="kind: Chek\n")

    assert (result.exit_code, result.stderr) == (2, "")
    assert [finding["severity"] for finding in json.loads(result.stdout)["findings"]] == ["error"]


def test_no_secret_is_in_what_is_said() -> None:
    text = (
        NEEDS_SECRET
        + '---\n{apiVersion: v1, kind: Secret, metadata: {name: token}, stringData: {token: "hunter2\\n"}}\n'
    )
    result = validate("-", text=text)

    assert result.exit_code == 2
    assert "hunter2" not in result.output
