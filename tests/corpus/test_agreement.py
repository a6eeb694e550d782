"""Whatever is generated, the API server and we come to the same judgement."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollwatch.api.check import Check, parse_check
from pollwatch.api.labels import RESERVED
from pollwatch.api.pool import parse_pool
from pollwatch.api.problems import Invalid
from pollwatch.probes.urls import parse_url
from tests.cluster.apiclient import ApiError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from tests.cluster.controlplane import ControlPlane

against_the_api_server = settings(
    max_examples=60,
    deadline=None,  # each example is a request
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
KEYS = st.from_regex(r"[-._a-zA-Z0-9]{1,20}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
TOKENS = st.from_regex(r"X-[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True)
SELECTORS = st.fixed_dictionaries({"name": NAMES, "key": KEYS})
SECRETS = st.fixed_dictionaries({"secretKeyRef": SELECTORS})

TESTS = st.sampled_from(["contains", "notContains", "matches", "notMatches"])
TLS = st.fixed_dictionaries(
    {},
    optional={
        "serverName": st.sampled_from(["", "www.example.org"]),
        "caFrom": SECRETS | st.fixed_dictionaries({"configMapKeyRef": SELECTORS}),
        "minVersion": st.sampled_from(["1.2", "1.3"]),
    },
) | st.just({"insecureSkipVerify": True})
HEADERS = st.lists(
    st.fixed_dictionaries(
        {"name": TOKENS, "value": st.text(st.characters(min_codepoint=32, max_codepoint=126))}
    )
    | st.fixed_dictionaries({"name": TOKENS, "valueFrom": SECRETS}),
    max_size=4,
    unique_by=lambda header: str(header["name"]).lower(),
)
EXPECTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "statuses": st.lists(st.sampled_from(["2xx", "200", "404", "599"]), min_size=1, unique=True),
        "body": st.lists(st.builds(lambda test, text: {test: text}, TESTS, TEXT), max_size=3),
        "headers": st.lists(
            st.builds(lambda test, name, text: {"name": name, test: text}, TESTS, TOKENS, TEXT), max_size=3
        ),
        "maxBodyBytes": st.integers(1, 1 << 24),
    },
)
HTTP = st.fixed_dictionaries(
    {"url": st.sampled_from(["https://www.example.org/", "http://[2001:db8::1]:8080/?a=b"])},
    optional={
        "method": st.sampled_from(["GET", "POST", "OPTIONS"]),
        "headers": HEADERS,
        "body": SECRETS | st.fixed_dictionaries({"text": TEXT}),
        "followRedirects": st.booleans(),
        "expect": EXPECTATIONS,
        "tls": TLS,
        "resolve": st.sampled_from(["Any", "EachAddress"]),
    },
)
TCP = st.fixed_dictionaries({"address": st.just("db.example.org:5432")}, optional={"tls": TLS})
LABELS = st.dictionaries(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in RESERVED),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
    max_size=10,
)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Specs that are valid."""
    period = draw(st.integers(1, 86400))
    spec: dict[str, Any] = draw(st.fixed_dictionaries({"http": HTTP}) | st.fixed_dictionaries({"tcp": TCP}))
    spec |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "timeoutSeconds": st.integers(1, period),
                "suspend": st.booleans(),
                "labels": LABELS,
            },
        )
    )
    return spec | {"periodSeconds": period}


def document_of(spec: dict[str, Any], kind: str = "Check", name: str = "generated") -> dict[str, Any]:
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def judgement_offline(spec: dict[str, Any]) -> str:
    return offline(document_of(spec))


def judgement_of_the_api_server(control_plane: ControlPlane, spec: dict[str, Any]) -> str:
    return by_the_api_server(control_plane, document_of(spec))


def offline(document: dict[str, Any]) -> str:
    try:
        if document["kind"] == "Check":
            parse_check(document)
        else:
            parse_pool(document)
    except Invalid:
        return "refused"
    return "taken"


def by_the_api_server(control_plane: ControlPlane, document: dict[str, Any]) -> str:
    place = "namespaces/default/checks" if document["kind"] == "Check" else "probepools"
    path = f"/apis/pollwatch.dev/v1alpha1/{place}"
    try:
        control_plane.admin.post(path, document, dryRun="All", fieldValidation="Strict")
    except ApiError as error:
        if error.status not in {400, 422}:
            raise
        return "refused"
    return "taken"


@given(spec=specs())
def test_a_valid_check_written_and_read_again_is_the_same(spec: dict[str, Any]) -> None:
    check = parse_check(document_of(spec))
    written = check.model_dump(by_alias=True, exclude_none=True, mode="json")

    assert Check.model_validate(written) == check


@against_the_api_server
@given(spec=specs())
def test_a_valid_check_is_taken_by_both(control_plane: ControlPlane, spec: dict[str, Any]) -> None:
    assert judgement_offline(spec) == "taken"
    assert judgement_of_the_api_server(control_plane, spec) == "taken"


AUTHORITIES = st.text("aZ09-_.:[]@%#/?x ", max_size=24) | st.sampled_from(
    [
        "1.2.3.4",
        "1.2.3",
        "01.2.3.4",
        "256.1.1.1",
        "[::1]",
        "[::]",
        "[1::2::3]",
        "[fe80::1%25eth0]",
        "[::1",
        "a..b",
    ]
)
PORTS = st.sampled_from(["", ":", ":0", ":1", ":080", ":65535", ":65536", ":99999", ":x", ":+1"])


@given(
    url=st.from_regex(
        r"(?i:https?)://([a-zA-Z0-9_.-]{1,14}|\[[0-9a-f:]{2,20}\])(:[0-9]{1,5})?([/?][!-~]*)?", fullmatch=True
    )
)
def test_a_url_that_is_taken_can_be_requested(url: str) -> None:
    if judgement_offline({"http": {"url": url}}) == "taken":
        assert parse_url(url).origin.scheme in {"http", "https"}


@against_the_api_server
@given(scheme=st.sampled_from(["http://", "HTTPS://", "http:/", "ftp://", ""]), host=AUTHORITIES, port=PORTS)
def test_a_url_is_judged_alike(control_plane: ControlPlane, scheme: str, host: str, port: str) -> None:
    spec = {"http": {"url": f"{scheme}{host}{port}/"}}

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


@against_the_api_server
@given(host=AUTHORITIES, port=PORTS)
def test_an_address_is_judged_alike(control_plane: ControlPlane, host: str, port: str) -> None:
    spec = {"tcp": {"address": f"{host}{port}"}}

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


@against_the_api_server
@given(value=st.text(max_size=20), name=st.text(max_size=8) | TOKENS, label=st.text(max_size=8))
def test_hostile_text_is_judged_alike(control_plane: ControlPlane, value: str, name: str, label: str) -> None:
    spec = {
        "labels": {label: value},
        "http": {"url": "https://www.example.org/", "headers": [{"name": name, "value": value}]},
    }

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


@pytest.mark.parametrize("value", [None, True, 0, 1, -1, 0.5, 1e30, "", "30", [], {}, [None]])
@pytest.mark.parametrize(
    "field", ["periodSeconds", "timeoutSeconds", "suspend", "labels", "http", "tcp", "nothing"]
)
def test_a_value_of_any_type_is_judged_alike(control_plane: ControlPlane, field: str, value: Any) -> None:
    spec = {"http": {"url": "https://www.example.org/"}, field: value}

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


@pytest.mark.parametrize("value", [None, True, 1, 1.0, "", "x", [], {}, [None], [1], [{}], {"name": None}])
@pytest.mark.parametrize(
    "field", ["method", "headers", "body", "followRedirects", "expect", "tls", "resolve", "nothing"]
)
def test_a_value_of_any_type_in_http_is_judged_alike(
    control_plane: ControlPlane, field: str, value: Any
) -> None:
    spec = {"http": {"url": "https://www.example.org/", field: value}}

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


def pool_of(**spec: Any) -> dict[str, Any]:
    return document_of(spec, "ProbePool")


@against_the_api_server
@given(name=st.text("aZ0-._", min_size=1, max_size=40) | st.text("a0-", min_size=36, max_size=40))
def test_the_name_of_a_pool_is_judged_alike(control_plane: ControlPlane, name: str) -> None:
    document = document_of({}, "ProbePool", name)

    assert offline(document) == by_the_api_server(control_plane, document)


ADDRESSES = st.sampled_from(
    [
        *("0.0.0.0", "10.0.0.0", "10.1.2.3", "010.0.0.0", "10.0.0", "256.0.0.0", "10.0.0.0.0"),
        *("::", "::1", "2001:db8::", "2001:DB8::", "2001:db8:::", "::ffff:10.0.0.0", "::10.0.0.0"),
        *("64:ff9b::192.0.2.0", "64:ff9b::192.0.2.256", "fe80::1%eth0", "[::]", "1:2:3:4:5:6:7:8", ""),
    ]
) | st.ip_addresses().map(str)
PREFIXES = st.sampled_from(["", "/", "/08", "/+8", "/8.0", "/x", "/255.0.0.0"]) | st.integers(0, 140).map(
    lambda length: f"/{length}"
)


@against_the_api_server
@given(address=ADDRESSES, prefix=PREFIXES)
def test_a_cidr_is_judged_alike(control_plane: ControlPlane, address: str, prefix: str) -> None:
    document = pool_of(egress={"deny": [{"cidrs": [f"{address}{prefix}"]}]})

    assert offline(document) == by_the_api_server(control_plane, document)


@against_the_api_server
@given(network=st.ip_addresses(), length=st.integers(0, 32))
def test_a_network_that_python_knows_is_taken_unless_it_is_ipv4_in_disguise(
    control_plane: ControlPlane, network: IPv4Address | IPv6Address, length: int
) -> None:
    cidr = ip_network(f"{network}/{length}", strict=False)
    document = pool_of(egress={"allow": [{"cidrs": [str(cidr)]}]})

    assert offline(document) == by_the_api_server(control_plane, document)
    if cidr.version == 4:
        assert offline(document) == "taken"


@against_the_api_server
@given(
    ports=st.text("0123456789-, :a", min_size=1, max_size=11)
    | st.tuples(st.integers(-1, 70000), st.integers(-1, 70000)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
    host=st.text("aZ09-_.*:[]/ ", max_size=24),
)
def test_ports_and_hosts_of_a_rule_are_judged_alike(
    control_plane: ControlPlane, ports: str, host: str
) -> None:
    for rule in ({"ports": [ports]}, {"hosts": [host]}):
        document = pool_of(egress={"allow": [rule]})

        assert offline(document) == by_the_api_server(control_plane, document)


@against_the_api_server
@given(
    key=st.text("aZ0-_./ ", max_size=24) | st.text("a-", min_size=62, max_size=65),
    value=st.text("aZ0-_./ ", max_size=24),
    operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "in"]),
    values=st.none() | st.lists(st.text("aZ0-_.", max_size=4), max_size=2),
)
def test_a_selector_of_namespaces_is_judged_alike(
    control_plane: ControlPlane, key: str, value: str, operator: str, values: list[str] | None
) -> None:
    expression = {"key": "team", "operator": operator, "values": values}
    for selector in ({"matchLabels": {key: value}}, {"matchExpressions": [expression]}):
        document = pool_of(allowedNamespaces=selector)

        assert offline(document) == by_the_api_server(control_plane, document)


@against_the_api_server
@given(
    quantity=st.text("0123456789.mkMGTPEei-+ ", max_size=8)
    | st.integers(-2, 2**40)
    | st.floats(0, 4).filter(lambda number: not number.is_integer())  # those are integers in YAML
    | st.booleans()
)
def test_a_quantity_is_judged_alike(control_plane: ControlPlane, quantity: str | float) -> None:
    document = pool_of(template={"resources": {"limits": {"memory": quantity}}})

    assert offline(document) == by_the_api_server(control_plane, document)


@against_the_api_server
@given(
    pool=st.sampled_from([None, "east", "East"]),
    pools=st.none() | st.lists(st.sampled_from(["east", "west", "north"]), max_size=4),
    quorum=st.none() | st.integers(-1, 20),
)
def test_pools_and_their_quorum_are_judged_alike(
    control_plane: ControlPlane, pool: str | None, pools: list[str] | None, quorum: int | None
) -> None:
    spec = {"http": {"url": "https://www.example.org/"}, "pool": pool, "pools": pools, "quorum": quorum}

    assert judgement_offline(spec) == judgement_of_the_api_server(control_plane, spec)


@pytest.mark.parametrize("value", [None, True, 0, 1, 0.5, "", "30", [], {}, [None], [{}], {"max": 3}])
@pytest.mark.parametrize(
    "field",
    [
        "replicas",
        "autosize",
        "allowedNamespaces",
        "egress",
        "labels",
        "maxProbesPerSecondPerHost",
        "template",
    ],
)
def test_a_value_of_any_type_in_a_pool_is_judged_alike(
    control_plane: ControlPlane, field: str, value: Any
) -> None:
    document = pool_of(**{field: value})

    assert offline(document) == by_the_api_server(control_plane, document)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "", "x", [], {}, [None], ["x"], [{}], {"a": None}])
@pytest.mark.parametrize(
    "field",
    [
        *("image", "imagePullPolicy", "imagePullSecrets", "resources", "nodeSelector", "tolerations"),
        *("affinity", "topologySpreadConstraints", "priorityClassName", "volumes", "volumeMounts", "env"),
        *("labels", "annotations", "nothing"),
    ],
)
def test_a_value_of_any_type_in_a_pods_template_is_judged_alike(
    control_plane: ControlPlane, field: str, value: Any
) -> None:
    document = pool_of(template={field: value})

    assert offline(document) == by_the_api_server(control_plane, document)
