"""Requests to the API server are counted by the words that Kubernetes has for them."""

import pytest

from pollwatch.control.api_calls import verb_of


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("GET", "/apis/pollwatch.dev/v1alpha1/checks", "list"),
        ("GET", "/apis/pollwatch.dev/v1alpha1/namespaces/team-a/checks", "list"),
        ("GET", "/apis/pollwatch.dev/v1alpha1/namespaces/team-a/checks/front-page", "get"),
        ("GET", "/apis/pollwatch.dev/v1alpha1/probepools/east", "get"),
        ("GET", "/api/v1/namespaces", "list"),
        ("GET", "/api/v1/namespaces/team-a", "get"),
        ("GET", "/api/v1/namespaces/namespaces/secrets", "list"),
        ("GET", "/k8s/clusters/c-1/api/v1/secrets", "list"),
        ("GET", "/apis", "get"),
        ("GET", "/api/v1", "get"),
        ("GET", "/version", "get"),
        ("POST", "/api/v1/namespaces/team-a/secrets", "create"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/pollwatch", "update"),
        ("PATCH", "/apis/apps/v1/namespaces/a/statefulsets/east", "patch"),
        ("DELETE", "/api/v1/namespaces/a/secrets/east", "delete"),
    ],
)
def test_a_request_has_the_verb_that_an_api_server_gives_it(method: str, path: str, verb: str) -> None:
    assert verb_of(method, path) == verb


def test_a_list_that_goes_on_is_a_watch() -> None:
    assert verb_of("GET", "/apis/pollwatch.dev/v1alpha1/checks", watches=True) == "watch"
