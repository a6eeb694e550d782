"""Whatever happens to a site and to its Check, what is said of it is soon what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckPlan, Resolve, Target
from pollwatch.plan.samples import Reason, Sample
from pollwatch.plan.states import Verdict
from pollwatch.series.exposition import Exposition
from pollwatch.verdict.combine import combine
from tests.support.exposition import page_of, parse, values
from tests.support.plans import make_check, make_sample
from tests.support.worker import WorkerBench

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD, TIMEOUT = 60.0, 5.0
SETTLED = 2 * PERIOD + TIMEOUT + 30.0
"""After so long without an event everything has been probed anew, ahead of its slots or in them."""

VERDICTS = {None: Verdict.UP, Reason.UNEXPECTED_STATUS: Verdict.DOWN, Reason.INTERNAL: Verdict.UNKNOWN}

Site = dict[str, Reason | None]
"""The addresses of a name, and why a probe of each fails; none: the name does not resolve."""

ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"])
CONDITIONS = st.sampled_from(list(VERDICTS))
SITES = st.dictionaries(ADDRESSES, CONDITIONS, min_size=1, max_size=4)
CHECKS = st.builds(
    lambda target, resolve, timeout, team: make_check(
        period=PERIOD, timeout=timeout, target=target, resolve=resolve, labels=(("team", team),)
    ),
    st.sampled_from(["https://www.example.org/", "https://www.example.net/"]),
    st.sampled_from(Resolve),
    st.sampled_from([TIMEOUT - 1, TIMEOUT]),
    st.sampled_from(["web", "platform"]),
)
PAUSES = st.sampled_from([0.0, 0.3, 7.0, 61.0, 200.0])
EVENTS = st.lists(st.tuples(SITES | st.just({}) | CHECKS, PAUSES), max_size=8)


def answer(site: Site, target: Target) -> Sample:
    """Probe: the first address is used where the target is none of its own."""
    resolved = tuple(sorted(site))
    if not resolved:
        return make_sample(Reason.DNS_NOT_FOUND)
    used = target.address or resolved[0]
    return make_sample(site.get(used, Reason.CONNECT_TIMEOUT), address=used, resolved=resolved)


@settings(deadline=None)
@given(CHECKS, EVENTS, SITES, CHECKS)
def test_soon_after_the_last_event_verdict_counts_and_series_are_those_of_the_site(
    first: CheckPlan, events: list[tuple[Site | CheckPlan, float]], site: Site, check: CheckPlan
) -> None:
    bench = WorkerBench()

    def happen(event: Site | CheckPlan) -> None:
        if isinstance(event, CheckPlan):
            bench.apply(event)
        else:
            bench.find = lambda target: answer(event, target)

    steps: list[float | Callable[[], None]] = [lambda: happen(site), lambda: happen(first)]
    for event, pause in [*events, (site, 0.0), (check, SETTLED)]:
        steps += [lambda event=event: happen(event), pause]  # type: ignore[misc] # it cannot see the default
    bench.run(*steps)

    each = check.probe.resolve is Resolve.EACH_ADDRESS
    targets = [address for address in sorted(site) if each] or [""]
    verdicts = [VERDICTS[site[address]] for address in sorted(site)[: len(targets)]]
    state = bench.worker.states()[check.key]
    assert (state.verdict, state.total, state.up) == (
        combine(verdicts),
        len(verdicts),
        verdicts.count(Verdict.UP),
    )
    assert bench.states()[-1:] in ([], [state])
    page = parse(page_of(bench.series.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
    assert sorted(values(page, "pollwatch_probe_attempts_total", "address")) == targets
    assert values(page, "pollwatch_check_verdict", "verdict")[state.verdict] == 1
