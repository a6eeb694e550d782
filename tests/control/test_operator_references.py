"""Secrets and ConfigMaps that Checks refer to: used, followed, and never shown."""

import base64
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from tests.cluster.apiclient import ApiClient
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator, threaded_site
from tests.support.sites import Answer, Site

TOKEN = "s3cr3t-t0ken-one"
OTHER = "s3cr3t-t0ken-two"

AUTHORIZATION = [{"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "site", "key": "token"}}}]


@pytest.fixture
def admin(cluster: ControlPlane) -> ApiClient:
    return cluster.admin


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_site(authority: trustme.CA) -> Iterator[Site]:
    """A site with a certificate of an authority that nobody knows yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with threaded_site(tls=context) as site:
        yield site


def put_secret(admin: ApiClient, namespace: str, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    admin.apply(
        [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "site"}, "data": encoded}],
        namespace=namespace,
    )


def put_config_map(admin: ApiClient, namespace: str, **data: str) -> None:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ca"},
        "data": {key.replace("_", "."): value for key, value in data.items()},
    }
    admin.apply([document], namespace=namespace)


def seen_tokens(site: Site) -> set[str]:
    return {request.headers.get("authorization", "") for request in site.requests}


def test_a_missing_secret_is_named_with_its_field_and_picked_up_when_it_is_made(
    start_operator: StartOperator, checks: Checks, site: Site, admin: ApiClient
) -> None:
    start_operator()
    checks.create("front-page", http={"url": site.url, "headers": AUTHORIZATION})
    condition = checks.wait_reason("front-page", "Accepted", "SecretNotFound")
    assert "spec.http.headers[0].valueFrom.secretKeyRef" in condition["message"]
    assert checks.wait_event("front-page", "SecretNotFound")["type"] == "Warning"
    assert not site.requests

    put_secret(admin, checks.namespace, user="somebody")
    checks.wait_reason("front-page", "Accepted", "SecretKeyNotFound")
    put_secret(admin, checks.namespace, token=TOKEN)
    checks.wait_verdict("front-page", "Up")
    assert seen_tokens(site) == {TOKEN}
    assert checks.wait_event("front-page", "Accepted")["type"] == "Normal"


def test_a_secret_that_changes_is_sent_without_a_restart(
    start_operator: StartOperator, checks: Checks, site: Site, admin: ApiClient
) -> None:
    put_secret(admin, checks.namespace, token=TOKEN)
    start_operator()
    checks.create("front-page", http={"url": site.url, "headers": AUTHORIZATION})
    checks.wait_verdict("front-page", "Up")
    put_secret(admin, checks.namespace, token=OTHER)
    wait_until(lambda: OTHER in seen_tokens(site), what="the new token at the site", within_seconds=10)
    site.requests.clear()
    wait_until(lambda: site.requests, what="another probe")
    assert seen_tokens(site) == {OTHER}


def test_a_secret_that_is_deleted_ends_the_probes_of_who_needs_it(
    start_operator: StartOperator, checks: Checks, site: Site, admin: ApiClient
) -> None:
    put_secret(admin, checks.namespace, token=TOKEN)
    operator = start_operator()
    checks.create("front-page", http={"url": site.url, "headers": AUTHORIZATION})
    checks.wait_verdict("front-page", "Up")
    admin.delete(f"/api/v1/namespaces/{checks.namespace}/secrets/site")
    checks.wait_reason("front-page", "Accepted", "SecretNotFound")
    wait_until(
        lambda: not operator.series("probe_success{", *checks.labels("front-page")), what="its series to go"
    )


def test_a_ca_in_a_config_map_is_trusted_and_an_unusable_one_is_told(
    start_operator: StartOperator, checks: Checks, tls_site: Site, admin: ApiClient, authority: trustme.CA
) -> None:
    put_config_map(admin, checks.namespace, ca_crt="not a certificate")
    start_operator()
    tls = {"caFrom": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}}
    checks.create("front-page", http={"url": tls_site.url, "tls": tls})
    condition = checks.wait_reason("front-page", "Accepted", "InvalidReferencedValue")
    assert "spec.http.tls.caFrom.configMapKeyRef" in condition["message"]
    put_config_map(admin, checks.namespace, ca_crt=authority.cert_pem.bytes().decode())
    checks.wait_verdict("front-page", "Up")


def test_a_secrets_value_is_nowhere_to_be_seen_even_if_the_site_repeats_it(
    start_operator: StartOperator, checks: Checks, site: Site, admin: ApiClient
) -> None:
    put_secret(admin, checks.namespace, token=TOKEN)
    operator = start_operator()
    site.answer = Answer(status=500, phrase=f"no {TOKEN}", body=f"you sent {TOKEN}".encode())
    checks.create("front-page", http={"url": site.url, "headers": AUTHORIZATION})
    checks.create(
        "a-regex", http={"url": site.url, "headers": AUTHORIZATION, "expect": {"body": [{"matches": "("}]}}
    )
    down = checks.wait_verdict("front-page", "Down")
    assert TOKEN in seen_tokens(site)
    checks.wait_event("front-page", "Down")
    checks.wait_reason("a-regex", "Accepted", "InvalidSpec")
    metrics = operator.metrics()
    assert operator.stop() == 0
    shown = [
        str(down),
        str(checks.events("front-page")),
        str(checks.events("a-regex")),
        metrics,
        operator.log,
    ]
    encoded = base64.b64encode(TOKEN.encode()).decode()
    for text in shown:
        assert TOKEN not in text
        assert encoded not in text
