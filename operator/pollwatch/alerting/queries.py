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

REPEATED = 2
"""Failures that are more than one: neither a lost packet nor a restarting server pages anybody."""


@dataclass(frozen=True, slots=True)
class Series:
    """The series of one Check."""

    key: CheckKey

    def of(self, metric: str, *matchers: str, over: int = 0) -> str:
        """Select a metric.

        Args:
            metric: Its name.
            matchers: Beside those that say which Check it is: `verdict="Down"`.
            over: Seconds of a range; 0: the newest sample.
        """
        inside = ", ".join((f'namespace="{self.key.namespace}"', f'check="{self.key.name}"', *matchers))
        return f"{metric}{{{inside}}}{f'[{duration(over)}]' if over else ''}"

    def any_verdict(self, pattern: str) -> str:
        """One of these verdicts holds in a pool."""
        matcher = f'verdict="{pattern}"' if "|" not in pattern else f'verdict=~"{pattern}"'
        return f"max {_BY_CHECK} ({self.of('pollwatch_check_verdict', matcher)}) == 1"

    def down(self, quorum: int) -> str:
        """So many pools find it Down.

        A worker that has just given the Check to another is scraped once more, perhaps: that is one pool.
        """
        if quorum == 1:
            return self.any_verdict("Down")
        verdict = self.of("pollwatch_check_verdict", 'verdict="Down"')
        return f"sum {_BY_CHECK} (max by (namespace, check, pool) ({verdict})) >= {quorum}"

    def degraded(self, *, pools: int, quorum: int) -> str:
        """It fails for some: for some addresses, or from too few of several pools to be Down."""
        if pools == 1:
            return self.any_verdict("Degraded")
        return f"{self.any_verdict('Degraded|Down')}\nunless {self.down(quorum)}"

    def not_judged(self) -> str:
        """No pool knows."""
        unknown = self.of("pollwatch_check_verdict", 'verdict="Unknown"')
        return f"min {_BY_CHECK} ({unknown}) == 1"

    def since(self, condition: str) -> str:
        """Yield, where a condition holds, when the verdict became what it is, Unix seconds."""
        began = self.of("pollwatch_check_last_transition_timestamp_seconds")
        return f"max {_BY_CHECK} ({began})\nand {condition}"

    def failures(self, over: int) -> str:
        """How many probes failed, those left out that Pollwatch itself could not make."""
        attempts, successes, errors = (
            f"increase({self.of(f'pollwatch_probe_{kind}_total', over=over)})"
            for kind in ("attempts", "successes", "errors")
        )
        return f"sum {_BY_CHECK} ({attempts} - {successes} - {errors})"

    def repeated_failures(self, over: int) -> str:
        """More than one probe failed."""
        return f"{self.failures(over)} >= {REPEATED}"

    def too_many_failures(self, window: Window, budget: Decimal) -> str:
        """Yield the share of failures over the long window, where it is too large over both."""
        threshold = window.burn_rate * budget
        return (
            f"{self._share(window.long)} >= clamp_min({window.failures} / {self._attempts(window.long)},"
            f" {threshold:f})\nand {self._share(window.short)} > {threshold:f}"
        )

    def certificate_seconds(self, less_than: int) -> str:
        """Yield the seconds until the first certificate expires, where they are so few.

        The last hour is looked at, since there is no certificate to see while nobody answers.
        """
        expiry = self.of("probe_ssl_earliest_cert_expiry", over=3_600)
        return f"min {_BY_CHECK} (last_over_time({expiry})) - time() < {less_than}"

    def no_data(self) -> str:
        """It has no series, though Pollwatch itself has: were those gone too, one other alert says so."""
        return f"absent({self.of('pollwatch_check_verdict')})\nand on () count(pollwatch_build_info) > 0"

    def _attempts(self, over: int) -> str:
        return f"sum {_BY_CHECK} (increase({self.of('pollwatch_probe_attempts_total', over=over)}))"

    def _share(self, over: int) -> str:
        return f"{self.failures(over)} / {self._attempts(over)}"
