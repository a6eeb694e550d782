"""Keys, certificates and tokens of the parts of a node, all of one authority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from tests.cluster.credentials import Credentials, kubeconfig
from tests.cluster.node.network import API_SERVER_ADDRESS, API_SERVICE_ADDRESS, CLUSTER_DOMAIN, NODE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

NODE_NAME = "node"

KUBELET = f"system:node:{NODE_NAME}"
CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
PROXY = "system:kube-proxy"

_GROUPS = {
    KUBELET: "system:nodes",
    # The roles of these are bound to their names.
    CONTROLLER_MANAGER: "system:authenticated",
    SCHEDULER: "system:authenticated",
    PROXY: "system:authenticated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCredentials:
    """Files that the programs of a node read.

    Attributes:
        api: Those of the API server, and a token for each other program.
        kubelet_serving_file: The kubelet's key and certificate, for the node's address.
        kubelet_client_file: What the API server shows to the kubelet, for `exec` and `logs`.
        folder: Where all of them are.
    """

    api: Credentials
    kubelet_serving_file: Path
    kubelet_client_file: Path
    folder: Path

    @classmethod
    def create(cls, folder: Path) -> NodeCredentials:
        """Make them in an existing folder."""
        authority = trustme.CA()
        made = cls(
            api=Credentials.create(
                folder,
                authority=authority,
                hosts=(
                    API_SERVER_ADDRESS,
                    API_SERVICE_ADDRESS,
                    "kubernetes.default.svc",
                    f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
                ),
                users=_GROUPS,
            ),
            kubelet_serving_file=folder / "kubelet.pem",
            kubelet_client_file=folder / "kubelet-client.pem",
            folder=folder,
        )
        serving = authority.issue_cert(NODE_ADDRESS)
        serving.private_key_and_cert_chain_pem.write_to_path(made.kubelet_serving_file)
        # Go refuses a certificate without any subject alternative name.
        client = authority.issue_cert(
            "kube-apiserver", common_name="kube-apiserver", organization_name="system:masters"
        )
        client.private_key_and_cert_chain_pem.write_to_path(made.kubelet_client_file)
        return made

    def kubeconfig(self, user: str, *, server: str) -> Path:
        """A kubeconfig with the rights of one of the programs."""
        path = self.folder / f"{user.rpartition(':')[2]}.kubeconfig"
        text = kubeconfig(
            server=server, ca_file=self.api.ca_file, token=self.api.tokens[user], namespace=None
        )
        path.write_text(text, encoding="utf-8")
        return path
