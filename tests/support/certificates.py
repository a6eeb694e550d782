"""Certificates for servers in tests, made by trustme: a CA, leaves with faults, and contexts for them."""

import ssl
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509

YEAR = timedelta(days=365)


class Authority:
    """A certificate authority that a Check may trust."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @property
    def pem(self) -> str:
        """The root, for `TlsOptions.ca_pem`."""
        return self._ca.cert_pem.bytes().decode()

    @property
    def expires(self) -> datetime:
        """When the root does."""
        return x509.load_pem_x509_certificate(self._ca.cert_pem.bytes()).not_valid_after_utc

    def server_context(
        self,
        *names: str,
        expires: datetime | None = None,
        max_version: ssl.TLSVersion | None = None,
        intermediate: bool = False,
    ) -> ssl.SSLContext:
        """A server's context with a certificate for some names (IP addresses become IP SANs).

        Args:
            names: Host names and IP addresses; `localhost` and the loopback addresses when none.
            expires: Default: in a year.
            max_version: The highest TLS version the server speaks.
            intermediate: Whether an intermediate CA, which expires with the root, issues it.
        """
        begins = datetime(2000, 1, 1, tzinfo=UTC)
        issuer = self._ca.create_child_ca() if intermediate else self._ca
        leaf = issuer.issue_cert(
            *(names or ("localhost", "127.0.0.1", "::1")),
            not_before=begins,
            not_after=expires or datetime.now(UTC) + YEAR,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        if max_version is not None:
            if max_version < ssl.TLSVersion.TLSv1_2:
                context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = max_version
        return context
