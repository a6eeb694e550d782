"""Redirects: where they lead, and what is taken along."""

from pathlib import Path
from typing import Any

import pytest

from pollwatch.plan.checks import Header, StatusRange, TlsOptions
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.probes.urls import InvalidUrlError, parse_url
from tests.support.certificates import Authority
from tests.support.probing import make_network, sample_http
from tests.support.sites import Answer, Site, running_site

SECRET = "s3cr3t-value"
CREDENTIALS = (
    Header(name="Authorization", value="Bearer other"),
    Header(name="Cookie", value="session=1"),
    Header(name="X-Api-Key", value=f"key {SECRET}"),
    Header(name="Accept-Language", value="fr"),
)


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status=status, phrase="Found", headers=(("Location", location),), body=b"")


async def follow(
    site: Site, location: str, *, status: int = 302, path: str = "/old/page", **probe: Any
) -> Sample:
    site.answers[path] = redirect(location, status)
    return await sample_http(
        site.url_for("127.0.0.1", path), **{"max_redirects": 5, "confidential": (SECRET,), **probe}
    )


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/new", "/new"),
        ("next?x=1#part", "/old/next?x=1"),
        ("../up", "/up"),
        ("?only=query", "/old/page?only=query"),
        ("/café au lait", "/caf%C3%A9%20au%20lait"),
    ],
)
async def test_a_relative_location_leads_from_the_page_that_gave_it(location: str, path: str) -> None:
    async with running_site() as site:
        sample = await follow(site, location)
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert site.requests[-1].path == path
    assert sample.http is not None
    assert sample.http.redirects == 1


async def test_a_redirect_is_the_answer_when_none_are_followed() -> None:
    async with running_site() as site:
        sample = await follow(site, "/new", max_redirects=0, statuses=(StatusRange(300, 399),))
    assert sample.outcome is Outcome.SUCCESS
    assert len(site.requests) == 1


async def test_a_redirect_loop_is_a_failed_sample_with_reason_too_many_redirects() -> None:
    async with running_site() as site:
        sample = await follow(site, "/old/page", max_redirects=3)
    assert sample.reason is Reason.TOO_MANY_REDIRECTS
    assert len(site.requests) == 4
    assert "/old/page" in sample.evidence


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://example.org/",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://[::bad/",
        "//:80",
    ],
)
async def test_a_redirect_that_leads_nowhere_is_an_invalid_one(location: str) -> None:
    async with running_site() as site:
        sample = await follow(site, location)
    assert sample.reason is Reason.INVALID_REDIRECT, sample.evidence
    assert sample.http is not None
    assert sample.http.status == 302


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (303, "HEAD", "HEAD"),
    ],
)
async def test_the_method_changes_as_rfc_9110_has_it(status: int, before: str, after: str) -> None:
    headers = (Header(name="Content-Type", value="text/plain"), Header(name="Accept-Language", value="fr"))
    async with running_site() as site:
        sample = await follow(site, "/new", status=status, method=before, body=b"data", headers=headers)
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    last = site.requests[-1]
    assert last.method == after
    assert last.body == (b"data" if after == before else b"")
    assert ("content-type" in last.headers) is bool(last.body)
    assert last.headers["accept-language"] == "fr"


async def test_credentials_do_not_reach_another_origin_and_stay_with_their_own() -> None:
    async with running_site() as site, running_site() as elsewhere:
        elsewhere.answers["/"] = redirect(site.url_for("127.0.0.1", "/back"))
        sample = await follow(
            site, elsewhere.url, headers=(*CREDENTIALS, Header(name="Host", value="own.example"))
        )
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    (seen,) = elsewhere.requests
    assert seen.headers["accept-language"] == "fr"
    assert seen.headers["host"] == f"127.0.0.1:{elsewhere.port}"
    assert not {"authorization", "cookie", "x-api-key"} & set(seen.headers)
    assert SECRET not in str(seen.headers)
    back = site.requests[-1]
    assert back.path == "/back"
    assert back.headers["authorization"] == "Bearer other"


async def test_credentials_in_the_url_do_not_reach_another_origin() -> None:
    async with running_site() as site, running_site() as elsewhere:
        site.answer = redirect(elsewhere.url)
        sample = await sample_http(f"http://user:pass@127.0.0.1:{site.port}/", max_redirects=1)
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert "authorization" in site.requests[0].headers
    assert "authorization" not in elsewhere.requests[0].headers


async def test_a_confidential_body_does_not_reach_another_origin() -> None:
    async with running_site() as site, running_site() as elsewhere:
        sample = await follow(
            site, elsewhere.url, status=307, method="POST", body=f'{{"password": "{SECRET}"}}'.encode()
        )
    assert sample.reason is Reason.INVALID_REDIRECT
    assert elsewhere.requests == []
    assert SECRET not in sample.evidence


async def test_a_redirect_to_https_is_followed_with_the_check_s_roots(authority: Authority) -> None:
    async with running_site(tls=authority.server_context()) as secure, running_site() as site:
        sample = await follow(site, secure.url, tls=TlsOptions(ca_pem=authority.pem))
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert sample.http is not None
    assert sample.http.tls
    assert sample.tls is not None
    assert sample.phases.tls > 0


async def test_a_redirect_within_the_own_host_stays_on_the_pinned_address(hosts_file: Path) -> None:
    async with running_site() as site, running_site() as other:
        site.answer = redirect(other.url_for("www.example.org", "/other-port"))
        sample = await sample_http(
            site.url_for("www.example.org"),
            network=make_network(hosts_file=hosts_file),
            address="127.0.0.1",
            max_redirects=1,
        )
    assert sample.outcome is Outcome.SUCCESS
    assert sample.address == "127.0.0.1"
    assert other.requests[0].path == "/other-port"


async def test_the_addresses_of_another_host_are_not_taken_for_the_check_s_own(hosts_file: Path) -> None:
    async with running_site() as site:
        site.answers["/"] = redirect(site.url_for("other.example.org", "/there"))
        sample = await sample_http(
            site.url_for("www.example.org"),
            network=make_network(hosts_file=hosts_file),
            address="127.0.0.1",
            max_redirects=1,
        )
    assert sample.outcome is Outcome.SUCCESS
    assert sample.resolved == ("127.0.0.1", "127.0.0.2")


def test_an_international_host_is_asked_for_in_ascii() -> None:
    assert parse_url("https://bücher.example/").origin.host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url", ["http://h:99999/", "http://h:0/", "http://a b/", "mailto:a@b", "/path", "http://"]
)
def test_what_cannot_be_requested_is_not_a_url(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        parse_url(url)
