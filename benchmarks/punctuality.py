"""How punctual starts are, exactly: the histogram that is exposed has buckets."""

from pollwatch.plan.clock import SystemClock
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.timetable import MissedCause


class PunctualityLog(WorkerMetrics):
    """Keeps each lateness, to give exact quantiles."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock, LoopMonitor(clock))
        self.reset()

    def reset(self) -> None:
        """Forget what came before the measurement."""
        self.lateness: list[float] = []
        self.slots_missed = 0

    def started(self, lateness: float) -> None:
        """Keep the lateness of a start."""
        super().started(lateness)
        self.lateness.append(lateness)

    def missed(self, cause: MissedCause, count: int) -> None:
        """Count missed slots, whatever the cause."""
        super().missed(cause, count)
        self.slots_missed += count
