"""Which Secrets and ConfigMaps a Check refers to: for an index of who must be compiled again."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pollwatch.api.check import Check
from pollwatch.api.http_check import HttpCheck
from pollwatch.api.tls import Tls


class Reference(NamedTuple):
    """An object that a Check refers to."""

    kind: Literal["Secret", "ConfigMap"]
    namespace: str
    name: str


def references(check: Check) -> frozenset[Reference]:
    """Return all objects that a Check refers to, whether or not they exist."""
    spec, namespace = check.spec, check.metadata.namespace
    found = set[Reference]()
    if spec.http is not None:
        found.update(Reference("Secret", namespace, name) for name in _secrets_of_request(spec.http))
    for protocol in (spec.http, spec.tcp):
        if protocol is not None and protocol.tls is not None:
            found.update(_of_tls(protocol.tls, namespace))
    return frozenset(found)


def _secrets_of_request(http: HttpCheck) -> Iterator[str]:
    for header in http.headers:
        if header.value_from is not None:
            yield header.value_from.secret_key_ref.name
    if http.body is not None and http.body.secret_key_ref is not None:
        yield http.body.secret_key_ref.name


def _of_tls(tls: Tls, namespace: str) -> Iterator[Reference]:
    if tls.ca_from is None:
        return
    if tls.ca_from.config_map_key_ref is not None:
        yield Reference("ConfigMap", namespace, tls.ca_from.config_map_key_ref.name)
    if tls.ca_from.secret_key_ref is not None:
        yield Reference("Secret", namespace, tls.ca_from.secret_key_ref.name)
