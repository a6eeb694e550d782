"""What a target's series say after its samples."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import HttpProbe, Target, TcpProbe
from pollwatch.plan.samples import HttpFacts, Outcome, Phases, Reason, Sample, TlsFacts
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SeriesStore
from pollwatch.series.table import METRICS_OF
from tests.support.exposition import Series, page_of, parse, values
from tests.support.plans import make_check, make_sample

ANSWER = HttpFacts(status=200, version="1.1", content_length=-1, body_bytes=2048, redirects=1, tls=True)
HANDSHAKE = TlsFacts("TLSv1.3", "TLS_AES_128_GCM_SHA256", 1_800_000_000.0)
PHASES = ("resolve", "connect", "tls", "processing", "transfer")


def series_after(*samples: Sample, probe: HttpProbe | TcpProbe | None = None) -> Series:
    store = SeriesStore()
    check = make_check() if probe is None else make_check(probe=probe)
    target = store.open_target(Target(check))
    for sample in samples:
        target.observe(sample)
    return parse(
        page_of(store.render(Exposition.OPENMETRICS), Exposition.OPENMETRICS), Exposition.OPENMETRICS
    )


def value(series: Series, name: str) -> float | None:
    found = [number for (series_name, _), number in series.items() if series_name == name]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_success_sets_probe_success_to_one_and_a_failure_to_zero() -> None:
    assert value(series_after(make_sample()), "probe_success") == 1
    assert value(series_after(make_sample(Reason.UNEXPECTED_STATUS)), "probe_success") == 0


def test_each_fact_of_an_http_sample_is_exposed_under_blackbox_exporters_name() -> None:
    series = series_after(
        make_sample(
            duration=0.25,
            phases=Phases(0.01, 0.02, 0.03, 0.04, 0.05),
            address="192.0.2.7",
            tls=HANDSHAKE,
            http=ANSWER._replace(last_modified=1_700_000_000.0),
        )
    )
    expected = {
        "probe_duration_seconds": 0.25,
        "probe_timeout_seconds": 5,
        "probe_dns_lookup_time_seconds": 0.01,
        "probe_ip_protocol": 4,
        "probe_http_status_code": 200,
        "probe_http_content_length": -1,
        "probe_http_uncompressed_body_length": 2048,
        "probe_http_redirects": 1,
        "probe_http_ssl": 1,
        "probe_http_version": 1.1,
        "probe_http_last_modified_timestamp_seconds": 1_700_000_000,
        "probe_failed_due_to_regex": 0,
        "probe_ssl_earliest_cert_expiry": 1_800_000_000,
    }
    assert {name: value(series, name) for name in expected} == expected
    assert values(series, "probe_http_duration_seconds", "phase") == dict(
        zip(PHASES, (0.01, 0.02, 0.03, 0.04, 0.05), strict=True)
    )
    assert values(series, "probe_tls_version_info", "version") == {"TLSv1.3": 1}
    assert values(series, "probe_tls_cipher_info", "cipher") == {"TLS_AES_128_GCM_SHA256": 1}


def test_all_five_phases_are_exposed_even_when_nothing_was_reached() -> None:
    nowhere = make_sample(Reason.DNS_NOT_FOUND)
    for name, probe in (
        ("probe_http_duration_seconds", HttpProbe(url="http://nowhere.example/")),
        ("probe_tcp_duration_seconds", TcpProbe(host="nowhere.example", port=5432)),
    ):
        assert values(series_after(nowhere, probe=probe), name, "phase") == dict.fromkeys(PHASES, 0)


def test_without_a_response_the_http_gauges_are_zero_as_in_blackbox_exporter() -> None:
    series = series_after(make_sample(http=ANSWER), make_sample(Reason.CONNECT_REFUSED))
    for name in ("status_code", "content_length", "uncompressed_body_length", "redirects", "ssl", "version"):
        assert value(series, f"probe_http_{name}") == 0


def test_a_tcp_target_has_no_http_series_and_an_http_target_no_tcp_series() -> None:
    names = {name for name, _ in series_after(make_sample(), probe=TcpProbe(host="db", port=5432))}
    assert "probe_tcp_duration_seconds" in names
    assert not any(name.startswith("probe_http") for name in names)
    names = {name for name, _ in series_after(make_sample())}
    assert not any(name.startswith("probe_tcp") for name in names)


def test_what_a_probe_did_not_find_any_more_has_no_series_any_more() -> None:
    names = {name for name, _ in series_after(make_sample(tls=HANDSHAKE), make_sample(Reason.TLS_FAILED))}
    assert names.isdisjoint(
        {"probe_ssl_earliest_cert_expiry", "probe_tls_version_info", "probe_tls_cipher_info"}
    )


def test_before_the_first_sample_only_counters_are_there_and_they_are_zero() -> None:
    series = series_after()
    assert {name for name, _ in series} == {
        "pollwatch_probe_attempts_total",
        "pollwatch_probe_successes_total",
        "pollwatch_probe_errors_total",
        "pollwatch_probe_duration_seconds_bucket",
        "pollwatch_probe_duration_seconds_sum",
        "pollwatch_probe_duration_seconds_count",
    }
    assert set(series.values()) == {0}


@pytest.mark.parametrize("reason", [Reason.INTERNAL, Reason.RESOURCES_EXHAUSTED])
def test_an_error_of_the_prober_is_counted_but_says_nothing_of_the_target(reason: Reason) -> None:
    series = series_after(make_sample(duration=0.1), make_sample(reason, duration=9.0))
    assert value(series, "pollwatch_probe_attempts_total") == 2
    assert value(series, "pollwatch_probe_successes_total") == 1
    assert values(series, "pollwatch_probe_failures_total", "reason") == {reason.value: 1}
    assert value(series, "pollwatch_probe_errors_total") == 1
    assert value(series, "pollwatch_probe_duration_seconds_count") == 1
    assert value(series, "pollwatch_probe_duration_seconds_sum") == 0.1
    assert value(series, "probe_success") is None
    assert value(series, "probe_duration_seconds") is None


def test_the_gauges_are_back_with_the_first_sample_after_an_error_even_when_nothing_changed() -> None:
    sample = make_sample(tls=HANDSHAKE, http=ANSWER)
    assert {name for name, _ in series_after(sample, make_sample(Reason.INTERNAL), sample)} >= {
        name for name, _ in series_after(sample)
    }


def test_the_address_hash_changes_with_the_address_and_is_zero_without_one() -> None:
    hashes = [
        value(series_after(make_sample(address=address)), "probe_ip_addr_hash")
        for address in ("192.0.2.7", "192.0.2.8", "2001:db8::7", "fe80::7%eth0", "")
    ]
    assert len(set(hashes)) == 5
    assert hashes[-1] == 0
    # FNV-1a of the four bytes, computed by hand from the published constants.
    digest = 0x811C9DC5
    for byte in (192, 0, 2, 7):
        digest = (digest ^ byte) * 0x01000193 % 2**32
    assert hashes[0] == digest


def test_a_sample_after_the_series_were_closed_brings_nothing_back() -> None:
    store = SeriesStore()
    target = store.open_target(Target(make_check()))
    store.close_target(target)
    target.observe(make_sample())
    assert b"".join(store.render(Exposition.TEXT)) == b""


facts = st.builds(
    HttpFacts,
    status=st.integers(100, 999),
    version=st.sampled_from(["1.0", "1.1"]),
    content_length=st.integers(-1, 2**60),
    body_bytes=st.integers(0, 2**40),
    redirects=st.integers(0, 10),
    tls=st.booleans(),
    last_modified=st.none() | st.floats(0, 4e9),
    failed_regex=st.booleans(),
)
handshakes = st.builds(TlsFacts, st.text(), st.text(), st.floats(-1e9, 1e11))
durations = st.floats(0, 86_400)
outcomes = st.sampled_from(
    [
        (Outcome.SUCCESS, None),
        (Outcome.FAILURE, Reason.UNEXPECTED_STATUS),
        (Outcome.FAILURE, Reason.CONNECT_REFUSED),
        (Outcome.ERROR, Reason.INTERNAL),
    ]
)
samples = st.builds(
    lambda outcome, **given: Sample(started=0.0, outcome=outcome[0], reason=outcome[1], **given),
    outcomes,
    duration=durations,
    phases=st.builds(Phases, durations, durations, durations, durations, durations),
    address=st.sampled_from(["", "192.0.2.7", "2001:db8::7", "not an address"]),
    tls=st.none() | handshakes,
    http=st.none() | facts,
)


@given(st.lists(samples, max_size=8))
def test_whatever_the_samples_counters_only_grow_and_the_histogram_adds_up(taken: list[Sample]) -> None:
    pages = [series_after(*taken[:count]) for count in range(len(taken) + 1)]
    counters = [
        {
            key: number
            for key, number in page.items()
            if key[0].endswith(("_total", "_bucket", "_count", "_sum"))
        }
        for page in pages
    ]
    for before, after in pairwise(counters):
        assert all(after[key] >= number for key, number in before.items())
    last = pages[-1]
    assert value(last, "pollwatch_probe_attempts_total") == len(taken)
    failures = values(last, "pollwatch_probe_failures_total", "reason")
    assert value(last, "pollwatch_probe_successes_total") == len(taken) - sum(failures.values())
    reasons = [sample.reason.value for sample in taken if sample.reason is not None]
    assert values(last, "pollwatch_probe_failures_total", "reason") == {
        reason: reasons.count(reason) for reason in reasons
    }
    timed = [sample.duration for sample in taken if sample.outcome is not Outcome.ERROR]
    assert value(last, "pollwatch_probe_errors_total") == len(taken) - len(timed)
    buckets = values(last, "pollwatch_probe_duration_seconds_bucket", "le")
    assert buckets == {bound: sum(duration <= float(bound) for duration in timed) for bound in buckets}
    assert value(last, "pollwatch_probe_duration_seconds_count") == len(timed) == buckets["+Inf"]
    assert value(last, "pollwatch_probe_duration_seconds_sum") == pytest.approx(sum(timed))


@given(st.lists(samples, min_size=1, max_size=4))
def test_whatever_came_before_the_gauges_are_those_of_the_last_sample(taken: list[Sample]) -> None:
    counters = tuple(metric.openmetrics_name for metric in METRICS_OF[HttpProbe] if metric.type.accumulates)

    def gauges(page: Series) -> Series:
        return {key: number for key, number in page.items() if not key[0].startswith(counters)}

    assert gauges(series_after(*taken)) == gauges(series_after(taken[-1]))
