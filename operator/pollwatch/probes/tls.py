"""Transport Layer Security: contexts, facts and what an error means.

A context costs 0.4 ms to make with one root, and 27 ms with the system's bundle, so contexts are
shared by all probes with the same options. They hold no sessions: every handshake is a full one.
"""

import ssl
from functools import lru_cache
from typing import Any

from cryptography import x509

from pollwatch.plan.checks import TlsOptions
from pollwatch.plan.samples import Reason, TlsFacts
from pollwatch.probes.failure import ProbeError

_X509_V_ERR_CERT_HAS_EXPIRED = 10
_NAME_MISMATCHES = frozenset({62, 63, 64})
"""`X509_V_ERR_HOSTNAME_MISMATCH`, `..._EMAIL_MISMATCH`, `..._IP_ADDRESS_MISMATCH` (x509_vfy.h)."""
_ENCODING_DER = 2
"""`_ssl.ENCODING_DER`."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """The context for some options, shared with every probe that has the same.

    Raises:
        ssl.SSLError: The CA certificates are not valid PEM.
    """
    return _context(options.verify, options.ca_pem, options.min_version)


@lru_cache(maxsize=512)
def _context(verify: bool, ca_pem: str | None, min_version: str) -> ssl.SSLContext:  # noqa: FBT001 - a cache key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[min_version]
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_pem is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cadata=ca_pem)
    return context


def facts(tls: ssl.SSLObject) -> TlsFacts:
    """What a finished handshake agreed on."""
    cipher = tls.cipher()
    return TlsFacts(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        earliest_expiry=earliest_expiry(_presented_chain(tls)),
    )


def _presented_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The certificates that the server presented, DER, its own first.

    `SSLObject.get_unverified_chain` is public from Python 3.13 on; before, it is there under the
    object that it wraps. An intermediate that expires first has taken many sites down.
    """
    if hasattr(tls, "get_unverified_chain"):
        return tuple(tls.get_unverified_chain())
    inner: Any = getattr(tls, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):
        return tuple(one.public_bytes(_ENCODING_DER) for one in inner.get_unverified_chain() or ())
    leaf = tls.getpeercert(binary_form=True)
    return (leaf,) if leaf else ()


@lru_cache(maxsize=4096)
def earliest_expiry(chain: tuple[bytes, ...]) -> float:
    """The first `notAfter` of a chain, Unix seconds; 0.0 when none can be read.

    Reading a certificate costs as much as the rest of a plain probe's bookkeeping, and chains
    change rarely: the answer is kept by the bytes.
    """
    dates = []
    for certificate in chain:
        try:
            dates.append(x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp())
        except ValueError:  # Not verified, and not well-formed either.
            continue
    return min(dates, default=0.0)


def handshake_error(error: ssl.SSLError, server_name: str) -> ProbeError:
    """What an error of the handshake says about the server."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ProbeError(Reason.TLS_FAILED, f"TLS handshake failed: {_words(error)}")
    if error.verify_code == _X509_V_ERR_CERT_HAS_EXPIRED:
        return ProbeError(Reason.CERTIFICATE_EXPIRED, "the certificate has expired")
    if error.verify_code in _NAME_MISMATCHES:
        return ProbeError(
            Reason.CERTIFICATE_NAME_MISMATCH, f"the certificate is not valid for {server_name!r}"
        )
    return ProbeError(Reason.CERTIFICATE_UNTRUSTED, f"the certificate is not trusted: {error.verify_message}")


def broken_stream(error: ssl.SSLError) -> ProbeError:
    """What a TLS error after the handshake says: an alert, or bytes that were tampered with."""
    return ProbeError(Reason.TLS_FAILED, f"TLS broke down after the handshake: {_words(error)}")


def _words(error: ssl.SSLError) -> str:
    return error.reason.replace("_", " ").lower() if error.reason else str(error)
