"""When the alerts of a Check fire, and when they end, by `promtool test rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.alerting.checks import NAME, NAMESPACE, a_check, rules_for
from tests.alerting.story import probed

if TYPE_CHECKING:
    from tests.alerting.conftest import Expect

MINUTE = 2
"""Probes in a minute, at the default period."""


def test_a_site_that_is_down_is_one_page_and_the_page_ends_with_the_outage(expect: Expect) -> None:
    outage = probed("u" * 20 * MINUTE + "d" * 5 * MINUTE + "u" * 40 * MINUTE)

    # From minute 20 to 25.
    times = [f"{minutes}m" for minutes in range(28, 59)]
    expect(
        rules_for(a_check()),
        outage,
        {"20m": [], "21m": [], "22m30s": ["CheckDown"], "26m": ["CheckDown"], **{time: [] for time in times}},
    )


def test_ten_failing_addresses_and_three_locations_are_one_alert(expect: Expect) -> None:
    addresses = {f"192.0.2.{number}": "u" * 10 * MINUTE + "d" * 20 * MINUTE for number in range(10)}
    pools = ["east", "north", "west"]
    series = [one for pool in pools for one in probed(addresses, pool=pool, instance=pool)]

    expect(rules_for(a_check(pools=pools)), series, {"25m": ["CheckDown"]})


@pytest.mark.parametrize("objective", [None, "99", "99.99"])
@pytest.mark.parametrize("period", [30, 300, 3600])
def test_one_failure_alone_is_no_alert_however_seldom_it_is_probed(
    objective: str | None, period: int, expect: Expect
) -> None:
    check = a_check(periodSeconds=period, objective=objective)
    series = probed("u" * 3 + "d" + "u" * 3, period=period)
    after = [f"{3 * period + seconds}s" for seconds in (30, 60, 90, 180, period, period + 60, 2 * period)]

    expect(rules_for(check), series, {time: [] for time in after})


def test_one_failure_of_two_probes_pages_nobody(expect: Expect) -> None:
    for objective in (None, "99.9"):
        expect(
            rules_for(a_check(objective=objective)),
            probed("ud" + "u" * 10),
            {f"{seconds}s": [] for seconds in range(60, 360, 30)},
        )


def test_one_address_of_five_that_fails_is_degraded_and_pages_nobody(expect: Expect) -> None:
    minutes = 30 * MINUTE
    addresses = {f"192.0.2.{number}": "u" * minutes for number in range(19)}
    addresses["192.0.2.20"] = "u" * 10 * MINUTE + "d" * 10 * MINUTE + "u" * 10 * MINUTE

    expect(
        rules_for(a_check()),
        probed(addresses),
        {"10m": [], "13m": ["CheckDegraded"], "19m": ["CheckDegraded"], "25m": []},
    )


def test_a_site_that_fails_for_one_visitor_in_five_pages_although_it_never_stays_down(expect: Expect) -> None:
    expect(
        rules_for(a_check(periodSeconds=10)),
        probed("u" * 6 * 20 + "uuuud" * 36 + "u" * 6 * 40, period=10),
        {"20m": [], "28m": ["CheckFailing"], "49m": ["CheckFailing"], "65m": []},
    )


def test_flapping_does_not_page_anew(expect: Expect) -> None:
    flapping = ("d" * 3 * MINUTE + "u" * MINUTE) * 5
    times = [f"{minute}m" for minute in range(16, 29)]

    expect(
        rules_for(a_check(objective="1")),
        probed("u" * 10 * MINUTE + flapping),
        {time: ["CheckDown"] for time in times},
    )


def test_an_objective_is_defended_by_how_fast_its_budget_burns(expect: Expect) -> None:
    # 5 % of failures: 50 times what 99.9 allows, and half of what is too much where there is no objective.
    burning = probed("u" * 120 * MINUTE + ("u" * 19 + "d") * 12 + "u" * 60 * MINUTE)

    expect(
        rules_for(a_check(objective="99.9")),
        burning,
        {
            "2h": [],
            "3h": ["CheckErrorBudgetBurn fast", "CheckErrorBudgetBurn slow"],
            "4h59m": ["CheckErrorBudgetBurn slow"],
        },
    )
    expect(rules_for(a_check()), burning, {"2h": [], "3h": [], "4h59m": []})


def test_failures_that_the_objective_allows_are_no_alert(expect: Expect) -> None:
    # Half of what 99 allows.
    expect(
        rules_for(a_check(objective="99")),
        probed(("u" * 100 + "d" + "u" * 99) * 3),
        {f"{minutes}m": [] for minutes in range(30, 300, 30)},
    )


def test_the_probers_own_trouble_is_not_judged_and_is_no_failure_of_the_target(expect: Expect) -> None:
    for objective in (None, "99.9"):
        expect(
            rules_for(a_check(objective=objective)),
            probed("u" * 20 * MINUTE + "e" * 20 * MINUTE + "u" * 10 * MINUTE),
            {"21m": [], "29m": [], "31m30s": ["CheckNotJudged"], "39m": ["CheckNotJudged"], "45m": []},
        )


def test_a_worker_that_starts_anew_is_no_failure(expect: Expect) -> None:
    first = probed("u" * 10 * MINUTE)
    again = probed("u" * 10 * MINUTE)
    restarted = [
        {"series": one["series"], "values": f"{one['values']} {two['values']}"}
        for one, two in zip(first, again, strict=True)
    ]

    expect(rules_for(a_check(objective="99.9")), restarted, {f"{minute}m": [] for minute in range(9, 20)})


def test_a_check_that_moves_to_another_worker_while_it_is_down_stays_one_alert(expect: Expect) -> None:
    moved = [
        *probed("u" * 20 + "d" * 20, pool="east", instance="east-0"),
        # Scraped once more than it should: for that long both have it.
        *probed("d" * 40, pool="east", instance="east-1", before=40),
    ]

    expect(
        rules_for(a_check(pool="east")),
        moved,
        {f"{minute}m": ["CheckDown"] for minute in (16, 19, 20, 21, 25, 30)},
    )


def test_with_a_quorum_of_two_one_location_that_fails_is_degraded_and_two_are_down(expect: Expect) -> None:
    check = a_check(pools=["east", "north", "west"], objective="1")
    series = [
        *probed("u" * 40 + "d" * 80, pool="east", instance="east"),
        *probed("u" * 80 + "d" * 40, pool="north", instance="north"),
        *probed("u" * 120, pool="west", instance="west"),
    ]

    expect(
        rules_for(check),
        series,
        {
            "20m": [],
            "25m": ["CheckDegraded"],
            "39m": ["CheckDegraded"],
            "45m": ["CheckDown"],
            "59m": ["CheckDown"],
        },
    )


def test_a_share_of_failures_pages_when_it_is_too_large_from_as_many_locations_as_the_quorum(
    expect: Expect,
) -> None:
    check = a_check(pools=["east", "north", "west"], quorum=2)
    steady, wavering = "u" * 120, "u" * 40 + "uuuud" * 16
    pools = [("east", wavering), ("north", "u" + wavering[:-1]), ("west", steady)]
    series = {pool: probed(letters, pool=pool, instance=pool) for pool, letters in pools}
    times = ("35m", "45m", "55m")

    expect(
        rules_for(check),
        [*series["east"], *series["north"], *series["west"]],
        {"20m": [], **{time: ["CheckFailing"] for time in times}},
    )
    expect(rules_for(check), [*series["east"], *series["west"]], {time: [] for time in times})


def test_a_location_that_cannot_tell_has_no_say(expect: Expect) -> None:
    check = a_check(pools=["east", "west"], quorum=1, objective="1")
    series = [
        *probed("e" * 60, pool="east", instance="east"),
        *probed("u" * 20 + "d" * 40, pool="west", instance="west"),
    ]

    expect(rules_for(check), series, {"9m": [], "15m": ["CheckDown"], "29m": ["CheckDown"]})


def test_pools_that_a_check_names_do_not_matter_where_there_are_none(expect: Expect) -> None:
    check = a_check(pools=["east", "west"], objective="1")

    expect(rules_for(check), probed("u" * 20 + "d" * 20), {"9m": [], "15m": ["CheckDown"]})


def test_a_check_that_is_not_in_prometheus_is_told_of_and_not_when_all_of_pollwatch_is_gone(
    expect: Expect,
) -> None:
    rules = rules_for(a_check())

    expect(rules, [], {"5m": [], "11m": ["CheckNoData"]})
    expect(rules, [], {"11m": [], "60m": []}, alive=False)
    expect(rules, probed("u" * 40, check="another"), {"11m": ["CheckNoData"]})


def test_the_alert_of_a_check_that_is_deleted_ends_with_its_rules_and_others_go_on(expect: Expect) -> None:
    down = [*probed("u" * 10 + "d" * 30), *probed("u" * 10 + "d" * 30, check="other")]
    both = [rules_for(a_check(objective="1")), rules_for(a_check("other", objective="1"))]

    expect(both, down, {"15m": ["CheckDown", "CheckDown"]})
    # The operator takes its group out, and its workers its series.
    expect(both[1:], probed("u" * 10 + "d" * 30, check="other"), {"15m": ["CheckDown"]})


def test_a_certificate_is_told_of_while_there_is_time_to_renew_it(expect: Expect) -> None:
    day = 86_400
    own = f'namespace="{NAMESPACE}",check="{NAME}"'
    expires = {
        "series": f'probe_ssl_earliest_cert_expiry{{{own},address="192.0.2.1"}}',
        # In ten days, for an hour; then it is renewed.
        "values": f"{10 * day}x120 {90 * day}x60",
    }
    later = {"series": expires["series"].replace("192.0.2.1", "192.0.2.2"), "values": f"{90 * day}x180"}
    series = [*probed("u" * 180), expires, later]

    expect(rules_for(a_check()), series, {"9m": [], "11m": ["CheckCertificateExpiring"], "70m": []})
    expect(rules_for(a_check(alert={"certificateLeadDays": 7})), series, {"30m": []})


def test_a_certificate_is_not_forgotten_while_the_site_is_down(expect: Expect) -> None:
    expires = {
        "series": f'probe_ssl_earliest_cert_expiry{{namespace="{NAMESPACE}",check="{NAME}"}}',
        "values": "86400x40 stale",
    }

    expect(
        rules_for(a_check(objective="1")),
        [*probed("u" * 40 + "d" * 40), expires],
        {"35m": ["CheckCertificateExpiring", "CheckDown"]},
    )


def test_an_alert_says_what_where_since_when_which_addresses_and_what_to_read(expect: Expect) -> None:
    check = a_check(
        labels={"team": "web"},
        pool="east",
        alert={
            "severity": "page",
            "labels": {"tier": "gold"},
            "annotations": {"desk": "of {{ $labels.team }}"},
        },
    )
    series = probed(
        {"192.0.2.1": "u" * 60, "192.0.2.2": "u" * 20 + "d" * 40, "2001:db8::2": "u" * 24 + "d" * 36},
        pool="east",
    )
    labels = {"namespace": NAMESPACE, "check": NAME, "team": "web", "tier": "gold", "pool": "east"}
    alert = {
        "alertname": "CheckDegraded",
        "eval_time": "15m",
        "exp_alerts": [
            {
                "exp_labels": {**labels, "severity": "warning"},
                "exp_annotations": {
                    "summary": "public-sites/front-page fails for some people: https://www.example.org/",
                    "description": "Some addresses or locations fail while others answer, since"
                    " 1970-01-01 00:10:30 +0000 UTC. `kubectl describe check front-page -n public-sites`"
                    " shows what was expected and what came.",
                    "failing": "10 x UnexpectedStatus at 192.0.2.2 from east;"
                    " 6 x UnexpectedStatus at 2001:db8::2 from east; ",
                    "runbook_url": "https://pollwatch.dev/runbooks/CheckDegraded/",
                    "desk": "of web",
                },
            }
        ],
    }

    expect(rules_for(check), series, {}, alerts=[alert])
