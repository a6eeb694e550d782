"""What the operator is told on its command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.plan.egress import IPNetwork
from pollwatch.worker.process import MOST_PROBES

SYSTEM_NAMESPACE = "pollwatch-system"
"""Where the operator and its workers run, unless it is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every operator is told."""

    listen: str
    """Where metrics and health are served: `HOST:PORT`."""
    namespaces: tuple[str, ...] = ()
    """Whose Checks are served; empty: those of all namespaces."""
    kubeconfig: str | None = None
    resync_period: float = 300.0
    """Seconds between re-lists."""
    default_pool: str = "default"
    """The pool of Checks that name none; embedded: of all of them."""
    alerts: AlertSettings | None = None
    """`None`: no alert rules are written, and none are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What it is told beside that when it probes itself."""

    hosts_file: Path | None = None
    max_in_flight: int = MOST_PROBES
    """How many probes may be under way at a time."""
    allow_egress: tuple[IPNetwork, ...] = ()
    """Protected addresses that may be probed all the same."""
    protected: tuple[IPNetwork, ...] = ()
    """Addresses that are protected beside those that are everywhere: the API server's, the node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPool:
    """The pool that comes with the installation."""

    document: Mapping[str, Any]
    """A valid ProbePool, as it stands in its file."""
    owner: str | None = None
    """The ClusterRole with which it goes; `None`: it stays."""

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """What it is told beside that when pools of workers probe."""

    worker_image: str
    """Of workers whose pool names no other."""
    system_namespace: str = SYSTEM_NAMESPACE
    """Where it runs, and its workers."""
    identity: str
    """Its name among the operators: the Pod's."""
    installed_pool: InstalledPool | None = None
    """A pool to make; `None`: pools are made by others."""
