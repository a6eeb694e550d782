"""Values of Secrets and ConfigMaps, looked up and judged while one Check is compiled."""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import re2
from cryptography import x509

from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.http_check import is_header_value
from pollwatch.api.key_selectors import CaSource, ConfigMapKeySelector, SecretKeySelector
from pollwatch.api.problems import Problem
from pollwatch.compile.resources import Data, Resources

Value = TypeVar("Value")


class Values:
    """Looks values up for one Check; collects what is wrong with them, and what is secret.

    A value that cannot be had is `None`, and a problem is noted: the caller goes on, so that
    all problems of a Check are told at once.
    """

    def __init__(self, resources: Resources, namespace: str) -> None:
        self._resources = resources
        self._namespace = namespace
        self.problems: list[Problem] = []
        self.confidential: list[str] = []

    def header(self, path: str, selector: SecretKeySelector) -> str | None:
        """Return a Secret's value as the value of a header."""
        return self._judged(path, self._secret(path, selector), _header_value, confidential=True)

    def content(self, path: str, selector: SecretKeySelector) -> bytes | None:
        """Return a Secret's value as the content of a request."""
        value = self._secret(path, selector)
        if value:
            self.confidential.append(value.decode(errors="replace"))
        return value

    def certificates(self, path: str, source: CaSource) -> str | None:
        """Return a value of a ConfigMap or Secret as certificates in PEM form."""
        if source.config_map_key_ref is not None:
            value = self._config_map(f"{path}.configMapKeyRef", source.config_map_key_ref)
            return self._judged(f"{path}.configMapKeyRef", value, _certificates)
        if source.secret_key_ref is not None:
            value = self._secret(f"{path}.secretKeyRef", source.secret_key_ref)
            return self._judged(f"{path}.secretKeyRef", value, _certificates)
        return None

    def regex(self, path: str, pattern: str) -> None:
        """Note a problem when a pattern is no regular expression of RE2."""
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            self._refuse(path, f"must be a regular expression in RE2 syntax: {_text_of(error)}")

    def _secret(self, path: str, selector: SecretKeySelector) -> bytes | None:
        data = self._resources.secret(self._namespace, selector.name)
        return self._value(
            path,
            data,
            selector,
            "Secret",
            (AcceptedReason.SECRET_NOT_FOUND, AcceptedReason.SECRET_KEY_NOT_FOUND),
        )

    def _config_map(self, path: str, selector: ConfigMapKeySelector) -> bytes | None:
        data = self._resources.config_map(self._namespace, selector.name)
        return self._value(
            path,
            data,
            selector,
            "ConfigMap",
            (AcceptedReason.CONFIG_MAP_NOT_FOUND, AcceptedReason.CONFIG_MAP_KEY_NOT_FOUND),
        )

    def _value(
        self,
        path: str,
        data: Data | None,
        selector: SecretKeySelector | ConfigMapKeySelector,
        kind: str,
        reasons: tuple[AcceptedReason, AcceptedReason],
    ) -> bytes | None:
        no_object, no_key = reasons
        if data is None:
            message = f"there is no {kind} '{selector.name}' in namespace '{self._namespace}'"
            self._refuse(f"{path}.name", message, no_object)
            return None
        value = data.get(selector.key)
        if value is None:
            message = f"there is no key '{selector.key}' in {kind} '{selector.name}'"
            self._refuse(f"{path}.key", message, no_key)
        return value

    def _judged(
        self,
        path: str,
        value: bytes | None,
        read: Callable[[bytes], Value],
        *,
        confidential: bool = False,
    ) -> Value | None:
        if value is None:
            return None
        try:
            usable = read(value)
        except ValueError as error:
            self._refuse(path, str(error), AcceptedReason.INVALID_REFERENCED_VALUE)
            return None
        if confidential and isinstance(usable, str) and usable:
            self.confidential.append(usable)
        return usable

    def _refuse(self, path: str, message: str, reason: AcceptedReason = AcceptedReason.INVALID_SPEC) -> None:
        self.problems.append(Problem(path=path, message=message, reason=reason))


def _header_value(value: bytes) -> str:
    """Read a header's value; the message of an error never shows it."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise ValueError("the value must be UTF-8 text to be a header") from None
    if text.endswith("\n"):
        raise ValueError("the value ends with a line break; store it without one (printf, not echo)")
    if not is_header_value(text):
        raise ValueError(
            "the value must not hold line breaks, control characters or characters outside of Latin-1"
        )
    return text


@lru_cache(maxsize=64)
def _certificates(value: bytes) -> str:
    """Read certificates in PEM form (RFC 7468).

    A bundle of all public authorities takes 2 ms and 200 kB, and ten thousand Checks may share it.
    """
    try:
        x509.load_pem_x509_certificates(value)
        return value.decode()
    except ValueError:
        raise ValueError(
            "the value must be certificates in PEM form, each from -----BEGIN CERTIFICATE----- on"
        ) from None


def _text_of(error: Exception) -> str:
    """Return RE2's words, which arrive as bytes."""
    words = error.args[0] if error.args else str(error)
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
