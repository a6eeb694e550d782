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
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files that the API server reads.

    Attributes:
        ca_file: The authority that clients trust.
        serving_file: The API server's key and certificate chain for 127.0.0.1 and localhost.
        service_account_key_file: Signs the tokens of service accounts.
        token_file: `--token-auth-file`: the administrator.
        admin_token: The bearer token of the administrator, a member of `system:masters`.
    """

    ca_file: Path
    serving_file: Path
    service_account_key_file: Path
    token_file: Path
    admin_token: str

    @classmethod
    def create(cls, folder: Path) -> Credentials:
        """Make them, below `folder`."""
        made = cls(
            ca_file=folder / "ca.crt",
            serving_file=folder / "serving.pem",
            service_account_key_file=folder / "service-account.key",
            token_file=folder / "tokens.csv",
            admin_token=secrets.token_urlsafe(24),
        )
        authority = trustme.CA()
        authority.cert_pem.write_to_path(made.ca_file)
        serving = authority.issue_cert("127.0.0.1", "localhost")
        serving.private_key_and_cert_chain_pem.write_to_path(made.serving_file)
        key = ec.generate_private_key(ec.SECP256R1())
        made.service_account_key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        made.token_file.write_text(f'{made.admin_token},admin,admin,"system:masters"\n', encoding="utf-8")
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
