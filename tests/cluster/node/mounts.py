"""Folders of the machine that a node would write to, replaced inside its mount namespace."""

from __future__ import annotations

import subprocess
from pathlib import Path

STATE = Path("/run/node")
"""What dies with the node: etcd's data, images, containers, volumes, sockets. In memory."""

_KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def shield_machine(logs: Path) -> None:
    """Put folders of the node's own over the machine's; to be called in a mount namespace of its own.

    A fresh `/run` holds `STATE` and every socket; what is written to `/var/log` (the kubelet knows
    no other folder for pods) goes to `logs`, what is written below `/var/lib` to memory; kernel
    settings that the kubelet changes are copies.
    """
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    STATE.mkdir()
    _mount("--bind", str(logs), "/var/log")
    copies = STATE / "kernel-settings"
    for setting in _KERNEL_SETTINGS:
        original = Path("/proc/sys") / setting
        copy = copies / setting
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(original.read_bytes())
        _mount("--bind", str(copy), str(original))
    # Paths below it are built into kubelet and containerd; a checkout or a cache may be there, too.
    _mount("-t", "overlay", "-o", _over("/var/lib", STATE / "var-lib"), "overlay", "/var/lib")


def _over(folder: str, changes: Path) -> str:
    """Options of an overlay that shows a folder, and keeps changes of it elsewhere."""
    upper, work = changes / "upper", changes / "work"
    upper.mkdir(parents=True)
    work.mkdir()
    return f"lowerdir={folder},upperdir={upper},workdir={work}"


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)
