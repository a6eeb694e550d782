"""A node without containers: each Pod of one namespace is a process on this machine.

Plays what a cluster has around the API server, as far as workers need it: the StatefulSet
controller, the scheduler, the kubelet and the garbage collector. See README.md beside this file.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from typing import TYPE_CHECKING, Self, TypeVar

import httpx

from tests.cluster.processes.addresses import free_address
from tests.cluster.processes.garbage import orphans
from tests.cluster.processes.local_pod import LocalPod, Surroundings
from tests.cluster.processes.mirror import Mirror
from tests.cluster.processes.pod_template import fits, port_of
from tests.cluster.processes.stateful_sets import next_step, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from tests.cluster.apiclient import JsonObject
    from tests.cluster.controlplane import ControlPlane

T = TypeVar("T")

NODE_NAME = "local"
NODE_ADDRESS = "192.0.2.10"
"""What `status.hostIP` says (RFC 5737: nobody has it)."""
NODE_LABELS = {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE_NAME}

_OWNERS = {"StatefulSet": "statefulsets", "ProbePool": "probepools"}
_PATIENCE = 60.0
"""Seconds for the thread to start, to do what it is asked, and to end."""
_AGAIN_AFTER = 0.2
"""Seconds before another try where the API server refused or was not there."""
_AT_LEAST = 0.02
"""Seconds between two passes: what changes together is dealt with together."""


class LocalNode:
    """The Pods of one namespace of a control plane, in a thread of its own, from `start` to `stop`.

    Attributes:
        trouble: What the API server refused last; for a look when a test hangs.
    """

    def __init__(
        self,
        control_plane: ControlPlane,
        *,
        namespace: str,
        folder: Path,
        images: Mapping[str, Path],
        environment: Mapping[str, str] | None = None,
        links: bool = False,
    ) -> None:
        """Prepare one.

        Args:
            control_plane: Whose API server it follows, as administrator.
            namespace: Whose StatefulSets, Pods and volumes it plays.
            folder: For volumes and logs.
            images: Images that can be pulled, each with the folder that has its programs.
            environment: Added to that of every process.
            links: Whether the network to a Pod can be cut. It costs each connection a detour.
        """
        self._collects_garbage = True
        self.trouble = ""
        self._control_plane = control_plane
        self._namespace = namespace
        self._folder = folder
        self._around = Surroundings(
            images=dict(images),
            node_addresses=(NODE_ADDRESS,),
            find=self._find,
            changed=self._wake,
            environment=dict(environment or {}),
            links=links,
        )
        self._pods: dict[str, LocalPod] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._mirrors: dict[str, Mirror] = {}
        self._ended: asyncio.Event
        self._woken: asyncio.Event
        self._http: httpx.AsyncClient
        self._said: dict[str, JsonObject] = {}
        self._loop: asyncio.AbstractEventLoop
        self._running = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"node-{namespace}", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; returns when it follows the API server."""
        self._control_plane.admin.apply(
            [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}],
            namespace=self._namespace,
        )
        self._thread.start()
        if not self._running.wait(_PATIENCE):
            raise TimeoutError(f"the node of {self._namespace} did not start") from self._failure

    def stop(self) -> None:
        """End every process, and the thread. What it wrote into the API stays."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(_PATIENCE)
        if self._failure is not None:
            raise RuntimeError("the node failed") from self._failure

    # What tests ask, and the faults that they make.

    def pods(self) -> dict[str, LocalPod]:
        """The Pods that are bound to it, by name."""
        return self._do(lambda: dict(self._pods))

    def pod(self, name: str) -> LocalPod:
        """One of them.

        Raises:
            KeyError: There is none with this name now.
        """
        return self.pods()[name]

    def kill(self, name: str) -> None:
        """Crash the process of a Pod (SIGKILL); it is started again as a kubelet does."""
        self._do(self._pods[name].kill)

    def collect_garbage(self, *, on: bool) -> None:
        """Whether dependents of what was deleted go too, as in a cluster; they do at first."""

        def change() -> None:
            self._collects_garbage = on
            self._wake()

        self._do(change)

    def sync_volumes_after(self, seconds: float | None) -> None:
        """From now on volumes follow their Secrets so much later; `None`: not at all."""

        def change() -> None:
            self._around.sync_after = seconds
            self._secrets_changed()

        self._do(change)

    def set_cut(self, name: str, *, cut: bool) -> None:
        """Cut the network to a Pod, or mend it."""
        self._do(lambda: self._pods[name].set_cut(cut=cut))

    def set_lost(self, name: str, *, lost: bool) -> None:
        """Lose the node under a Pod: its machine stands still, and Kubernetes says so; or have it back."""
        self._do(lambda: self._pods[name].set_lost(lost=lost))

    def set_disk_full(self, name: str, *, full: bool) -> None:
        """Let nothing be written any more on behalf of a Pod, or again."""
        self._do(lambda: self._pods[name].set_disk_full(full=full))

    def damage(
        self, name: str, volume: str, change: Callable[[dict[str, bytes]], Mapping[str, bytes]]
    ) -> None:
        """Change what is mounted, behind everybody's back, until the next sync."""
        self._do(lambda: self._pods[name].damage(volume, change))

    def sync_volumes(self) -> None:
        """Have all volumes looked after now, as a kubelet does each minute."""
        self._do(self._secrets_changed)

    def set_image(self, image: str, programs: Path | None) -> None:
        """Have an image in the registry, with these programs; `None`: not any more."""

        def change() -> None:
            self._around.images.pop(image, None)
            if programs is not None:
                self._around.images[image] = programs

        self._do(change)

    def _do(self, work: Callable[[], T]) -> T:
        """Do something in the node's thread, and return what it returned."""

        async def call() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_PATIENCE)

    # Its thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - told by `stop`, in the thread of the tests
            self._failure = error

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended, self._woken = asyncio.Event(), asyncio.Event()
        plane = self._control_plane
        async with httpx.AsyncClient(
            base_url=plane.url,
            headers={"Authorization": f"Bearer {plane.admin_token}"},
            verify=ssl.create_default_context(cafile=plane.ca_file),
            timeout=30.0,
            trust_env=False,
        ) as self._http:
            self._mirrors = self._make_mirrors()
            following = [asyncio.create_task(mirror.run()) for mirror in self._mirrors.values()]
            following.append(asyncio.create_task(self._keep_reconciling()))
            try:
                await self._ended.wait()
            finally:
                tasks = [*following, *self._tasks.values()]
                for task in tasks:
                    _cancel_once(task)
                await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _make_mirrors(self) -> dict[str, Mirror]:
        namespaced = f"namespaces/{self._namespace}"
        paths = {
            "statefulsets": f"/apis/apps/v1/{namespaced}/statefulsets",
            "pods": f"/api/v1/{namespaced}/pods",
            "secrets": f"/api/v1/{namespaced}/secrets",
            "configmaps": f"/api/v1/{namespaced}/configmaps",
            "services": f"/api/v1/{namespaced}/services",
            "poddisruptionbudgets": f"/apis/policy/v1/{namespaced}/poddisruptionbudgets",
            "networkpolicies": f"/apis/networking.k8s.io/v1/{namespaced}/networkpolicies",
            "probepools": "/apis/pollwatch.dev/v1alpha1/probepools",
        }
        data = {"secrets", "configmaps"}
        return {
            kind: Mirror(self._http, path, changed=self._secrets_changed if kind in data else self._wake)
            for kind, path in paths.items()
        }

    def _wake(self) -> None:
        self._woken.set()

    def _secrets_changed(self) -> None:
        self._woken.set()
        for pod in self._pods.values():
            pod.secrets_changed()

    def _find(self, kind: str, name: str) -> JsonObject | None:
        return self._mirrors[f"{kind.lower()}s"].objects.get(name)

    async def _keep_reconciling(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            if not all(mirror.listed for mirror in self._mirrors.values()):
                continue
            try:
                await self._reconcile()
                self._running.set()
            except httpx.HTTPError as error:
                self.trouble = str(error)
                await asyncio.sleep(_AGAIN_AFTER)
                self._woken.set()
            await asyncio.sleep(_AT_LEAST)

    async def _reconcile(self) -> None:
        pods = self._mirrors["pods"]
        for stateful_set in list(self._mirrors["statefulsets"].objects.values()):
            step = next_step(stateful_set, pods.objects.values())
            for pod in step.delete:
                await self._delete(pods, pod)
            for pod in step.create:
                await self._create(pods, pod)
            await self._say("statefulsets", stateful_set, status_of(stateful_set, pods.objects.values()))
        for pod in list(pods.objects.values()):
            if "nodeName" not in pod["spec"]:
                await self._schedule(pods, pod)
        await self._run_pods(pods)
        if self._collects_garbage:
            await self._collect_garbage()

    async def _schedule(self, pods: Mirror, pod: JsonObject) -> None:
        name = pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            return
        if not fits(pod, NODE_LABELS):
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
            }
            await self._say("pods", pod, {"phase": "Pending", "conditions": [condition]})
            return
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME},
        }
        response = await self._http.post(f"{pods.path}/{name}/binding", json=binding)
        if response.status_code not in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND}:
            response.raise_for_status()

    async def _run_pods(self, pods: Mirror) -> None:
        bound = {name: pod for name, pod in pods.objects.items() if "nodeName" in pod["spec"]}
        for name, local in list(self._pods.items()):
            if local.is_lost and name in bound:
                # No kubelet hears that it is to go.
                await self._say("pods", bound[name], local.status())
            else:
                await self._run_pod(pods, local, bound.get(name))
        for name, pod in bound.items():
            if name not in self._pods:
                if "deletionTimestamp" in pod["metadata"]:
                    await self._delete(pods, pod, grace_seconds=0)
                else:
                    self._begin(name, pod)

    async def _run_pod(self, pods: Mirror, local: LocalPod, pod: JsonObject | None) -> None:
        task = self._tasks[local.name]
        if task.done() and not task.cancelled():
            task.result()
        gone = pod is None or pod["metadata"]["uid"] != local.uid
        if gone or (pod is not None and "deletionTimestamp" in pod["metadata"]):
            _cancel_once(task)
        if task.done():
            del self._pods[local.name], self._tasks[local.name]
            if pod is not None and not gone:
                await self._delete(pods, pod, grace_seconds=0)
        elif pod is not None and not task.cancelling():
            await self._say("pods", pod, local.status())

    def _begin(self, name: str, pod: JsonObject) -> None:
        local = LocalPod(
            pod,
            self._around,
            address=free_address(port_of(pod)),
            folder=self._folder / f"{name}-{pod['metadata']['uid'][:8]}",
        )
        task = asyncio.create_task(local.run(), name=name)
        task.add_done_callback(lambda _: self._wake())
        self._pods[name], self._tasks[name] = local, task

    async def _collect_garbage(self) -> None:
        living = {
            document["metadata"]["uid"]
            for plural in _OWNERS.values()
            for document in self._mirrors[plural].objects.values()
        }
        for kind, mirror in self._mirrors.items():
            if kind != "probepools":
                for orphan in list(orphans(mirror.objects.values(), owner_kinds=_OWNERS, living=living)):
                    if "deletionTimestamp" not in orphan["metadata"]:
                        await self._delete(mirror, orphan)

    async def _create(self, mirror: Mirror, document: JsonObject) -> None:
        response = await self._http.post(mirror.path, json=document)
        if response.status_code == httpx.codes.CONFLICT:
            return
        response.raise_for_status()
        mirror.take(response.json())

    async def _delete(self, mirror: Mirror, document: JsonObject, grace_seconds: int | None = None) -> None:
        options: JsonObject = {"preconditions": {"uid": document["metadata"]["uid"]}}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        name = document["metadata"]["name"]
        response = await self._http.request("DELETE", f"{mirror.path}/{name}", json=options)
        if response.status_code not in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND}:
            response.raise_for_status()

    async def _say(self, kind: str, document: JsonObject, status: JsonObject) -> None:
        mirror, metadata = self._mirrors[kind], document["metadata"]
        if self._said.get(metadata["uid"]) == status:
            return
        patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
        response = await self._http.patch(
            f"{mirror.path}/{metadata['name']}/status",
            content=json.dumps(patch),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if response.status_code not in {httpx.codes.CONFLICT, httpx.codes.NOT_FOUND}:
            response.raise_for_status()
            self._said[metadata["uid"]] = status
            mirror.take(response.json())


def _cancel_once(task: asyncio.Task[None]) -> None:
    # A second time would interrupt the ending of what was told to end.
    if not task.cancelling():
        task.cancel()
