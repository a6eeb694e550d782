"""A copy of a collection is what the API server has, whichever answer comes last."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import httpx

from tests.cluster.processes.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.controlplane import ControlPlane


async def test_an_answer_that_comes_after_the_deletion_of_its_object_does_not_bring_it_back(
    control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    changed = asyncio.Event()
    async with httpx.AsyncClient(
        base_url=control_plane.url,
        headers={"Authorization": f"Bearer {control_plane.admin_token}"},
        verify=ssl.create_default_context(cafile=control_plane.ca_file),
        trust_env=False,
    ) as http:
        mirror = Mirror(http, path, changed=changed.set)
        following = asyncio.create_task(mirror.run())

        async def wait_until(outcome: Callable[[], bool]) -> None:
            async with asyncio.timeout(30.0):
                while not outcome():
                    await changed.wait()
                    changed.clear()

        await wait_until(lambda: mirror.listed)
        answered = (await http.post(path, json={"metadata": {"name": "brief"}})).json()
        mirror.take(answered)
        assert "brief" in mirror.objects, "an answer is ahead of the watch"
        (await http.delete(f"{path}/brief")).raise_for_status()
        await wait_until(lambda: not mirror.objects)
        mirror.take(answered)
        assert "brief" not in mirror.objects
        following.cancel()
        await asyncio.wait([following])
