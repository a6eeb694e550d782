"""One Check, compiled: what a worker is told."""

from collections.abc import Sequence
from sys import intern

from pollwatch.api.check import Check
from pollwatch.api.http_check import BodyRule, HttpCheck, ResponseHeaderRule
from pollwatch.api.problems import Problem
from pollwatch.api.tcp_check import TcpCheck
from pollwatch.api.tls import Tls
from pollwatch.compile.resources import Resources
from pollwatch.compile.values import Values
from pollwatch.plan.checks import (
    CheckPlan,
    Header,
    HeaderRule,
    HttpProbe,
    Resolve,
    StatusRange,
    TcpProbe,
    TextRule,
    TextTest,
    TlsOptions,
)

MAX_REDIRECTS = 10
"""As many as curl's users and blackbox_exporter are used to."""


class Rejected(ValueError):  # noqa: N818 - reads as what happened to the Check: it is rejected
    """A valid Check cannot be probed: what it refers to is missing or unusable."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)
        """All of them; never empty. The reason of the first is that of condition `Accepted`."""


def compile_check(check: Check, resources: Resources) -> CheckPlan:
    """Resolve all that a Check refers to and fill in what it leaves open.

    Whether it is suspended makes no difference here: a suspended Check can be rejected too.

    Raises:
        Rejected: Something it refers to is missing or unusable; all problems are told.
    """
    spec = check.spec
    values = Values(resources, check.metadata.namespace)
    probe: HttpProbe | TcpProbe
    if spec.http is not None:
        target, probe = _target_of_url(spec.http.url), _http_probe(spec.http, values)
    elif spec.tcp is not None:
        target, probe = spec.tcp.address, _tcp_probe(spec.tcp, values)
    else:
        raise AssertionError("a parsed Check has exactly one protocol")
    if values.problems:
        raise Rejected(values.problems)
    return CheckPlan(
        key=check.key,
        uid=intern(check.metadata.uid),
        generation=check.metadata.generation,
        period=float(spec.period_seconds),
        timeout=float(spec.timeout),
        target=target,
        probe=probe,
        labels=tuple(sorted(spec.labels.items())),
        confidential=tuple(dict.fromkeys(values.confidential)),
    )


def _target_of_url(url: str) -> str:
    """Leave out what may be secret or endless: the query. Credentials and fragment are refused earlier."""
    return url.partition("?")[0]


def _http_probe(http: HttpCheck, values: Values) -> HttpProbe:
    return HttpProbe(
        url=http.url,
        method=http.method,
        headers=_headers(http, values),
        body=_content(http, values),
        max_redirects=MAX_REDIRECTS if http.follow_redirects else 0,
        statuses=tuple(StatusRange.parse(status) for status in http.expect.statuses),
        body_rules=tuple(
            TextRule(test=test, pattern=pattern)
            for index, rule in enumerate(http.expect.body)
            for test, pattern in _text_tests(rule, f"spec.http.expect.body[{index}]", values)
        ),
        header_rules=tuple(
            HeaderRule(name=rule.name.lower(), test=test, pattern=pattern)
            for index, rule in enumerate(http.expect.headers)
            for test, pattern in _text_tests(rule, f"spec.http.expect.headers[{index}]", values)
        ),
        max_body_bytes=http.expect.max_body_bytes,
        tls=_tls_options(http.tls or Tls(), "spec.http.tls", values),
        resolve=Resolve(http.resolve),
    )


def _headers(http: HttpCheck, values: Values) -> tuple[Header, ...]:
    headers = []
    for index, header in enumerate(http.headers):
        value = header.value
        if header.value_from is not None:
            path = f"spec.http.headers[{index}].valueFrom.secretKeyRef"
            value = values.header(path, header.value_from.secret_key_ref)
        if value is not None:
            headers.append(Header(name=header.name, value=value))
    return tuple(headers)


def _content(http: HttpCheck, values: Values) -> bytes:
    if http.body is None:
        return b""
    if http.body.secret_key_ref is not None:
        return values.content("spec.http.body.secretKeyRef", http.body.secret_key_ref) or b""
    return (http.body.text or "").encode()


def _text_tests(rule: BodyRule | ResponseHeaderRule, path: str, values: Values) -> list[tuple[TextTest, str]]:
    """Return the one test of a rule."""
    tests = [
        (TextTest.CONTAINS, rule.contains),
        (TextTest.NOT_CONTAINS, rule.not_contains),
        (TextTest.MATCHES, rule.matches),
        (TextTest.NOT_MATCHES, rule.not_matches),
    ]
    found = [(test, pattern) for test, pattern in tests if pattern is not None]
    for test, pattern in found:
        if test.is_regex:
            values.regex(f"{path}.{test}", pattern)
    return found


def _tls_options(tls: Tls, path: str, values: Values) -> TlsOptions:
    return TlsOptions(
        server_name=tls.server_name or None,
        verify=not tls.insecure_skip_verify,
        ca_pem=None if tls.ca_from is None else values.certificates(f"{path}.caFrom", tls.ca_from),
        min_version=tls.min_version,
    )


def _tcp_probe(tcp: TcpCheck, values: Values) -> TcpProbe:
    host, _, port = tcp.address.rpartition(":")
    return TcpProbe(
        host=host.strip("[]"),
        port=int(port),
        tls=None if tcp.tls is None else _tls_options(tcp.tls, "spec.tcp.tls", values),
        resolve=Resolve(tcp.resolve),
    )
