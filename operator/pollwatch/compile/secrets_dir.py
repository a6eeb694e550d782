"""Secrets in files, as Kubernetes mounts them: `DIR/NAME/KEY`."""

from dataclasses import dataclass
from pathlib import Path

from pollwatch.compile.resources import Data, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsDirectory:
    """Resources of which the Secrets in a directory win over those of the same name elsewhere.

    The directory stands for every namespace. A file is read anew each time, so that a
    changed Secret is seen.
    """

    directory: Path
    elsewhere: Resources

    def secret(self, namespace: str, name: str) -> Data | None:
        """Return the data of a Secret; `None`: there is none of this name, or it cannot be read."""
        folder = self.directory / name
        try:
            # Kubernetes keeps the real files in `..data` and links to them; that folder is no key.
            files = [file for file in folder.iterdir() if not file.name.startswith("..") and file.is_file()]
            return {file.name: file.read_bytes() for file in files}
        except OSError:
            return self.elsewhere.secret(namespace, name)

    def config_map(self, namespace: str, name: str) -> Data | None:
        """Return the data of a ConfigMap; `None`: there is none of this name."""
        return self.elsewhere.config_map(namespace, name)
