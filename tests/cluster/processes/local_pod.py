"""One Pod as its kubelet runs it: volumes, one process, probes, restarts, and what is said of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from tests.cluster.process import Program
from tests.cluster.processes.addresses import inner_address
from tests.cluster.processes.atomic_volume import read_volume, write_atomically
from tests.cluster.processes.link import Link
from tests.cluster.processes.pod_template import (
    ConfigError,
    command_of,
    container_of,
    environment_of,
    port_of,
    probe_path,
)
from tests.cluster.processes.volumes import NotThereError, data_of, files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.cluster.apiclient import JsonObject

LOOK_EVERY = 0.05
"""Seconds between two looks at a process, or for what is missing."""
_BACK_OFF = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each restart of a container that crashes; a kubelet has a twentieth of the hurry."""
_STABLE_AFTER = 10.0
"""Seconds of running that forgive the crashes before."""
_PROBE_UNREADY, _PROBE_READY = 0.1, 1.0
"""Seconds between probes of readiness."""


@dataclass(kw_only=True)
class Surroundings:
    """What a Pod finds on its node. Faults change it while Pods run."""

    images: dict[str, Path]
    """Images that can be pulled: for each the folder with its programs."""
    node_addresses: tuple[str, ...]
    find: Callable[[str, str], JsonObject | None]
    """A Secret or ConfigMap by kind and name."""
    changed: Callable[[], None]
    """Called when the status of a Pod may have changed."""
    environment: dict[str, str]
    """Added to the environment of every process."""
    sync_after: float | None = 0.0
    """Seconds from a change of a Secret to the change of the volume; `None`: never."""
    links: bool = False
    """Whether new Pods get a `Link`, so that the network to them can be cut."""


class LocalPod:
    """A Pod that is bound to this node.

    Attributes:
        pod: The object, as it was when it was bound.
        address: Its IP address.
        restarts: How often its container was started anew.
        ready: Whether its readiness probe succeeded last.
        is_lost: Whether its node is.
        started: When its process was started last, `time.monotonic`.
    """

    def __init__(self, pod: JsonObject, surroundings: Surroundings, *, address: str, folder: Path) -> None:
        self.pod = pod
        self.address = address
        self.restarts = 0
        self.ready = False
        self.started: float | None = None
        self.disk_is_full = False
        self.is_lost = False
        self.log = folder / "container.log"
        self._around = surroundings
        self._folder = folder
        self._port = port_of(pod)
        self._program: Program | None = None
        self._waiting: tuple[str, str] | None = ("ContainerCreating", "")
        self._last_exit: int | None = None
        self._mounts: dict[str, str] | None = None
        self._started_at = _now()
        self._secrets_changed = asyncio.Event()
        self._link = (
            Link((address, self._port), (inner_address(address), self._port)) if surroundings.links else None
        )
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])

    @property
    def pid(self) -> int | None:
        """The id of its process, while one runs."""
        return None if self._program is None else self._program.pid

    @property
    def process_address(self) -> str:
        """Where the process itself listens: behind the `Link` where there is one."""
        return self.address if self._link is None else inner_address(self.address)

    @property
    def url(self) -> str:
        """Where the process answers, cut off or not."""
        return f"http://{self.process_address}:{self._port}"

    def volume(self, name: str) -> Path:
        """The folder of a volume."""
        return self._folder / "volumes" / name

    def volumes(self) -> list[Path]:
        """The folders of all its volumes."""
        return sorted((self._folder / "volumes").iterdir())

    def secrets_changed(self) -> None:
        """Have the volumes looked after."""
        self._secrets_changed.set()

    async def run(self) -> None:
        """Run it until cancelled: SIGTERM and its grace period end the process then."""
        if self._link is not None:
            await self._link.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_volumes())
                group.create_task(self._keep_running())
                group.create_task(self._keep_probing())
        finally:
            self.ready = False
            await asyncio.to_thread(self._stop)
            if self._link is not None:
                await self._link.close()

    def kill(self) -> None:
        """Crash the process: SIGKILL."""
        if self._program is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._program.pid, signal.SIGKILL)

    def set_cut(self, *, cut: bool) -> None:
        """Cut the network to it, or mend it.

        Raises:
            RuntimeError: It was made without a `Link`.
        """
        if self._link is None:
            raise RuntimeError("the network to a Pod can be cut only where `links` was set before")
        self._link.cut() if cut else self._link.mend()

    def set_lost(self, *, lost: bool) -> None:
        """Have its machine stand still, as far as everybody else can tell, or go on."""
        self.is_lost = lost
        if self._program is not None:
            _signal_all(self._program.pid, signal.SIGSTOP if lost else signal.SIGCONT)
        self._secrets_changed.set()
        self._around.changed()

    def set_disk_full(self, *, full: bool) -> None:
        """Nothing can be written any more, or again: neither by its process nor into its volumes.

        The process meets EFBIG instead of ENOSPC: a limit on the size of files needs no file
        system of its own, so it works without root too, and is the same OSError to the program.
        """
        self.disk_is_full = full
        if self._program is not None and self._program.exit_code() is None:
            _limit_files(self._program.pid, full=full)
        self._secrets_changed.set()

    def damage(self, volume: str, change: Callable[[dict[str, bytes]], Mapping[str, bytes]]) -> None:
        """Change the files of a volume behind everybody's back, until the next sync."""
        folder = self.volume(volume)
        write_atomically(folder, change(read_volume(folder) or {}))

    def status(self) -> JsonObject:
        """What the kubelet writes into `status`; of a lost node the node lifecycle controller does."""
        container = container_of(self.pod)
        ready = self.ready and not self.is_lost
        state: JsonObject = (
            {"running": {"startedAt": self._started_at}}
            if self._waiting is None
            else {"waiting": {"reason": self._waiting[0], "message": self._waiting[1]}}
        )
        last: JsonObject = (
            {}
            if self._last_exit is None
            else {
                "terminated": {
                    "exitCode": self._last_exit,
                    "reason": "Error" if self._last_exit else "Completed",
                }
            }
        )
        return {
            "phase": "Running" if self._waiting is None or self.restarts else "Pending",
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": self._around.node_addresses[0],
            "hostIPs": [{"ip": address} for address in self._around.node_addresses],
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "True"},
                {"type": "ContainersReady", "status": str(self.ready)},
                {"type": "Ready", "status": str(ready)},
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": container["image"],
                    "ready": self.ready,
                    "restartCount": self.restarts,
                    "started": self._waiting is None,
                    "state": state,
                    "lastState": last,
                }
            ],
        }

    async def _keep_volumes(self) -> None:
        while True:
            await self._secrets_changed.wait()
            self._secrets_changed.clear()
            delay = self._around.sync_after
            if delay is None or self.disk_is_full or self.is_lost or self.started is None:
                continue
            if delay:
                await asyncio.sleep(delay)
            with contextlib.suppress(NotThereError):
                self._write_volumes()

    def _write_volumes(self) -> dict[str, str]:
        """Write them all; where each is mounted, and its folder."""
        for name, files in files_of(self.pod, self._around.find).items():
            folder = self.volume(name)
            folder.mkdir(parents=True, exist_ok=True)
            if files is not None:
                write_atomically(folder, files)
        return {
            mount["mountPath"].rstrip("/"): str(self.volume(mount["name"]))
            for mount in container_of(self.pod).get("volumeMounts", ())
        }

    async def _keep_running(self) -> None:
        crashes = 0
        while True:
            program = await self._start()
            self._last_exit = await _end_of(program)
            self._program, self.ready = None, False
            lived = time.monotonic() - (self.started or 0.0)
            crashes = 1 if lived > _STABLE_AFTER else crashes + 1
            pause = _BACK_OFF[min(crashes, len(_BACK_OFF)) - 1]
            if pause:
                self._say(
                    "CrashLoopBackOff",
                    f"back-off {pause:g}s restarting failed container={container_of(self.pod)['name']}"
                    f" pod={self.name}_{self.pod['metadata']['namespace']}({self.uid})",
                )
                await asyncio.sleep(pause)
            self.restarts += 1
            self._around.changed()

    async def _start(self) -> Program:
        """Start the container when everything is there that it needs."""
        container = container_of(self.pod)
        while True:
            programs = self._around.images.get(container["image"])
            if programs is None:
                self._say("ErrImagePull", f"failed to pull image {container['image']!r}: not found")
                await asyncio.sleep(4 * LOOK_EVERY)
                self._say("ImagePullBackOff", f'Back-off pulling image "{container["image"]}"')
                await asyncio.sleep(4 * LOOK_EVERY)
                continue
            try:
                return self._start_program(programs)
            except ConfigError as error:
                self._say("CreateContainerConfigError", str(error))
            except NotThereError as error:
                self._say("ContainerCreating", str(error))
            await asyncio.sleep(LOOK_EVERY)

    def _start_program(self, programs: Path) -> Program:
        environment = environment_of(self.pod, self.address, self._around.node_addresses, self._find_value)
        if self._mounts is None:
            # A container that is started again finds its volumes as they are.
            self._mounts = self._write_volumes()
        command, *arguments = command_of(
            self.pod, environment, address=self.process_address, mounts=self._mounts
        )
        self._program = Program(
            self.name,
            [programs / command, *arguments],
            log=self.log,
            folder=self._folder,
            environment={"PATH": os.environ["PATH"], "HOME": str(self._folder)}
            | self._around.environment
            | environment,
        )
        if self.disk_is_full:
            _limit_files(self._program.pid, full=True)
        self.started, self._started_at, self._waiting = time.monotonic(), _now(), None
        self._around.changed()
        return self._program

    def _find_value(self, kind: str, name: str, key: str) -> str | None:
        document = self._around.find(kind, name)
        if document is None:
            return None
        value = data_of({"kind": kind} | document).get(key)
        return None if value is None else value.decode()

    async def _keep_probing(self) -> None:
        path = probe_path(self.pod, "readinessProbe")
        async with httpx.AsyncClient(base_url=self.url, timeout=5.0, trust_env=False) as client:
            while True:
                if self.is_lost:
                    await asyncio.sleep(_PROBE_UNREADY)
                    continue
                ready = self._program is not None
                if ready and path is not None:
                    try:
                        ready = (await client.get(path)).is_success
                    except httpx.HTTPError:
                        ready = False
                if ready != self.ready and not self.is_lost:
                    self.ready = ready and self._program is not None
                    self._around.changed()
                await asyncio.sleep(_PROBE_READY if self.ready else _PROBE_UNREADY)

    def _say(self, reason: str, message: str) -> None:
        if self._waiting != (reason, message):
            self._waiting = (reason, message)
            self._around.changed()

    def _stop(self) -> None:
        if self._program is not None:
            if self.is_lost:
                _signal_all(self._program.pid, signal.SIGCONT)
            self._program.stop(grace_seconds=self.pod["spec"].get("terminationGracePeriodSeconds", 30))


async def _end_of(program: Program) -> int:
    while True:
        code = program.exit_code()
        if code is not None:
            return code
        await asyncio.sleep(LOOK_EVERY)


def _signal_all(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _limit_files(pid: int, *, full: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))


def _now() -> str:
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
