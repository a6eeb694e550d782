"""Secrets and ConfigMaps that Checks refer to, wherever they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Data = Mapping[str, bytes]
"""The data of a Secret or of a ConfigMap, decoded."""


class Resources(Protocol):
    """What can be referred to."""

    def secret(self, namespace: str, name: str) -> Data | None:
        """Return the data of a Secret; `None`: there is none of this name."""
        ...

    def config_map(self, namespace: str, name: str) -> Data | None:
        """Return the data of a ConfigMap; `None`: there is none of this name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenResources:
    """Secrets and ConfigMaps at hand, by namespace and name."""

    secrets: Mapping[tuple[str, str], Data] = field(default_factory=dict, repr=False)
    config_maps: Mapping[tuple[str, str], Data] = field(default_factory=dict)

    def secret(self, namespace: str, name: str) -> Data | None:
        """Return the data of a Secret; `None`: there is none of this name."""
        return self.secrets.get((namespace, name))

    def config_map(self, namespace: str, name: str) -> Data | None:
        """Return the data of a ConfigMap; `None`: there is none of this name."""
        return self.config_maps.get((namespace, name))
