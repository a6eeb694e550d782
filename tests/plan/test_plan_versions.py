"""Operators and workers of different versions meet during each upgrade."""

from __future__ import annotations

import gzip
import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args

import pytest

from pollwatch.plan.check_codec import PROTOCOLS
from pollwatch.plan.checks import (
    CheckKey,
    CheckPlan,
    Header,
    HeaderRule,
    HttpProbe,
    Plan,
    Probe,
    Resolve,
    StatusRange,
    TcpProbe,
    TextRule,
    TextTest,
    TlsOptions,
)
from pollwatch.plan.codec import DecodedPlan, PlanEncoder, PlanError
from pollwatch.plan.egress import EgressPolicy, EgressRule, PortRange
from pollwatch.plan.reports import PlanFault
from tests.support.decoding import decode
from tests.support.forged_plans import forged_header, forged_payload

FORMAT_1 = Path(__file__).with_name("format-1")

EVERY_FIELD = Plan(
    checks=(
        CheckPlan(
            key=CheckKey("databases", "orders"),
            uid="9b2f",
            generation=3,
            period=15.0,
            timeout=2.5,
            target="db.example.org:5432",
            probe=TcpProbe(
                host="db.example.org",
                port=5432,
                tls=TlsOptions(ca_pem="-----BEGIN CERTIFICATE-----\nprivate\n-----END CERTIFICATE-----\n"),
                resolve=Resolve.EACH_ADDRESS,
            ),
        ),
        CheckPlan(
            key=CheckKey("public-sites", "caf\u00e9"),
            uid="5f0b",
            generation=4,
            period=0.5,
            timeout=0.25,
            target="https://www.example.org/",
            probe=HttpProbe(
                url="https://www.example.org/search?q=caf\u00e9",
                method="POST",
                headers=(Header(name="Authorization", value="Bearer hunter2"),),
                body=b"\x00\xff",
                max_redirects=10,
                statuses=(StatusRange(204, 204), StatusRange(300, 399)),
                body_rules=(
                    TextRule(test=TextTest.CONTAINS, pattern="a"),
                    TextRule(test=TextTest.NOT_CONTAINS, pattern="b"),
                    TextRule(test=TextTest.MATCHES, pattern="c+"),
                    TextRule(test=TextTest.NOT_MATCHES, pattern="d+"),
                ),
                header_rules=(HeaderRule(name="content-type", test=TextTest.MATCHES, pattern="html"),),
                max_body_bytes=10,
                tls=TlsOptions(
                    server_name="sni.example.org",
                    verify=False,
                    ca_pem="-----BEGIN CERTIFICATE-----\nprivate\n-----END CERTIFICATE-----\n",
                    min_version="1.3",
                ),
                resolve=Resolve.EACH_ADDRESS,
            ),
            labels=(("location", "Montr\u00e9al"), ("team", "web")),
            confidential=("Bearer hunter2",),
            rate=0.25,
        ),
        CheckPlan(
            key=CheckKey("public-sites", "front-page"),
            uid="",
            generation=0,
            period=30.0,
            timeout=10.0,
            target="http://www.example.org/",
            probe=HttpProbe(
                # Defaults are part of the format: they are told here one by one.
                url="http://www.example.org/",
                method="GET",
                headers=(),
                body=b"",
                max_redirects=0,
                statuses=(StatusRange(200, 299),),
                body_rules=(),
                header_rules=(),
                max_body_bytes=1_048_576,
                tls=TlsOptions(server_name=None, verify=True, ca_pem=None, min_version="1.2"),
                resolve=Resolve.ANY,
            ),
            labels=(),
            confidential=(),
            rate=None,
        ),
        CheckPlan(
            key=CheckKey("public-sites", "ssh"),
            uid="",
            generation=0,
            period=30.0,
            timeout=10.0,
            target="192.0.2.1:22",
            probe=TcpProbe(host="192.0.2.1", port=22, tls=None, resolve=Resolve.ANY),
        ),
    ),
    egress=EgressPolicy(
        deny=(EgressRule(ports=(PortRange(25, 25), PortRange(8000, 8999))),),
        allow=(EgressRule(networks=(ip_network("10.0.0.0/8"),), hosts=("*.example.org",)),),
        protected=(ip_network("169.254.0.0/16"), ip_network("fe80::/10")),
        default_allow=False,
    ),
)
"""In format 1 for ever: what is in the folder `format-1`."""

LINE = {
    "key": ["public-sites", "front-page"],
    "uid": "",
    "generation": 0,
    "period": 30.0,
    "timeout": 10.0,
    "target": "http://www.example.org/",
    "probe": {"http": {"url": "http://www.example.org/"}},
}
OTHER = {**LINE, "key": ["public-sites", "other"]}


def decode_lines(*lines: Any, **header: Any) -> DecodedPlan:
    payload, entry = forged_payload(lines)
    return decode(forged_header(blocks=[entry], **header), payload)


def fault(**header: Any) -> PlanError:
    with pytest.raises(PlanError) as refused:
        decode_lines(LINE, **header)
    return refused.value


def test_a_plan_of_the_first_release_is_read_for_ever() -> None:
    header, payload = (FORMAT_1 / "plan.json").read_bytes(), (FORMAT_1 / "part-000").read_bytes()
    decoded = decode(header, payload)

    assert decoded.plan == EVERY_FIELD
    assert (decoded.header.pool, decoded.header.worker, decoded.header.revision) == ("east", "east-0", 17)


def test_what_is_written_in_format_1_never_changes() -> None:
    """Only how it is packed may: that depends on the version of zlib."""
    encoded = PlanEncoder(pool="east", worker="east-0").encode(EVERY_FIELD)

    assert gzip.decompress(encoded.payload) == gzip.decompress((FORMAT_1 / "part-000").read_bytes())
    written, kept = json.loads(encoded.header(17)), json.loads((FORMAT_1 / "plan.json").read_bytes())
    for document in (written, kept):
        del document["digest"]
        for block in document["blocks"]:
            del block["sha256"], block["packed"]
    assert written == kept


def test_every_kind_of_probe_has_its_name_in_plans() -> None:
    assert set(PROTOCOLS) == set(get_args(Probe))


@pytest.mark.parametrize(
    "line",
    [
        LINE | {"window": "Surge"},
        LINE | {"probe": {"http": {"url": "http://a/", "expectTrailers": []}}},
        LINE | {"probe": {"http": {"url": "http://a/", "tls": {"alpn": "h2"}}}},
        LINE | {"probe": {"http": {"url": "http://a/", "bodyRules": [{"test": "jsonPath", "pattern": "a"}]}}},
        LINE | {"probe": {"http": {"url": "http://a/", "bodyRules": [{"test": "contains"}]}}},
        LINE | {"probe": {"http": {"url": "http://a/", "statuses": [[200, 299, 1]]}}},
        LINE | {"probe": {"http": {"url": "http://a/", "resolve": "EachRegion"}}},
        LINE | {"probe": {"http": {"url": "http://a/", "body": "not base64!"}}},
        LINE | {"probe": {"http": {"url": "http://a/", "tls": {"caSha256": "0" * 64}}}},
        LINE | {"probe": {"http": {"url": "http://a/", "tls": {"caSha256": ["a"]}}}},
        LINE | {"probe": {"http": {"url": "http://a/", "maxRedirects": True}}},
        LINE | {"probe": {"http": {"url": "http://a/", "maxRedirects": "10"}}},
        LINE | {"probe": {"icmp": {"host": "a"}}},
        LINE | {"probe": {"http": {"url": "http://a/"}, "tcp": {"host": "a", "port": 1}}},
        LINE | {"probe": {}},
        LINE | {"probe": []},
        LINE | {"period": "10s"},
        LINE | {"period": 10**400},
        LINE | {"labels": [["team"]]},
        LINE | {"labels": {"team": "web"}},
        LINE | {"uid": None},
        {name: value for name, value in LINE.items() if name != "probe"},
    ],
)
def test_a_check_that_needs_a_newer_worker_is_not_probed_and_the_others_are(line: dict[str, Any]) -> None:
    decoded = decode_lines(line, OTHER)

    assert decoded.unsupported == ("public-sites/front-page",)
    assert [check.key.name for check in decoded.plan.checks] == ["other"]


def test_what_an_older_operator_does_not_write_has_its_default() -> None:
    (check,) = decode_lines(LINE).plan.checks

    assert check == EVERY_FIELD.checks[2]


def test_a_policy_that_is_not_written_refuses_nothing() -> None:
    assert decode_lines(LINE).plan.egress == EgressPolicy()


def test_whole_numbers_are_seconds_too() -> None:
    (check,) = decode_lines(LINE | {"period": 30}).plan.checks

    assert (check.period, type(check.period)) == (30.0, float)


@pytest.mark.parametrize("number", [0, 2, 100])
def test_a_plan_of_another_format_is_refused_as_a_whole(number: int) -> None:
    refused = fault(format=number)

    assert refused.fault is PlanFault.UNSUPPORTED_FORMAT
    assert f"the plan has format {number} and this worker reads format 1" in str(refused)


@pytest.mark.parametrize(
    "header",
    [
        {"verdicts": {"downAfter": 3}},
        {"egress": {"allow": [{"protocols": ["udp"]}]}},
        {"egress": {"denyByDefault": True}},
        {"egress": {"protected": ["not a network"]}},
        {"egress": {"allow": [{"networks": ["10.1.2.3/8"]}]}},
        {"egress": None},
        {"parts": 9},
    ],
)
def test_a_header_that_says_what_a_worker_does_not_know_is_refused(header: dict[str, Any]) -> None:
    refused = fault(**header)

    assert refused.fault is PlanFault.UNSUPPORTED_FORMAT
    assert "needs a newer worker" in str(refused)


def test_hints_are_for_those_who_know_them() -> None:
    decoded = decode_lines(LINE, hints={"writtenBy": "pollwatch 9.0", "since": [1, 2]})

    assert len(decoded.plan.checks) == 1


@pytest.mark.parametrize("rate", [0, -1.0, True, "2", None, [1]])
def test_a_hint_that_is_not_understood_refuses_no_plan(rate: object) -> None:
    decoded = decode_lines(LINE, hints={"hostRate": rate, "since": 1})

    assert len(decoded.plan.checks) == 1
    assert decoded.plan.host_rate is None


def test_the_share_of_a_hosts_rate_is_a_hint_so_that_older_workers_take_the_plan() -> None:
    encoded = PlanEncoder(pool="east", worker="east-0").encode(Plan(host_rate=12.5))

    assert json.loads(encoded.header(1))["hints"] == {"hostRate": 12.5}
    assert decode(encoded.header(1), encoded.payload).plan.host_rate == 12.5


def test_without_a_share_of_a_hosts_rate_a_plan_is_as_it_always_was() -> None:
    encoded = PlanEncoder(pool="east", worker="east-0").encode(Plan())

    assert "hints" not in json.loads(encoded.header(1))
    assert decode_lines(LINE).plan.host_rate is None
