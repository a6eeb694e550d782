"""One leader among the operators, by a Lease.

The election is the Kubernetes client's (`kubernetes.aio.leaderelection`, 37.0). What is mended here: it
trusts the wall clock; it ends with the first error that is not the API server's own; it leads on for a
while after another has the Lease, or while a request hangs; it does not give the Lease back. Its lock
cannot create a Lease (it sends `pretty=True` where the client wants a text), and writes local times as
if they were UTC.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from kubernetes.aio.client import ApiClient, ApiException, V1Lease, V1LeaseSpec, V1ObjectMeta
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from pollwatch.control.credentials import Credentials
from pollwatch.control.lease import LEASE
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import Clock

LEASE_SECONDS = 8
"""For so long after the last renewal that it saw, a follower leaves the Lease to its holder."""

RENEW_SECONDS = 5
"""For so long after it began the last renewal that succeeded, the leader leads."""

RETRY_SECONDS = 1
"""Between two looks at the Lease, of the leader and of followers."""

REQUEST_SECONDS = 2.0
"""What a request may take: a read and a write fit into `RENEW_SECONDS`."""

HELD_SECONDS = 15.0
"""An operator that has done nothing for so long does not keep the Lease: it has work, and does not get to
it, or it is stuck."""


class Election:
    """Takes part in the election, and runs what only the leader may do while it is that.

    It may have an event loop of its own: `leading` can be asked from any thread.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        namespace: str,
        identity: str,
        metrics: ControlMetrics,
        clock: Clock,
        held_for: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Wire it.

        Args:
            credentials: the way to the API server. The election has connections of its own, so
                that a renewal waits for nobody.
            namespace: where the Lease is.
            identity: who we are, for people: the name of the Pod or host. It is made unique, for
                a process that is started anew is another candidate.
            metrics: shows who leads, and counts requests.
            clock: now.
            held_for: gives for how many seconds those who lead have done nothing, where the election
                goes on without them.
        """
        self._client = ApiClient(credentials.configuration)
        self._lock = _Lock(
            namespace=namespace,
            identity=f"{identity}_{uuid.uuid4()}",
            client=self._client,
            credentials=credentials,
            metrics=metrics,
            clock=clock,
        )
        self._elector = _Elector(self._lock, clock=clock, held_for=held_for)
        self._metrics = metrics
        self._clock = clock
        self._leads = False
        self._log = structlog.get_logger("pollwatch.election")

    @property
    def identity(self) -> str:
        """Who we are in the Lease."""
        return str(self._lock.identity)

    @property
    def leading(self) -> bool:
        """Whether we are the leader at this moment, also by the clock.

        Asked right before a write: a process that stood still for longer than its Lease (SIGSTOP,
        a loop that was held) is told no before anybody has found time to cancel what it does.
        """
        return self._leads and self._remaining() > 0.0

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Be a follower until the Lease is ours, lead until it is lost, and so on.

        `lead` is cancelled as soon as somebody else has the Lease, and `RENEW_SECONDS` after the
        last renewal, whatever hangs. When this is cancelled, or `lead` returns or fails, the Lease
        is given back, so that another operator takes it at once.
        """
        try:
            while True:
                await self._elector.acquire()
                if await self._lead(lead):
                    return
        finally:
            await self._lock.release()
            await self._client.close()

    async def _lead(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Lead until the Lease is lost; return whether `lead` ended by itself."""
        self._leads = True
        self._metrics.leader.set(1)
        self._metrics.leader_terms.inc()
        self._log.info("leading", identity=self.identity)
        leading = asyncio.create_task(lead(), name="lead")
        until = [
            asyncio.create_task(self._elector.renew_loop(), name="renew"),
            asyncio.create_task(self._elector.deposed.wait(), name="deposed"),
            asyncio.create_task(self._expire(), name="expire"),
        ]
        ended = False
        try:
            await asyncio.wait([leading, *until], return_when=asyncio.FIRST_COMPLETED)
            ended = leading.done()
        finally:
            self._leads = False
            self._metrics.leader.set(0)
            for task in (leading, *until):
                task.cancel()
            await asyncio.wait([leading, *until])
            self._log.info(
                "not leading any more",
                identity=self.identity,
                holder=self._elector.holder,
                seconds_since_renewal=round(self._clock.monotonic() - self._elector.renewed_at, 1),
            )
        if ended:
            leading.result()
        return ended

    def _remaining(self) -> float:
        return self._elector.renewed_at + RENEW_SECONDS - self._clock.monotonic()

    async def _expire(self) -> None:
        """Return when the last renewal is too long ago."""
        remaining = self._remaining()
        while remaining > 0.0:
            await asyncio.sleep(remaining)
            remaining = self._remaining()


class _Elector(LeaderElection):
    """The client's election, on a clock that nobody can set."""

    def __init__(self, lock: "_Lock", *, clock: Clock, held_for: Callable[[], float]) -> None:
        super().__init__(
            Config(
                lock,
                lease_duration=LEASE_SECONDS,
                renew_deadline=RENEW_SECONDS,
                retry_period=RETRY_SECONDS,
                # What is run by `LeaderElection.run`, which cancels it and does not wait for its end.
                onstarted_leading=_nothing,
                onstopped_leading=_nothing,
            )
        )
        self.renewed_at = clock.monotonic()
        """When the request began by which the Lease became ours, or was renewed, last."""
        self.deposed = asyncio.Event()
        """Set while the Lease is known to be somebody else's."""
        self._clock = clock
        self._held_for = held_for
        self._observed_at = clock.monotonic()
        """When the Lease was seen to change."""
        self._log = structlog.get_logger("pollwatch.election")

    @property
    def holder(self) -> str:
        """Who has the Lease, as far as we know."""
        record = self.observed_record
        return "" if record is None else str(record.holder_identity or "")

    async def try_acquire_or_renew(self) -> bool:
        """Take the Lease if it is free, or renew it if it is ours."""
        if (held := self._held_for()) > HELD_SECONDS:
            self._log.warning("the Lease is left to others: nothing gets done here", seconds=round(held, 1))
            return False
        started, observed = self._clock.monotonic(), self.observed_record
        # The base class compares this with the wall clock, which may have been set since.
        age = started - self._observed_at
        self.observed_time_milliseconds = int((time.time() - age) * 1000)
        try:
            succeeded = bool(await super().try_acquire_or_renew())
        except Exception:  # noqa: BLE001 - an election outlives whatever an API server, or a proxy, says
            self._log.exception("the Lease could not be judged; trying again")
            succeeded = False
        if self.observed_record is not observed:
            self._observed_at = self._clock.monotonic()
        if succeeded:
            self.renewed_at = started
            self.deposed.clear()
        elif self.holder != self.election_config.lock.identity:
            self.deposed.set()
        return succeeded


class _Lock(LeaseLock):
    """The client's lock on a Lease; every failure of it is a no, and none takes long."""

    def __init__(
        self,
        *,
        namespace: str,
        identity: str,
        client: ApiClient,
        credentials: Credentials,
        metrics: ControlMetrics,
        clock: Clock,
    ) -> None:
        super().__init__(LEASE, namespace, identity, client)
        self._credentials = credentials
        self._metrics = metrics
        self._clock = clock
        self._works = True
        self._written_last = False
        """Whether `lease_reference` is what the API server answered to a write of ours."""
        self._log = structlog.get_logger("pollwatch.election")

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        """Read the Lease; where that fails, say why.

        Right after we wrote it, what was answered then will do, as in client-go: where somebody
        else wrote it since, the API server turns our next write away, and it is read indeed.
        """
        if self._written_last and self.lease_reference is not None:
            self._written_last = False
            return True, self.election_record(self.lease_reference)
        try:
            self.lease_reference = await self._attempt(
                "get", partial(self.api_instance.read_namespaced_lease, name, namespace)
            )
        except ApiException as error:
            return False, error
        return True, self.election_record(self.lease_reference)

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        """Create the Lease as ours."""
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        request = partial(self.api_instance.create_namespaced_lease, namespace, lease)
        return await self._write("create", request)

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        """Write the Lease as it was read, changed by a record; whoever wrote it since, wins."""
        lease = self.lease_reference
        if lease is None:
            return False
        lease.spec = self.update_lease(updated_record, lease.spec)
        request = partial(self.api_instance.replace_namespaced_lease, name, namespace, lease)
        return await self._write("update", request)

    async def release(self) -> None:
        """Give the Lease back, if it is ours; where that fails, it runs out."""
        self._written_last = False
        held, record = await self.get(self.name, self.namespace)
        if held and isinstance(record, LeaderElectionRecord) and record.holder_identity == self.identity:
            nobody = LeaderElectionRecord("", "1", None, None)
            released = await self.update(self.name, self.namespace, nobody)
            self._log.info("lease given back" if released else "lease not given back: it runs out")

    def update_lease(
        self, leader_election_record: LeaderElectionRecord, current_spec: V1LeaseSpec | None = None
    ) -> V1LeaseSpec:
        """Write a record into a Lease, as client-go does: in UTC, and counting the transitions."""
        spec = current_spec or V1LeaseSpec()
        holder = leader_election_record.holder_identity
        now = datetime.fromtimestamp(self._clock.time(), UTC)
        if spec.holder_identity != holder or spec.acquire_time is None:
            spec.acquire_time = now
            if holder:
                spec.lease_transitions = (spec.lease_transitions or 0) + 1 if current_spec else 0
        spec.holder_identity = holder
        spec.lease_duration_seconds = int(leader_election_record.lease_duration or LEASE_SECONDS)
        spec.renew_time = _with_microseconds(now)
        spec.acquire_time = _with_microseconds(spec.acquire_time)
        return spec

    async def _write(self, verb: str, request: Callable[[], Awaitable[V1Lease]]) -> bool:
        self._written_last = False
        try:
            self.lease_reference = await self._attempt(verb, request)
        except ApiException:
            return False
        self._written_last = True
        return True

    async def _attempt(self, verb: str, request: Callable[[], Awaitable[V1Lease]]) -> V1Lease:
        """Send a request. Whatever goes wrong with it is an `ApiException`, as the election expects."""
        started, code = self._clock.monotonic(), 0
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                # Loads what a kubeconfig says anew, now and then.
                await self._credentials.access()
                lease = await request()
            code = HTTPStatus.CREATED if verb == "create" else HTTPStatus.OK
        except ApiException as error:
            code = error.status or 0
            if error.status == HTTPStatus.UNAUTHORIZED:
                self._credentials.refused()
            if error.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                self._failed(f"HTTP {error.status}: {error.reason}")
            raise
        except Exception as error:
            # Connection, TLS, time, credentials, an answer that is no Lease.
            self._failed(str(error).partition("\n")[0] or type(error).__name__)
            raise ApiException(reason=str(error)) from error
        finally:
            self._metrics.count_request(verb, code, self._clock.monotonic() - started)
        if not self._works:
            self._log.info("the Lease can be reached again")
        self._works = True
        return lease

    def _failed(self, error: str) -> None:
        """Tell once that the Lease cannot be read or written."""
        if self._works:
            self._log.warning("the Lease cannot be reached; trying again", lease=LEASE, error=error)
        self._works = False


async def _nothing() -> None:
    """Do nothing."""


def _with_microseconds(moment: datetime) -> datetime:
    """Avoid a whole second: the client prints no fraction of it, and `metav1.MicroTime` wants six digits."""
    return moment.replace(microsecond=moment.microsecond or 1)
