"""One probe of one target, whatever happens: the door that the rest of Pollwatch comes in by."""

import asyncio
import traceback
from pathlib import Path
from typing import Any

from pollwatch.plan.checks import Target
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.probes.evidence import make_evidence
from pollwatch.probes.failure import ProbeError, outcome_of, resources_exhausted
from pollwatch.probes.network import Network
from pollwatch.probes.registry import PROBES
from pollwatch.probes.tracing import Phase, Trace


async def take_sample(target: Target, network: Network) -> Sample:
    """Probe a target once, within its Check's timeout.

    Returns:
        The sample. A defect in Pollwatch, too, is one: outcome `Error`.

    Raises:
        asyncio.CancelledError: The task was cancelled from outside; nothing else is raised.
    """
    clock = network.clock
    started, begin = clock.time(), clock.monotonic()
    trace = Trace()
    failure: ProbeError | None = None
    deadline = _Deadline(target.check.timeout)
    try:
        await PROBES[type(target.check.probe)](target, trace, network)
    except ProbeError as error:
        # Without its traceback, which leads back to this frame: a cycle of references.
        failure = error.with_traceback(None)
    except asyncio.CancelledError:
        if not deadline.was_the_cause():
            raise
        failure = _timed_out(trace, target.check.timeout)
    except Exception as error:  # noqa: BLE001 - one bad Check must not end the worker
        failure = _own_failure(error)
    finally:
        deadline.cancel()
    end = clock.monotonic()
    trace.leave(end)
    return Sample(
        started=started,
        duration=end - begin,
        outcome=Outcome.SUCCESS if failure is None else outcome_of(failure.reason),
        reason=None if failure is None else failure.reason,
        phases=trace.phases(),
        address=trace.address,
        resolved=trace.resolved,
        tls=trace.tls,
        http=trace.http,
        evidence=""
        if failure is None
        else make_evidence(failure.evidence, excerpt=failure.excerpt, confidential=target.check.confidential),
    )


class _Deadline:
    """Cancels the current task after some seconds: what `asyncio.timeout` does, at a third of its cost."""

    __slots__ = ("_cancelling", "_passed", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a sample is taken inside a task")
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._passed = False
        self._timer = loop.call_later(seconds, self._pass)

    def _pass(self) -> None:
        self._passed = True
        self._task.cancel()

    def was_the_cause(self) -> bool:
        """Whether a `CancelledError` came from here, and from nowhere else; if so it is taken back."""
        return self._passed and self._task.uncancel() <= self._cancelling

    def cancel(self) -> None:
        self._timer.cancel()


def _timed_out(trace: Trace, timeout: float) -> ProbeError:
    phase = trace.phase if trace.phase is not None else Phase.RESOLVE
    return ProbeError(
        phase.timeout_reason, f"no end after {timeout:g} s, in the phase '{phase.name.lower()}'"
    )


def _own_failure(error: Exception) -> ProbeError:
    if resources_exhausted(error):
        return ProbeError(Reason.RESOURCES_EXHAUSTED, str(error))
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return ProbeError(Reason.INTERNAL, f"{type(error).__name__} at {place}: {error}")
