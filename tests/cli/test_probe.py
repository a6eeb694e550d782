"""`pollwatch probe`: one probe, its phases, and an exit code."""

import json
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollwatch.cli.commands import main
from pollwatch.cli.waterfall import bar
from pollwatch.plan.samples import Phases
from tests.cli.commands import pollwatch
from tests.cli.places import Place
from tests.support.certificates import Authority
from tests.support.sites import Answer, running_site


def words_of(text: str) -> str:
    """The text without what aligns it."""
    return " ".join(text.split())


async def test_a_good_answer_is_shown_phase_by_phase(place: Place) -> None:
    done = await pollwatch("probe", "http", place.url, "--hosts", place.hosts)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert re.fullmatch(rf"● Success in \d\S* ms  {re.escape(place.url)}", lines[0])
    assert [line.split()[0] for line in lines[1:]] == ["resolve", "connect", "tls", "processing", "transfer"]
    assert ", ".join(sorted(place.site.addresses)) in lines[1]
    assert "HTTP/1.1 200" in lines[4]
    assert "8 bytes" in lines[5]


async def test_a_bad_answer_is_exit_code_1_with_reason_and_evidence(place: Place) -> None:
    bad = place.site.addresses[-1]
    place.site.break_server(bad)
    done = await pollwatch("probe", "http", place.url, "--hosts", place.hosts, "--address", bad)
    assert done.code == 1
    assert done.out.startswith("✗ UnexpectedStatus after ")
    assert "status 500 Internal Server Error, expected 2xx" in words_of(done.out)
    expected = await pollwatch(
        *("probe", "http", place.url, "--hosts", place.hosts, "--address", bad, "--expect-status", "5xx")
    )
    assert expected.code == 0


async def test_json_output_is_one_sample(place: Place) -> None:
    done = await pollwatch("probe", "http", place.url + "?token=x", "--hosts", place.hosts, "-o", "json")
    document = json.loads(done.out)
    assert document["target"] == place.url  # the query may be secret
    assert document["outcome"] == "Success"
    assert document["http"] == {
        "status": 200,
        "version": "1.1",
        "contentLength": 8,
        "bodyBytes": 8,
        "redirects": 0,
    }


async def test_a_tcp_probe_connects_and_says_where() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        good = await pollwatch("probe", "tcp", f"127.0.0.1:{port}")
    bad = await pollwatch("probe", "tcp", f"127.0.0.1:{port}")
    assert good.code == 0
    assert good.out.startswith("● Success")
    assert bad.code == 1
    assert bad.out.startswith("✗ ConnectRefused")


async def test_a_certificate_is_shown_with_its_days_and_must_be_trusted(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    async with running_site(tls=authority.server_context()) as site:
        place = f"127.0.0.1:{site.port}"
        trusted = await pollwatch("probe", "tcp", place, "--tls", "--ca", ca_file)
        untrusted = await pollwatch("probe", "tcp", place, "--tls")
        insecure = await pollwatch("probe", "http", site.url, "--insecure")
    assert (trusted.code, untrusted.code, insecure.code) == (0, 1, 0)
    assert re.search(r"tls +▇+ +\d\S* ms  TLSv1\.3, TLS_", trusted.out)
    assert re.search(r"certificate expires in 36[45] days", trusted.out)
    assert untrusted.out.startswith("✗ CertificateUntrusted")


async def test_an_expired_certificate_is_told_with_its_age() -> None:
    authority = Authority()
    context = authority.server_context(expires=datetime.now(UTC) - timedelta(days=3, hours=1))
    async with running_site(tls=context) as site:
        done = await pollwatch("probe", "http", site.url, "--insecure")
    assert "certificate expired 4 days ago" in done.out


async def test_a_header_reaches_the_server_and_is_not_shown() -> None:
    async with running_site() as site:
        done = await pollwatch("probe", "http", site.url, "--header", "Authorization: Bearer s3cret")
        assert site.requests[0].headers["authorization"] == "Bearer s3cret"
    assert done.code == 0
    assert "s3cret" not in done.out


async def test_credentials_that_the_server_repeats_are_not_shown_and_short_values_hide_nothing() -> None:
    async with running_site() as site:
        site.answer = Answer(status=401, phrase="No", body=b"t0ken-of-mine, p@ssw0rd: no entry")
        done = await pollwatch(
            *("probe", "http", f"http://prober:p%40ssw0rd@127.0.0.1:{site.port}/"),
            *("--header", "X-Authorization: Bearer t0ken-of-mine", "--header", "Accept-Language: en"),
        )
    assert done.code == 1
    assert "the body begins: [redacted], [redacted]: no entry" in words_of(done.out)
    assert "p%40ssw0rd" not in done.out


async def test_redirects_are_followed_and_counted_unless_told_otherwise() -> None:
    async with running_site() as site:
        location = (("Location", "/welcome"),)
        site.answers["/"] = Answer(status=302, phrase="Found", headers=location)
        followed = await pollwatch("probe", "http", site.url)
        stayed = await pollwatch("probe", "http", site.url, "--no-follow", "--expect-status", "302")
    assert (followed.code, stayed.code) == (0, 0)
    assert "HTTP/1.1 200 after 1 redirect" in followed.out
    assert "HTTP/1.1 302" in stayed.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["http", "ftp://x/"], "'ftp://x/': it must begin with http:// or https://"),
        (["http", "www.example.org"], "'www.example.org': it must begin with http:// or https://"),
        (["http", "http://x:0/"], "'http://x:0/': the port must be 1 to 65535"),
        (["http", "http://x/", "--header", "s3cret"], "--header: write it as 'Name: value'"),
        (
            ["http", "http://x/", "--expect-status", "2x"],
            "--expect-status '2x': neither a code such as 204 nor a class such as 2xx",
        ),
        (["http", "http://x/", "--address", "host"], "'host' is not an IP address"),
        (["http", "http://x/", "--method", "GET /"], "the method is not a token (RFC 9110, section 5.6.2)"),
        (["tcp", "localhost"], "'localhost': write HOST:PORT, or [IPV6]:PORT"),
        (["tcp", "localhost:70000"], "'localhost:70000': the port must be 1 to 65535"),
        (["tcp", "x:1", "--insecure"], "--insecure, --ca and --server-name mean something with --tls only"),
        (
            ["tcp", "x:1", "--tls", "--ca", __file__],
            f"--ca {__file__}: no certificates in PEM could be read from it",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(arguments: list[str], line: str) -> None:
    done = CliRunner().invoke(main, ["probe", *arguments])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"{line}\n")


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "0", "-1"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("probe", "http", "http://127.0.0.1:1/", "--timeout"),
        ("run", "checks.yaml", "--for"),
        ("operator", "--embedded", "--resync-period"),
    ],
    ids=lambda arguments: arguments[-1],
)
def test_what_is_no_time_to_wait_is_refused_with_the_option_that_it_was_given_to(
    arguments: tuple[str, ...], seconds: str
) -> None:
    done = CliRunner().invoke(main, [*arguments, seconds])
    assert done.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}'" in done.stderr


def test_it_starts_without_what_only_the_control_plane_needs() -> None:
    unwanted = ("pydantic", "kopf", "kubernetes", "pollwatch.api", "pollwatch.compile")
    program = f"import sys, pollwatch.cli.probe; print([name for name in {unwanted} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"


def test_bars_stand_one_after_the_other_and_fill_the_width() -> None:
    phases = Phases(resolve=0.1, connect=0.1, tls=0.2, processing=0.5, transfer=0.1)
    assert [bar(phases, index, width=10) for index in range(5)] == [
        "▇",
        " ▇",
        "  ▇▇",
        "    ▇▇▇▇▇",
        "         ▇",
    ]


def test_a_phase_that_was_reached_is_never_invisible_and_one_that_was_not_is() -> None:
    phases = Phases(resolve=0.000001, processing=1.0)
    assert bar(phases, 0, width=10) == "▇"
    assert bar(phases, 1, width=10) == ""
    assert bar(Phases(connect=1.0, transfer=0.000001), 4, width=10) == "         ▇"
