"""Takes note of starts and of missed slots, for assertions."""

from collections import Counter

from pollwatch.worker.timetable import MissedCause


class StartLog:
    """A `StartRecorder` that keeps everything."""

    def __init__(self) -> None:
        self.lateness: list[float] = []
        self.missed_slots: Counter[MissedCause] = Counter()

    def started(self, lateness: float) -> None:
        self.lateness.append(lateness)

    def missed(self, cause: MissedCause, count: int) -> None:
        self.missed_slots[cause] += count
