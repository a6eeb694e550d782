"""PromQL about one Check.

Every expression yields at most one series, with the labels `namespace` and `check` and no others: a site
whose ten addresses fail, as seen from three workers, is one alert. Counters are summed after their
increase is taken, so that a worker that starts anew, or a Check that moves to another worker, is no
failure and hides none.
"""

from dataclasses import dataclass
from decimal import Decimal

from pollwatch.alerting.durations import duration
from pollwatch.alerting.windows import Window
from pollwatch.plan.checks import CheckKey

_BY_CHECK = "by (namespace, check)"
_BY_POOL = "by (namespace, check, pool)"
_DOWN = 'verdict="Down"'

REPEATED = 2
"""Failures that are more than one: neither a lost packet nor a restarting server pages anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The series of one Check."""

    key: CheckKey
    pools: int
    """How many pools probe it."""
    quorum: int
    """How many of them must find it Down for it to be Down."""

    def of(self, metric: str, *matchers: str, over: int = 0) -> str:
        """Select a metric.

        Args:
            metric: Its name.
            matchers: Beside those that say which Check it is: `verdict="Down"`.
            over: Seconds of a range; 0: the newest sample.
        """
        inside = ", ".join((f'namespace="{self.key.namespace}"', f'check="{self.key.name}"', *matchers))
        return f"{metric}{{{inside}}}{f'[{duration(over)}]' if over else ''}"

    def down(self) -> str:
        """It is Down: found by so many pools, or by the process that has no pools.

        A worker that has just given the Check to another is scraped once more, perhaps: that is one pool.
        """
        if self.pools == 1:
            return self._any_verdict(_DOWN)
        verdict = self.of("pollwatch_check_verdict", _DOWN)
        by_pool = f"max {_BY_POOL} ({verdict})"
        without_pools = self._any_verdict(_DOWN, 'pool=""')
        return f"(sum {_BY_CHECK} ({by_pool}) >= {self.quorum} or {without_pools})"

    def degraded(self) -> str:
        """It fails for some: for some addresses, or from too few of several pools to be Down."""
        if self.pools == 1:
            return self._any_verdict('verdict="Degraded"')
        failing = self._any_verdict('verdict=~"Degraded|Down"')
        return f"({failing}\nunless {self.down()})"

    def not_judged(self) -> str:
        """No pool knows."""
        unknown = self.of("pollwatch_check_verdict", 'verdict="Unknown"')
        return f"min {_BY_CHECK} ({unknown}) == 1"

    def since(self, condition: str) -> str:
        """Yield, where a condition holds, when the verdict became what it is, Unix seconds."""
        began = self.of("pollwatch_check_last_transition_timestamp_seconds")
        return f"max {_BY_CHECK} ({began})\nand {condition}"

    def repeated_failures(self, over: int) -> str:
        """More than one probe failed."""
        return f"{self._failures(over, _BY_CHECK)} >= {REPEATED}"

    def too_many_failures(self, window: Window, budget: Decimal, *, outage: int = 0) -> str:
        """Yield the share of failures over the long window, where it is too large over both windows.

        Of several pools, the share of the one at the quorum: a pool that cannot reach the target has perhaps
        a trouble of its own.

        Args:
            window: Over which it is judged.
            budget: Share of probes that may fail.
            outage: Seconds that a pool must have found it Down without a break for that to be an outage,
                which is no matter of shares; 0: it is.
        """
        by = _BY_CHECK if self.pools == 1 else _BY_POOL
        threshold = f"{(window.burn_rate * budget).normalize():f}"
        attempts = self._attempts(window.long, by)
        condition = (
            f"{self._failures(window.long, by)} / {attempts}"
            f" >= clamp_min({window.failures} / {attempts}, {threshold})\n"
            f"and {self._failures(window.short, by)} / {self._attempts(window.short, by)} > {threshold}"
        )
        if outage:
            down = self.of("pollwatch_check_verdict", _DOWN, over=outage)
            condition += (
                f"\nunless max {by} (max_over_time(min_over_time({down})[{duration(window.long)}:30s])) == 1"
            )
        if self.pools == 1:
            return condition
        return f"min {_BY_CHECK} (topk {_BY_CHECK} ({self.quorum}, ({condition}) or 0 * {attempts})) > 0"

    def certificate_seconds(self, less_than: int) -> str:
        """Yield the seconds until the first certificate expires, where they are so few.

        The last hour is looked at, since there is no certificate to see while nobody answers.
        """
        expiry = self.of("probe_ssl_earliest_cert_expiry", over=3_600)
        return f"min {_BY_CHECK} (last_over_time({expiry})) - time() < {less_than}"

    def no_data(self) -> str:
        """It has no series, though Pollwatch itself has: were those gone too, one other alert says so."""
        return f"absent({self.of('pollwatch_check_verdict')})\nand on () count(pollwatch_build_info) > 0"

    def _any_verdict(self, *matchers: str) -> str:
        return f"max {_BY_CHECK} ({self.of('pollwatch_check_verdict', *matchers)}) == 1"

    def _failures(self, over: int, by: str) -> str:
        """How many probes failed, those left out that Pollwatch itself could not make."""
        attempts, successes, errors = (
            f"increase({self.of(f'pollwatch_probe_{kind}_total', over=over)})"
            for kind in ("attempts", "successes", "errors")
        )
        return f"sum {by} ({attempts} - {successes} - {errors})"

    def _attempts(self, over: int, by: str) -> str:
        return f"sum {by} (increase({self.of('pollwatch_probe_attempts_total', over=over)}))"
