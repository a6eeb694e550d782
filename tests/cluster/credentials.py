"""Keys, certificates and tokens of one control plane; none of them outlives it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files that the API server reads.

    Attributes:
        ca_file: The authority that clients trust.
        serving_file: The API server's key and certificate chain.
        service_account_key_file: Signs the tokens of service accounts.
        token_file: `--token-auth-file`: the administrator and the other users.
        admin_token: The bearer token of the administrator, a member of `system:masters`.
        tokens: The bearer tokens of the other users, by name.
    """

    ca_file: Path
    serving_file: Path
    service_account_key_file: Path
    token_file: Path
    admin_token: str
    tokens: Mapping[str, str]

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        authority: trustme.CA | None = None,
        hosts: Iterable[str] = (),
        users: Mapping[str, str] | None = None,
    ) -> Credentials:
        """Make them, below `folder`.

        Args:
            folder: An existing folder.
            authority: Issues the certificate; by default one of their own.
            hosts: Names and addresses of the API server beside 127.0.0.1 and localhost.
            users: The group of each user beside the administrator, by the user's name.
        """
        groups = users or {}
        made = cls(
            ca_file=folder / "ca.crt",
            serving_file=folder / "serving.pem",
            service_account_key_file=folder / "service-account.key",
            token_file=folder / "tokens.csv",
            admin_token=secrets.token_urlsafe(24),
            tokens={user: secrets.token_urlsafe(24) for user in groups},
        )
        authority = authority or trustme.CA()
        authority.cert_pem.write_to_path(made.ca_file)
        serving = authority.issue_cert("127.0.0.1", "localhost", *hosts)
        serving.private_key_and_cert_chain_pem.write_to_path(made.serving_file)
        key = ec.generate_private_key(ec.SECP256R1())
        made.service_account_key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        lines = [f'{made.admin_token},admin,admin,"system:masters"\n']
        lines += [f'{made.tokens[user]},{user},{user},"{group}"\n' for user, group in groups.items()]
        made.token_file.write_text("".join(lines), encoding="utf-8")
        return made


def kubeconfig(*, server: str, ca_file: Path, token: str, namespace: str | None) -> str:
    """A kubeconfig with one context, as YAML."""
    context = {"cluster": "tests", "user": "tests"} | ({"namespace": namespace} if namespace else {})
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "tests", "cluster": {"server": server, "certificate-authority": str(ca_file)}}
            ],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": context}],
            "current-context": "tests",
        },
        sort_keys=False,
    )
