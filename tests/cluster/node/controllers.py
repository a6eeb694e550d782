"""The command lines of the controller manager and the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.node.credentials import CONTROLLER_MANAGER, SCHEDULER, NodeCredentials
from tests.cluster.node.mounts import STATE
from tests.cluster.node.network import POD_RANGE

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALONE = ("--leader-elect=false", "--secure-port=0")


def controller_manager_arguments(credentials: NodeCredentials, *, server: str) -> Sequence[str]:
    """What kube-controller-manager is started with."""
    return (
        *_ALONE,
        f"--kubeconfig={credentials.kubeconfig(CONTROLLER_MANAGER, server=server)}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={credentials.api.service_account_key_file}",
        f"--root-ca-file={credentials.api.ca_file}",
        f"--cluster-cidr={POD_RANGE}",
        "--allocate-node-cidrs",
        f"--flex-volume-plugin-dir={STATE / 'volume-plugins'}",
    )


def scheduler_arguments(credentials: NodeCredentials, *, server: str) -> Sequence[str]:
    """What kube-scheduler is started with."""
    return (*_ALONE, f"--kubeconfig={credentials.kubeconfig(SCHEDULER, server=server)}")
