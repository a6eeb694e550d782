"""What an operator that probes itself keeps its Checks from."""

import pytest

from pollwatch.compile.pool import embedded_settings
from pollwatch.control.app import api_server_network


@pytest.mark.parametrize(
    ("url", "address"), [("https://10.96.0.1:443", "10.96.0.1"), ("https://[fd00:96::1]:6443", "fd00:96::1")]
)
def test_an_embedded_operator_does_not_probe_its_api_server(url: str, address: str) -> None:
    pool = embedded_settings("default", allow=(), protected=api_server_network(url))
    assert "the API server" in (pool.egress.refusal("kubernetes.default.svc", address, 443) or "")


@pytest.mark.parametrize("url", ["https://api.example.org:6443", "https://"])
def test_an_api_server_that_goes_by_a_name_has_no_address_to_protect(url: str) -> None:
    assert api_server_network(url) == ()
