"""The words, signs and numbers that all displays share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from pollwatch.plan.samples import Outcome, Sample
from pollwatch.plan.states import CheckState, Verdict

GLYPHS: Mapping[Verdict, str] = MappingProxyType(
    {Verdict.UP: "●", Verdict.DEGRADED: "◐", Verdict.DOWN: "✗", Verdict.UNKNOWN: "○"}
)
"""A sign beside the colour: the verdict can be read without seeing colours."""

STYLES: Mapping[Verdict, str] = MappingProxyType(
    {Verdict.UP: "green", Verdict.DEGRADED: "yellow", Verdict.DOWN: "bold red", Verdict.UNKNOWN: "dim"}
)

SEVERITY: Mapping[Verdict, int] = MappingProxyType(
    {Verdict.DOWN: 0, Verdict.DEGRADED: 1, Verdict.UNKNOWN: 2, Verdict.UP: 3}
)
"""What a person must see first comes first."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def iso_time(unix: float) -> str:
    """Write a time as RFC 3339, UTC, to the millisecond."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wall_time(unix: float) -> str:
    """Write a time of day in the machine's zone: what a person compares with their watch."""
    return datetime.fromtimestamp(unix, UTC).astimezone().strftime("%H:%M:%S")


def latency(seconds: float) -> str:
    """Write how long something took, to two or three figures."""
    milliseconds = seconds * 1000
    if milliseconds < 9.95:  # noqa: PLR2004 - below, a digit after the point still says something
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:  # noqa: PLR2004 - what rounds to 1000 ms is written as 1.00 s
        return f"{milliseconds:.0f} ms"
    return f"{seconds:.2f} s"


def span(seconds: float) -> str:
    """Write how long something has lasted, in its two largest units."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def share(part: int, whole: int) -> str:
    """Write `part` of `whole` in percent; a few failures never read as none, nor a few successes as none."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:  # noqa: PLR2004 - all but a few
        return ">99 %"
    return f"{percent:.0f} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: `1 Check`, `2 Checks`, `3 addresses`."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def tally(verdicts: Iterable[Verdict]) -> str:
    """Count verdicts, the worst first: `1 Down, 3 Up`."""
    seen = list(verdicts)
    return ", ".join(f"{seen.count(verdict)} {verdict}" for verdict in SEVERITY if verdict in seen)


def outcome(sample: Sample) -> str:
    """Say in a few words how a probe ended, the distinctive part first."""
    status = f"{sample.http.status} " if sample.http else ""
    if sample.outcome is Outcome.SUCCESS:
        return f"{status or 'connected '}in {latency(sample.duration)}"
    evidence = f": {sample.evidence}" if sample.evidence else ""
    return f"{status}{sample.reason}{evidence}"


def targets_up(state: CheckState) -> str:
    """Say how many targets are Up, where there is more than one.

    A Check is Up when its first targets are seen to be; that the others were not probed yet is not said.
    """
    awaited = state.verdict is Verdict.UP and state.up < state.total
    return f"{state.up} of {state.total} up" if state.total > 1 and not awaited else ""


def because(state: CheckState) -> str:
    """Say which address made the state what it is, and why; empty when all is well."""
    if state.reason is None:
        return ""
    where = f"{state.address} " if state.address else ""
    evidence = f": {state.evidence}" if state.evidence else ""
    return f"{where}{state.reason}{evidence}"
