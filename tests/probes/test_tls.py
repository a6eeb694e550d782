"""TLS: who is trusted, what is learnt, and what a broken handshake is called."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pollwatch.plan.checks import TlsOptions
from pollwatch.plan.samples import Outcome, Reason
from pollwatch.probes import tls as engine
from pollwatch.probes.tls import client_context, earliest_expiry
from tests.support import hostile
from tests.support.certificates import Authority
from tests.support.probing import make_network, sample_http, sample_tcp
from tests.support.sites import running_site, serve


async def test_a_trusted_site_is_a_success_with_its_tls_facts(authority: Authority) -> None:
    expires = datetime(2049, 1, 1, tzinfo=UTC)
    async with running_site(tls=authority.server_context(expires=expires)) as site:
        sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert sample.tls is not None
    assert sample.tls.version == "TLSv1.3"
    assert sample.tls.cipher.startswith("TLS_")
    assert sample.tls.earliest_expiry == expires.timestamp()
    assert sample.phases.tls > 0
    assert sample.http is not None
    assert sample.http.tls


async def test_an_intermediate_that_expires_before_the_server_s_own_certificate_is_what_counts(
    authority: Authority,
) -> None:
    later = authority.expires + timedelta(days=365)
    async with running_site(tls=authority.server_context(expires=later, intermediate=True)) as site:
        sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
    assert sample.tls is not None, sample.evidence
    assert sample.tls.earliest_expiry == authority.expires.timestamp()


async def test_tls_1_2_is_spoken_with_those_who_know_no_better(authority: Authority) -> None:
    context = authority.server_context(max_version=ssl.TLSVersion.TLSv1_2)
    async with running_site(tls=context) as site:
        sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
        refused = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem, min_version="1.3"))
    assert sample.tls is not None
    assert sample.tls.version == "TLSv1.2"
    assert refused.reason is Reason.TLS_FAILED
    assert "handshake" in refused.evidence
    assert refused.phases.tls > 0
    assert refused.phases.processing == 0


async def test_a_bundle_that_the_environment_names_stands_for_the_default_roots(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How a pool's template has its workers trust a company's own authority: a volume and SSL_CERT_FILE."""
    bundle = tmp_path / "corporate.pem"
    bundle.write_text(authority.pem, encoding="utf-8")
    options = TlsOptions()
    async with running_site(tls=authority.server_context()) as site:
        stranger = await sample_http(site.url, tls=options)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        engine._context.cache_clear()  # As in a new process.
        trusted = await sample_http(site.url, tls=options)
    engine._context.cache_clear()
    assert stranger.reason is Reason.CERTIFICATE_UNTRUSTED
    assert trusted.outcome is Outcome.SUCCESS, trusted.evidence


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_ip_address_is_verified_against_the_certificate(authority: Authority, host: str) -> None:
    tls = TlsOptions(ca_pem=authority.pem)
    async with running_site(host=host, tls=authority.server_context(host)) as site:
        good = await sample_http(site.url, tls=tls)
    async with running_site(host=host, tls=authority.server_context("10.9.8.7")) as site:
        bad = await sample_http(site.url, tls=tls)
    assert good.outcome is Outcome.SUCCESS, good.evidence
    assert bad.reason is Reason.CERTIFICATE_NAME_MISMATCH
    assert host in bad.evidence


async def test_the_host_name_is_verified_and_a_server_name_can_stand_for_it(
    authority: Authority, hosts_file: Path
) -> None:
    async with running_site(tls=authority.server_context("www.example.org")) as site:
        by_name = await sample_http(
            site.url_for("www.example.org"),
            network=make_network(hosts_file=hosts_file),
            tls=TlsOptions(ca_pem=authority.pem),
        )
        by_address = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
        by_server_name = await sample_http(
            site.url, tls=TlsOptions(ca_pem=authority.pem, server_name="www.example.org")
        )
    assert by_name.outcome is by_server_name.outcome is Outcome.SUCCESS
    assert by_address.reason is Reason.CERTIFICATE_NAME_MISMATCH


async def test_the_server_name_is_sent_to_the_server(authority: Authority) -> None:
    seen: list[str | None] = []
    context = authority.server_context("www.example.org")
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with running_site(tls=context) as site:
        await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem, server_name="www.example.org"))
    assert seen == ["www.example.org"]


async def test_without_verification_even_an_expired_certificate_of_nobody_gives_its_facts(
    authority: Authority,
) -> None:
    expired = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    async with running_site(tls=authority.server_context("elsewhere.example", expires=expired)) as site:
        sample = await sample_http(site.url, tls=TlsOptions(verify=False))
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert sample.tls is not None
    assert sample.tls.earliest_expiry == expired.timestamp()


async def test_the_system_s_roots_do_not_trust_a_private_authority(authority: Authority) -> None:
    async with running_site(tls=authority.server_context()) as site:
        sample = await sample_http(site.url)
    assert sample.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_a_tcp_check_may_ask_for_tls(authority: Authority) -> None:
    async with serve(hostile.silence, tls=authority.server_context()) as server:
        good = await sample_tcp("127.0.0.1", server.port, tls=TlsOptions(ca_pem=authority.pem))
        untrusted = await sample_tcp("127.0.0.1", server.port, tls=TlsOptions())
        plain = await sample_tcp("127.0.0.1", server.port)
    assert good.outcome is plain.outcome is Outcome.SUCCESS
    assert good.tls is not None
    assert good.phases.tls > 0
    assert plain.tls is None
    assert plain.phases.tls == 0
    assert untrusted.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_a_tcp_check_does_not_mind_a_server_that_speaks_first() -> None:
    async with serve(hostile.garbage) as server:
        sample = await sample_tcp("127.0.0.1", server.port)
    assert sample.outcome is Outcome.SUCCESS
    assert sample.http is None
    assert sample.phases.processing == 0


async def test_a_body_that_ends_with_the_connection_needs_a_proper_end_of_tls(authority: Authority) -> None:
    wire = b"HTTP/1.1 200 OK\r\n\r\nWelcome"
    tls = TlsOptions(ca_pem=authority.pem)
    async with serve(hostile.answering(wire, wait=False), tls=authority.server_context()) as server:
        proper = await sample_http(server.url, tls=tls)
    async with serve(hostile.resetting(wire), tls=authority.server_context()) as server:
        cut = await sample_http(server.url, tls=tls)
    assert proper.outcome is Outcome.SUCCESS, proper.evidence
    assert proper.http is not None
    assert proper.http.body_bytes == len("Welcome")
    assert cut.reason in (Reason.CONNECTION_RESET, Reason.CONNECTION_CLOSED)


async def test_plain_text_after_the_handshake_is_no_answer(authority: Authority) -> None:
    async with serve(hostile.dropping_tls(authority.server_context())) as server:
        sample = await sample_http(f"https://127.0.0.1:{server.port}/", tls=TlsOptions(ca_pem=authority.pem))
    assert sample.reason is Reason.TLS_FAILED
    assert sample.evidence.startswith("TLS broke down after the handshake: ")
    assert sample.http is None
    assert sample.tls is not None


async def test_a_server_that_is_older_than_the_check_allows_is_refused(authority: Authority) -> None:
    context = authority.server_context(max_version=ssl.TLSVersion.TLSv1_2)
    async with running_site(tls=context) as site:
        sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem, min_version="1.3"))
    assert sample.reason is Reason.TLS_FAILED, sample.evidence
    assert site.requests == []


async def test_a_large_answer_comes_through_whole(authority: Authority) -> None:
    async with running_site(tls=authority.server_context()) as site:
        site.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
        sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
    assert sample.http is not None
    assert sample.http.body_bytes == 900_000


def test_contexts_are_shared_by_all_who_have_the_same_options(authority: Authority) -> None:
    one = client_context(TlsOptions(ca_pem=authority.pem, server_name="a.example"))
    assert one is client_context(TlsOptions(ca_pem=authority.pem, server_name="b.example"))
    assert one is not client_context(TlsOptions(ca_pem=authority.pem, min_version="1.3"))
    assert one is not client_context(TlsOptions(verify=False))


def test_bad_roots_are_refused() -> None:
    with pytest.raises(ssl.SSLError):
        client_context(TlsOptions(ca_pem="not a certificate"))


def test_certificates_that_cannot_be_read_have_no_expiry() -> None:
    assert earliest_expiry((b"garbage",)) == 0.0
    assert earliest_expiry(()) == 0.0
