"""Over which times failures are counted, and how many of them are too many: policy as data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400

PROBES_IN_LONG = 12
"""Probes that a long window holds at least: a share of fewer says nothing."""

PROBES_IN_SHORT = 2
"""Probes that a short window holds at least, so that it tells whether it still goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Failures are too many when they are over a long time, and still are over a short one.

    The long window keeps one bad minute from paging; the short one ends the alert soon after the
    failures have ended.
    """

    long: int
    """Seconds."""
    short: int
    """Seconds."""
    burn_rate: Decimal
    """How many times faster than the objective allows the budget is used up."""
    failures: int = 3
    """Failures in the long window below which there is no alert, however large their share is."""


FAST = (
    Window(long=_HOUR, short=5 * _MINUTE, burn_rate=Decimal("14.4")),
    Window(long=6 * _HOUR, short=30 * _MINUTE, burn_rate=Decimal(6)),
)
"""2 % of the budget of 30 days in an hour, or 5 % in six: somebody is called."""

SLOW = (Window(long=3 * _DAY, short=6 * _HOUR, burn_rate=Decimal(1)),)
"""10 % of the budget of 30 days in three: a ticket.

These and `FAST` are table 5-8 of the Site Reliability Workbook, chapter 5
(https://sre.google/workbook/alerting-on-slos/).
"""

SHARE = Decimal("0.1")
"""Share of failures that is too large where there is no objective."""

WITHOUT_OBJECTIVE = Window(long=10 * _MINUTE, short=5 * _MINUTE, burn_rate=Decimal(1))
"""Over which `SHARE` is judged."""

OUTAGE = 90
"""Seconds that a pool finds a Check Down without a break, from which on that is an outage and no share."""

PROBES_IN_OUTAGE = 3
"""Probes that an outage holds at least."""

LONGEST = 3 * _DAY
"""No window is longer: Prometheus reads all of it at each evaluation."""


def fitting(windows: tuple[Window, ...], *, period: int, budget: Decimal) -> Iterator[Window]:
    """Give the windows that can tell something about a Check.

    One that would hold too few probes is left out, and so is one whose threshold no share of
    failures can reach: 14.4 times the budget of "90" is more than everything.

    Args:
        windows: The policy.
        period: Seconds from one probe to the next.
        budget: Share of probes that may fail.
    """
    for window in windows:
        if window.burn_rate * budget < 1 and window.long >= PROBES_IN_LONG * period:
            yield replace(window, short=max(window.short, PROBES_IN_SHORT * period))


def stretched(window: Window, *, period: int) -> Window | None:
    """Make a window fit a Check that is probed each `period` seconds; `None`: it would be too long."""
    long = max(window.long, PROBES_IN_LONG * period)
    if long > LONGEST:
        return None
    return replace(window, long=long, short=max(window.short, PROBES_IN_SHORT * period))
