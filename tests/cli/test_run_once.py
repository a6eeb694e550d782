"""`pollwatch run --once`: one probe of each target, and an exit code that a script can use."""

import asyncio
import base64
import json
import socket
import sys
from pathlib import Path

import pytest

from demo.website import Answer
from tests.cli.commands import pollwatch
from tests.cli.places import Place

SECRET = "tok-3f9c"


async def test_all_up_is_exit_code_0(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    done = await pollwatch("run", checks, "--once", "--hosts", place.hosts)
    assert (done.code, done.err) == (0, "")
    count = len(place.site.addresses)
    assert f"● Up public-sites/front-page {count} of {count} addresses up" in " ".join(done.out.split())
    assert "1 Check: 1 Up" in done.out


async def test_a_check_that_names_pools_is_probed_from_here_and_that_is_told_beside_the_document(
    place: Place, checks: Path
) -> None:
    (checks / "a.yaml").write_text(place.check(pools="[east, west]", quorum=2))
    done = await pollwatch("run", checks, "--once", "-o", "json", "--hosts", place.hosts)

    assert done.code == 0
    assert json.loads(done.out)["verdict"] == "Up"
    assert done.err == (
        "without a cluster there are no pools: every Check is probed from here, whatever pool it names\n"
    )


async def test_one_bad_server_is_exit_code_1_and_is_named(place: Place, checks: Path) -> None:
    bad = place.site.addresses[-1]
    place.site.break_server(bad)
    (checks / "a.yaml").write_text(place.check())
    done = await pollwatch("run", checks, "--once", "--hosts", place.hosts)
    assert (done.code, done.err) == (1, "")
    assert "Degraded" in done.out
    (line,) = [line for line in done.out.splitlines() if bad in line]
    assert "✗ Down" in line
    assert "500 UnexpectedStatus: status 500 Internal Server Error, expected 2xx" in line


async def test_every_address_is_probed_exactly_once(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    await pollwatch("run", checks, "--once", "--hosts", place.hosts)
    assert place.site.requests == dict.fromkeys(place.site.addresses, 1)


async def test_the_json_document_has_the_documented_shape(place: Place, checks: Path) -> None:
    bad = place.site.addresses[-1]
    place.site.break_server(bad, Answer.POLITE_ERROR)
    check = place.check(labels="{team: web}") + "    expect: {body: [{contains: Welcome}]}\n"
    (checks / "a.yaml").write_text(check)
    done = await pollwatch("run", checks, "--once", "-o", "json", "--hosts", place.hosts)
    assert done.code == 1
    document = json.loads(done.out)
    assert document["verdict"] == "Degraded"
    (result,) = document["checks"]
    addresses = sorted(place.site.addresses)
    assert {key: value for key, value in result.items() if key != "samples"} == {
        "namespace": "public-sites",
        "check": "front-page",
        "target": place.url,
        "labels": {"team": "web"},
        "verdict": "Degraded",
        "targets": {"total": len(addresses), "up": len(addresses) - 1},
    }
    assert [sample["target"] for sample in result["samples"]] == addresses
    sample = result["samples"][addresses.index(bad)]
    assert sample.keys() == {
        *("target", "verdict", "started", "durationSeconds", "outcome", "reason", "evidence"),
        *("address", "resolved", "phaseSeconds", "http", "tls"),
    }
    assert (sample["verdict"], sample["outcome"], sample["reason"]) == ("Down", "Failure", "UnexpectedBody")
    assert (sample["address"], sample["resolved"]) == (bad, addresses)
    assert sample["phaseSeconds"].keys() == {"resolve", "connect", "tls", "processing", "transfer"}
    assert sample["http"]["status"] == 200
    assert sample["tls"] is None


async def test_a_tcp_check_of_each_address_names_the_one_where_nobody_listens(
    place: Place, checks: Path
) -> None:
    first, *others = place.site.addresses
    with socket.create_server((first, 0), family=family_of(first)) as listening:
        (checks / "a.yaml").write_text(
            "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: port}\nspec:\n"
            f"  tcp: {{address: '{place.site.name}:{listening.getsockname()[1]}', resolve: EachAddress}}\n"
        )
        done = await pollwatch("run", checks, "--once", "-o", "json", "--hosts", place.hosts)
    assert done.code == 1
    (result,) = json.loads(done.out)["checks"]
    assert result["verdict"] == "Degraded"
    reasons = {sample["target"]: sample["reason"] for sample in result["samples"]}
    assert reasons == {first: None, **dict.fromkeys(others, "ConnectRefused")}


async def test_checks_may_come_from_standard_input(place: Place) -> None:
    done = await pollwatch("run", "-", "--once", "--hosts", place.hosts, stdin=place.check().encode())
    assert done.code == 0


async def test_a_closed_standard_input_is_an_empty_one() -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", '"$0" -m pollwatch run - --once <&-', sys.executable, stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (2, "<stdin>: the file is empty\n")


async def test_all_that_is_wrong_is_told_in_one_line_each(checks: Path) -> None:
    (checks / "a.yaml").write_text(
        "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: a}\n"
        "spec:\n  http:\n    url: http://www.example.org/\n    expcet: {}\n"
    )
    (checks / "b.yaml").write_text(
        "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: b}\n"
        "spec:\n  http:\n    url: http://www.example.org/\n    expect: {body: [{matches: '('}]}\n"
    )
    done = await pollwatch("run", checks, "--once")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert first == f"{checks}/a.yaml:7: spec.http.expcet: unknown field, did you mean expect?"
    assert second.startswith(f"{checks}/b.yaml:7: spec.http.expect.body[0].matches: ")


@pytest.mark.parametrize("name", ["missing.yaml", "empty.yaml", "binary.yaml"])
async def test_a_file_that_cannot_be_used_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    done = await pollwatch("run", tmp_path / name, "--once")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"{tmp_path / name}: ")


async def test_a_missing_secret_is_told_with_the_field_that_names_it(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check() + _header_from_secret())
    done = await pollwatch("run", checks, "--once", "--hosts", place.hosts)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "spec.http.headers[0].valueFrom.secretKeyRef" in line


async def test_secrets_stand_among_the_checks_or_in_a_folder_and_are_never_shown(
    place: Place, checks: Path, tmp_path: Path
) -> None:
    encoded = base64.b64encode(SECRET.encode()).decode()
    secret = (
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: public-sites}\n"
        f"data: {{token: {encoded}}}\n"
    )
    check = place.check() + _header_from_secret()
    (checks / "a.yaml").write_text(check + secret)
    given = await pollwatch("run", checks, "--once", "-o", "json", "--hosts", place.hosts)
    (checks / "a.yaml").write_text(check)
    (tmp_path / "secrets" / "s").mkdir(parents=True)
    (tmp_path / "secrets" / "s" / "token").write_text(SECRET)
    mounted = await pollwatch(
        "run", checks, "--once", "--hosts", place.hosts, "--secrets-dir", tmp_path / "secrets"
    )
    assert (given.code, mounted.code) == (0, 0)
    assert SECRET not in given.out + given.err + mounted.out + mounted.err


async def test_a_name_that_does_not_resolve_is_down_and_not_an_error(checks: Path) -> None:
    (checks / "a.yaml").write_text(
        "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: a}\n"
        "spec: {timeoutSeconds: 5, http: {url: 'http://nowhere.invalid/', resolve: EachAddress}}\n"
    )
    done = await pollwatch("run", checks, "--once", "-o", "json")
    assert done.code == 1
    (result,) = json.loads(done.out)["checks"]
    assert result["verdict"] == "Down"
    assert result["samples"][0]["reason"].startswith("DNS")


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _header_from_secret() -> str:
    return "    headers:\n    - name: Authorization\n      valueFrom: {secretKeyRef: {name: s, key: token}}\n"
