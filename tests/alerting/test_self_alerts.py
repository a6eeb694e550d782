"""When the alerts about Pollwatch itself fire, by `promtool test rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.self_rules import self_rules
from tests.alerting.story import probed

if TYPE_CHECKING:
    from tests.alerting.conftest import Expect

RULES = self_rules(AlertDefaults())


def series(name: str, values: str) -> dict[str, str]:
    return {"series": name, "values": values}


def test_a_healthy_installation_has_no_alert(expect: Expect) -> None:
    healthy = [
        series('pollwatch_operator_leader{instance="o-0"}', "1x60"),
        series('pollwatch_operator_leader{instance="o-1"}', "0x60"),
        series('pollwatch_operator_feed_lag_seconds{pool="east",worker="east-0"}', "0.5x60"),
        series('pollwatch_operator_checks{reason="NotAccepted"}', "0x60"),
        series('pollwatch_operator_plan_pushes_total{pool="east",outcome="live"}', "0+1x60"),
        series('pollwatch_operator_plan_pushes_total{pool="east",outcome="stale"}', "0+1x60"),
        series('pollwatch_worker_plan_refused{pool="east",instance="east-0"}', "0x60"),
        series('pollwatch_worker_plan_unsupported_checks{pool="east",instance="east-0"}', "0x60"),
        series('pollwatch_worker_start_lateness_seconds_bucket{instance="east-0",le="0.1"}', "0+100x60"),
        series('pollwatch_worker_start_lateness_seconds_bucket{instance="east-0",le="+Inf"}', "0+100x60"),
        series('pollwatch_worker_missed_starts_total{instance="east-0",cause="late"}', "0x60"),
        series('pollwatch_worker_missed_starts_total{instance="east-0",cause="overlap"}', "0+10x60"),
    ]

    expect(RULES, healthy, {f"{minutes}m": [] for minutes in range(31)})


def test_nothing_of_pollwatch_is_one_alert_that_pages(expect: Expect) -> None:
    expect(RULES, [], {"4m": [], "6m": ["PollwatchGone"]}, alive=False)
    (gone,) = (rule for rule in RULES.rules if rule.name == "PollwatchGone")
    assert gone.labels["severity"] == "critical"


def test_a_leader_that_is_missed_is_told_of_whether_operators_are_left_or_not(expect: Expect) -> None:
    none_leads = [series('pollwatch_operator_leader{instance="o-0"}', "1x10 0x50")]
    none_is_left = [series('pollwatch_worker_plan_revision{instance="east-0"}', "7x60")]

    expect(RULES, none_leads, {"9m": [], "12m": ["PollwatchNoLeader"]})
    expect(RULES, none_is_left, {"4m": [], "6m": ["PollwatchNoLeader"]})
    # `pollwatch run` has neither operator nor plans.
    expect(RULES, [], {"20m": []})


def test_a_worker_that_lags_is_told_of_and_one_that_is_silent_by_another_alert(expect: Expect) -> None:
    lag = 'pollwatch_operator_feed_lag_seconds{pool="east",worker="east-0",instance="o-0"}'

    expect(RULES, [series(lag, "30x60")], {"4m": [], "6m": ["PollwatchFeedLagging"]})
    expect(RULES, [series(lag, "0x4 0+30x60")], {"10m": ["PollwatchWorkerSilent"]})


def test_a_plan_that_does_not_arrive_is_told_of(expect: Expect) -> None:
    refused = series('pollwatch_worker_plan_refused{pool="east",instance="east-0"}', "0x10 1x60")
    pushes = 'pollwatch_operator_plan_pushes_total{pool="east",outcome="%s"}'

    expect(RULES, [refused], {"14m": [], "16m": ["PollwatchPlanStale"]})
    expect(
        RULES,
        [series(pushes % "unreachable", "0+1x60"), series(pushes % "live", "5x60")],
        {"9m": [], "12m": ["PollwatchPlanStale"]},
    )


def test_probes_that_start_late_or_are_skipped_are_told_of(expect: Expect) -> None:
    lateness = 'pollwatch_worker_start_lateness_seconds_bucket{instance="east-0",le="%s"}'
    late = [
        series(lateness % "1.0", "0+80x60"),
        series(lateness % "5.0", "0+100x60"),
        series(lateness % "+Inf", "0+100x60"),
    ]
    skipped = [series('pollwatch_worker_missed_starts_total{instance="east-0",cause="saturated"}', "0+5x60")]

    for trouble in (late, skipped):
        expect(RULES, trouble, {"9m": [], "15m": ["PollwatchProbesLate"]})


def test_a_prober_whose_network_is_gone_is_told_of_and_one_down_site_of_many_is_not(expect: Expect) -> None:
    suspect = (
        'pollwatch_probe_failures_total{namespace="public-sites",check="site-%d",reason="%s",instance="a"}'
    )
    sites = [one for number in range(8) for one in probed("u" * 60, check=f"site-{number}")]
    all_but_two = [series(suspect % (number, "ConnectTimeout"), "0x20 0+1x40") for number in range(6)]
    broken_sites = [series(suspect % (number, "UnexpectedStatus"), "0x20 0+1x40") for number in range(8)]

    expect(RULES, [*sites, *all_but_two], {"9m": [], "12m": ["PollwatchProberIsolated"]})
    expect(RULES, [*sites, *all_but_two[:3]], {"12m": [], "20m": []})
    expect(RULES, [*sites, *broken_sites], {"12m": [], "20m": []})


def test_two_sites_that_are_out_of_reach_are_no_sign_of_an_isolated_prober(expect: Expect) -> None:
    suspect = (
        'pollwatch_probe_failures_total{namespace="public-sites",check="site-%d",reason="ConnectTimeout"}'
    )
    sites = [one for number in range(2) for one in probed("u" * 60, check=f"site-{number}")]

    expect(RULES, [*sites, *(series(suspect % number, "0+1x60") for number in range(2))], {"20m": []})


def test_checks_that_are_not_accepted_are_told_of(expect: Expect) -> None:
    refused = series('pollwatch_operator_checks{reason="NotAccepted",instance="o-0"}', "3x60")

    expect(RULES, [refused], {"14m": [], "16m": ["PollwatchCheckNotAccepted"]})
