"""`spec.http.tls` and `spec.tcp.tls`: how the server is authenticated."""

from typing import ClassVar, Literal

from pollwatch.api.base import Model
from pollwatch.api.hosts import ServerName
from pollwatch.api.key_selectors import CaSource
from pollwatch.api.rules import Rule


class Tls(Model):
    """How the server is authenticated."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!self.insecureSkipVerify || !has(self.caFrom)",
            holds=lambda tls: not tls["insecureSkipVerify"] or "caFrom" not in tls,
            message="caFrom has no effect when insecureSkipVerify is true; remove one of the two",
            field="caFrom",
            reason="FieldValueForbidden",
        ),
    )

    server_name: ServerName = ""
    """Name sent to the server (SNI) and expected in its certificate. Empty: the host that is probed."""
    insecure_skip_verify: bool = False
    """Accept any certificate. The probe then says nothing about who answered."""
    ca_from: CaSource | None = None
    """Root certificates to trust instead of the system's."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Lowest TLS version to accept."""
