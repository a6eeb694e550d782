"""The one place that knows kopf: it watches, and puts what it sees into the inbox.

kopf runs in a thread and an event loop of its own. When it ends, for whatever reason, it
cancels every task that was begun in its loop since: those must not be our probes. And
what it costs per event is not paid by the loop that probes.

Only `on.event` handlers are used. They write nothing: no annotation, no finalizer.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import kopf
import structlog
from kopf._core.engines.peering import Identity

from pollwatch.control.api_calls import traced
from pollwatch.control.cluster import Resource
from pollwatch.control.credentials import Credentials
from pollwatch.control.inbox import Change, Inbox
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.side_loop import CLOSING
from pollwatch.control.work_queue import backoff

STOP_TIMEOUT = 5.0
"""Seconds that kopf is given to end; its thread does not keep the process alive."""

IDENTITY = Identity("pollwatch")
"""For peering, which is not used. kopf would ask for the name of our user, which a container may not have.
The type is not exported, although `kopf.operator` takes one."""

LOGIN_LIFETIME = timedelta(minutes=10)
"""How long credentials are used before they are asked for again: tokens of Pods are rotated."""

HEALTHY = 60.0
"""Seconds after which a watch counts as one that ran well: the next failure is a first one."""


RELISTED_ONCE = 5.0
"""Seconds in which objects that are listed belong to one list."""


class Watch:
    """Keeps one session of kopf running: some resources, in some namespaces."""

    def __init__(
        self,
        *,
        resources: Sequence[Resource],
        inbox: Inbox,
        credentials: Credentials,
        namespaces: Sequence[str],
        metrics: ControlMetrics,
        started: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        """Wire it.

        Args:
            resources: what to watch; of each kind one at most, as kopf narrows by kind.
            inbox: takes what is seen.
            credentials: how to reach the API server.
            namespaces: where to watch; empty: all. What has no namespace is watched anyhow.
            metrics: counts restarts.
            started: called each time that the watch is begun, or begun anew.
            random: numbers in [0, 1), for backoff.
        """
        self._resources = resources
        self._inbox = inbox
        self._credentials = credentials
        self._namespaces = namespaces
        self._metrics = metrics
        self._started = started
        self._random = random
        self._log = structlog.get_logger("pollwatch.watch")

    async def run(self) -> None:
        """Watch, for ever: what kopf gives up on (an error in a stream, no access) is begun anew."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            started = loop.time()
            failure = await self._run_once(loop)
            failures = 1 if loop.time() - started > HEALTHY else failures + 1
            delay = backoff(failures, jitter=self._random())
            self._metrics.watch_restarts.inc()
            self._log.warning("watch ended; starting it again", seconds=round(delay, 1), error=failure)
            await asyncio.sleep(delay)

    async def _run_once(self, loop: asyncio.AbstractEventLoop) -> str:
        """Run kopf until it ends; return why it did."""
        ended: asyncio.Future[str] = loop.create_future()
        session = _Session(self._registry(loop), _settings(self._resources), self._namespaces)

        def tell(failure: str) -> None:
            if not ended.done():
                ended.set_result(failure)

        def main() -> None:
            failure = session.run()
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, failure)

        thread = threading.Thread(target=main, name="watch", daemon=True)
        thread.start()
        self._started()
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            session.stop()
            await asyncio.wait([ended], timeout=STOP_TIMEOUT)
            raise

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        relisted = _Relisted(lambda: loop.call_soon_threadsafe(self._started))
        kopf.on.login(id="login", registry=registry)(self._login)
        for resource in self._resources:
            kopf.on.event(
                resource.group, resource.version, resource.plural, id=resource.kind, registry=registry
            )(self._handler(resource, relisted))
        return registry

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        """Make the session that kopf makes of a `ConnectionInfo`, and have its requests counted."""
        access = await self._credentials.access()
        way = kopf.ConnectionInfo(
            server=access.server,
            ca_path=access.ca_file,
            insecure=not access.verify,
            certificate_path=access.certificate_file,
            private_key_path=access.key_file,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=way.as_ssl_context()),
            headers={"Authorization": access.token} if access.token else None,
            proxy=access.proxy,
            trust_env=access.proxies,
            trace_configs=[traced(self._metrics)],
        )
        return kopf.AiohttpSession(
            server=access.server, aiohttp_session=session, expiration=datetime.now(UTC) + LOGIN_LIFETIME
        )

    def _handler(self, resource: Resource, relisted: "_Relisted") -> Callable[..., Any]:
        inbox = self._inbox

        async def handle(event: kopf.RawEvent, **_: Any) -> None:
            if event["type"] is None:
                relisted.note()
            inbox.put(Change(resource=resource, document=event["object"], deleted=event["type"] == "DELETED"))

        return handle


class _Relisted:
    """Notes each object that kopf lists, and tells once that it does.

    It lists anew by itself after an outage, and says nothing of what was deleted until then.
    """

    def __init__(self, tell: Callable[[], object]) -> None:
        self._tell = tell
        self._told = -math.inf

    def note(self) -> None:
        now = time.monotonic()
        if now - self._told > RELISTED_ONCE:
            self._told = now
            self._tell()


class _Session:
    """One run of kopf, in the thread that calls `run`."""

    def __init__(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, namespaces: Sequence[str]
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._namespaces = namespaces
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()

    def run(self) -> str:
        """Run until `stop` or failure; return what went wrong, in words."""
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - whatever kopf dies of, the watch is begun anew
            return f"{type(error).__name__}: {error}"
        return "kopf ended by itself"

    def stop(self) -> None:
        """End the run; may be called from any thread."""
        self._stopping.set()
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return
        await kopf.operator(
            registry=self._registry,
            settings=self._settings,
            standalone=True,
            identity=IDENTITY,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )
        await asyncio.sleep(CLOSING)


class _NoDiffs(kopf.DiffBaseStorage):
    """Spares copying each object to tell what changed in it, which a third of the CPU was spent on.

    It is for handlers of changes, and there are none.
    """

    def build(self, **_: Any) -> Any:
        """Say that there is nothing to compare."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Say that nothing was seen before."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class _NoProgress(kopf.ProgressStorage):
    """Spares looking for what handlers of changes have done so far: there are none."""

    def fetch(self, **_: Any) -> None:
        """Say that nothing was done."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Leave all as it is."""

    def touch(self, **_: Any) -> None:
        """Leave all as it is."""

    def clear(self, *, essence: Any) -> Any:
        """Give what is to be compared as it is."""
        return essence


def _settings(resources: Sequence[Resource]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    # Watching CRDs and namespaces would need rights that nothing else needs.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 0.5
    # An int: it is sent as it is, and the API server takes no fraction.
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.enforce_retry_after = True
    settings.process.ultimate_exiting_timeout = None
    for resource in resources:
        selector = (resource.group, resource.version, resource.plural)
        if resource.field_selector:
            settings.watching.field_selectors[selector] = resource.field_selector
        if resource.label_selector:
            settings.watching.label_selectors[selector] = resource.label_selector
    return settings
