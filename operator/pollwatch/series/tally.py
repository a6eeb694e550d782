"""What the samples of one target add up to."""

from bisect import bisect_left
from ipaddress import ip_address

from pollwatch.plan.samples import HttpFacts, Outcome, Reason, Sample

BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the duration histogram, seconds: from a neighbour in the cluster to a common timeout."""

NOT_SAMPLED = Sample(started=0.0, duration=0.0, outcome=Outcome.ERROR, reason=Reason.INTERNAL)
"""Stands for the last sample before there is one; like every `Error` it says nothing of the target."""

NO_RESPONSE = HttpFacts(status=0, version="0", content_length=0, body_bytes=0, redirects=0, tls=False)
"""What is exposed of a response that never came; the values are blackbox_exporter's."""


class Tally:
    """Counts over all samples of one target, and the last sample itself.

    Every sample is counted. A sample whose outcome is `Error` says nothing of the target, so it is
    left out of the durations.
    """

    __slots__ = (
        "_address",
        "attempts",
        "buckets",
        "errors",
        "failures",
        "http",
        "ip_hash",
        "ip_protocol",
        "sample",
        "seconds",
        "successes",
        "timeout",
    )

    def __init__(self, *, timeout: float) -> None:
        self.timeout = timeout
        self.sample = NOT_SAMPLED
        self.http = NO_RESPONSE
        """Of the last sample."""
        self.ip_protocol = 0
        """4 or 6; 0 when the last sample connected to nothing."""
        self.ip_hash = 0
        self.attempts = 0
        self.successes = 0
        self.failures: dict[Reason, int] = {}
        """Samples that are not a success, by reason."""
        self.errors = 0
        """Those of them whose outcome is `Error`."""
        self.buckets = [0] * (len(BUCKETS) + 1)
        """Cumulative counts: how many durations were at most `BUCKETS[i]`; the last one counts all."""
        self.seconds = 0.0
        """Sum of the durations."""
        self._address = ""

    @property
    def tells(self) -> bool:
        """Whether the last sample says something of the target."""
        return self.sample.outcome is not Outcome.ERROR

    def add(self, sample: Sample) -> None:
        """Count one more sample."""
        self.sample = sample
        self.http = sample.http or NO_RESPONSE
        self.attempts += 1
        if sample.reason is None:
            self.successes += 1
        else:
            self.failures[sample.reason] = self.failures.get(sample.reason, 0) + 1
        if sample.outcome is not Outcome.ERROR:
            buckets = self.buckets
            for index in range(bisect_left(BUCKETS, sample.duration), len(buckets)):
                buckets[index] += 1
            self.seconds += sample.duration
        else:
            self.errors += 1
        if sample.address != self._address:
            self._address = sample.address
            self.ip_protocol, self.ip_hash = _ip_facts(sample.address)


def _ip_facts(address: str) -> tuple[int, int]:
    """Give the IP version of an address and its FNV-1a hash (32 bits), (0, 0) when it is none."""
    try:
        ip = ip_address(address)
    except ValueError:
        return 0, 0
    digest = 0x811C9DC5
    for byte in ip.packed:
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return ip.version, digest
