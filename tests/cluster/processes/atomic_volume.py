"""A folder that is replaced as a whole, the way a kubelet updates a mounted Secret.

The files that a container sees are links into `..data`, itself a link to a folder that is never
changed: one rename swaps all of them (kubernetes/pkg/volume/util/atomic_writer.go).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA = "..data"
_NEW_DATA = "..data_tmp"


def write_atomically(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Have the folder show exactly these files; whether that changed anything.

    Raises:
        OSError: They cannot be written. What was shown before is shown still.
    """
    if read_volume(folder) == files:
        return False
    data = folder / _DATA
    before = data.resolve() if data.is_symlink() else None
    new = _write_new(folder, files)
    link = folder / _NEW_DATA
    link.unlink(missing_ok=True)
    link.symlink_to(new.name)
    link.rename(data)
    for name in files:
        shown = folder / name
        if not shown.is_symlink():
            shown.symlink_to(f"{_DATA}/{name}")
    for shown in folder.iterdir():
        if not shown.name.startswith("..") and shown.name not in files:
            shown.unlink()
    if before is not None:
        shutil.rmtree(before)
    return True


def read_volume(folder: Path) -> dict[str, bytes] | None:
    """What the folder shows; `None` before it was written for the first time."""
    data = folder / _DATA
    if not data.is_symlink():
        return None
    return {file.name: file.read_bytes() for file in data.iterdir()}


def _write_new(folder: Path, files: Mapping[str, bytes]) -> Path:
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    try:
        for name, content in files.items():
            (new / name).write_bytes(content)
        new.chmod(0o755)
    except OSError:
        with contextlib.suppress(OSError):
            shutil.rmtree(new)
        raise
    return new
