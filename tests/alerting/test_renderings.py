"""What Prometheus, Grafana and their operators are given: stable, unique and small enough."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import AlertDefaults, alert_problems, merge
from pollwatch.alerting.durations import duration, seconds_of
from pollwatch.alerting.grafana import grafana_alert_rule_group, provisioning_file
from pollwatch.alerting.prometheus import prometheus_rule, rule_file
from pollwatch.alerting.self_rules import self_rules
from pollwatch.api.alert import OUR_ALERT_LABELS, AlertSpec
from tests.alerting.checks import NAMESPACE, a_check, rule_named, rules_for

if TYPE_CHECKING:
    from pathlib import Path

    from pollwatch.api.check import Check

MOST_BYTES = 24 * 1024
"""Bytes of the rules of one Check: Prometheus Operator takes 512 KiB in an object."""

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
LABELS = st.dictionaries(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,20}", fullmatch=True).filter(
        lambda name: (
            name not in {*OUR_ALERT_LABELS, "address", "cipher", "instance", "job", "le", "phase"}
            and name not in {"quantile", "reason", "target", "verdict", "version", "fingerprint_sha256"}
        )
    ),
    TEXTS,
    max_size=4,
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "periodSeconds": st.integers(1, 86_400),
        "objective": st.sampled_from(["0.5", "50", "90", "93.2", "99", "99.9", "99.9999"]),
        "labels": LABELS,
        "alert": st.fixed_dictionaries(
            {},
            optional={
                "severity": st.sampled_from(["page", "critical"]),
                "for": st.sampled_from(["0s", "90s", "1h30m"]),
                "certificateLeadDays": st.integers(1, 365),
                "labels": LABELS.map(
                    lambda labels: {key: text.replace("{", "(") for key, text in labels.items()}
                ),
                "annotations": st.just({"desk": "{{ $labels.team }} {{ $value | humanize }}"}),
                "runbookURL": st.just("https://wiki.example.org/x"),
            },
        ),
    },
) | st.fixed_dictionaries(
    {
        "pools": st.lists(
            NAMES.map(lambda name: name[:30].strip("-") or "a"), min_size=2, max_size=16, unique=True
        )
    }
)
CHECKS = st.builds(lambda name, spec: a_check(name, **{"timeoutSeconds": 1, **spec}), NAMES, SPECS)


def rendered(checks: list[Check]) -> dict[str, str]:
    """The rules of each Check, in all renderings, by the name of its group."""
    groups = [rules_for(check) for check in checks]
    together = rule_file(groups)["groups"], provisioning_file(groups)["groups"]
    return {group.name: json.dumps(each) for group, *each in zip(groups, *together, strict=True)}


@given(checks=st.lists(CHECKS, min_size=1, max_size=4, unique_by=lambda check: check.key), more=CHECKS)
def test_the_same_checks_make_the_same_rules_and_another_check_changes_none_of_them(
    checks: list[Check], more: Check
) -> None:
    before = rendered(checks)
    others = [check for check in checks if check.key != more.key]

    assert rendered(list(reversed(checks))) == before
    assert {name: text for name, text in rendered([more, *others]).items() if name != str(more.key)} == {
        name: text for name, text in before.items() if name != str(more.key)
    }


@given(check=CHECKS)
def test_the_rules_of_a_check_are_small_enough_to_share_an_object(check: Check) -> None:
    groups = [rules_for(check, AlertDefaults(dashboard_url="https://grafana.example.org"))]

    assert size(prometheus_rule(NAMESPACE, "pollwatch-checks", groups)) < MOST_BYTES
    document = grafana_alert_rule_group(
        NAMESPACE, "pollwatch-checks", groups, folder={"folderRef": "pollwatch"}, instance_selector={}
    )
    assert size(document) < MOST_BYTES


def size(document: Any) -> int:
    """Bytes of a document as it is sent."""
    return len(json.dumps(document, ensure_ascii=False).encode())


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(checks=st.lists(CHECKS, min_size=20, max_size=20, unique_by=lambda check: check.key))
def test_promtool_accepts_the_rules_of_any_checks(
    checks: list[Check], promtool_binary: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rule_file(map(rules_for, checks))), encoding="utf-8")

    answer = subprocess.run(
        [promtool_binary, "check", "rules", "--lint=all", "--lint-fatal", file],
        check=False,
        capture_output=True,
    )

    assert answer.returncode == 0, answer.stderr


@given(checks=st.lists(CHECKS, min_size=1, max_size=4, unique_by=lambda check: check.key))
def test_every_alert_says_which_check_it_is_about_and_is_one_of_a_kind(checks: list[Check]) -> None:
    groups = [rules_for(check) for check in checks]
    rules = [rule for group in groups for rule in group.rules]

    for check, group in zip(checks, groups, strict=True):
        for rule in group.rules:
            assert (rule.labels["namespace"], rule.labels["check"]) == check.key
            assert {"summary", "description", "runbook_url"} <= rule.annotations.keys()
            assert not {"address", "target", "instance"} & rule.labels.keys()
    assert len({(rule.variant, *sorted(rule.labels.items())) for rule in rules}) == len(rules)
    documents = [rule for group in provisioning_file(groups)["groups"] for rule in group["rules"]]
    for field, longest in (("uid", 40), ("title", 190)):
        values = {document[field] for document in documents}
        assert len(values) == len(rules)
        assert max(map(len, values)) <= longest
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", document["uid"]) for document in documents)


@pytest.mark.parametrize("name", ["a" * 253, "b" * 63 + "." + "c" * 63])
def test_a_long_name_has_a_title_that_grafana_takes(name: str) -> None:
    titles = [rule["title"] for rule in provisioning_file([rules_for(a_check(name))])["groups"][0]["rules"]]

    assert max(map(len, titles)) <= 190
    assert len(set(titles)) == len(titles)


def test_text_of_a_user_is_never_a_template_but_in_annotations() -> None:
    trap = "{{ query `up` }} $HOME"
    check = a_check(labels={"team": trap}, http={"url": "https://www.example.org/{{query}}?token=secret"})
    group = rules_for(check)

    prometheus = rule_file([group])["groups"][0]["rules"][0]
    grafana = provisioning_file([group])["groups"][0]["rules"][0]

    assert prometheus["labels"]["team"] == '{{"{"}}{{"{"}} query `up` }} $HOME'
    assert grafana["labels"]["team"] == '{{"{"}}{{"{"}} query `up` }} $$HOME'
    assert prometheus["annotations"]["summary"].endswith('https://www.example.org/{{"{"}}{{"{"}}query}}')
    assert "secret" not in json.dumps(rule_file([group]))


def test_a_template_with_a_fault_is_left_out_and_the_alert_is_there_without_it() -> None:
    check = a_check(alert={"annotations": {"desk": "{{ humanise }}", "tier": "gold"}})

    down = rule_named(rules_for(check), "CheckDown")

    assert "desk" not in down.annotations
    assert down.annotations["tier"] == "gold"
    (problem,) = alert_problems(check.spec.alert)
    assert problem.path == "spec.alert.annotations.desk"
    assert alert_problems(None) == ()


def test_a_check_says_more_than_its_pool_and_the_pool_more_than_the_operator() -> None:
    operator = AlertDefaults(severity="critical", labels={"tier": "bronze", "from": "operator"})
    pool = merge(operator, alert(severity="ticket", labels={"tier": "silver"}, **{"for": "5m"}))
    check = a_check(
        alert={"severity": "page", "labels": {"tier": "gold"}, "annotations": {"failing": "see chat"}}
    )

    down = rule_named(rules_for(check, pool), "CheckDown")

    assert (down.labels["severity"], down.labels["tier"], down.labels["from"]) == ("page", "gold", "operator")
    assert down.for_seconds == 300
    assert (down.annotations["failing"], down.queries) == ("see chat", {})


def alert(**fields: Any) -> AlertSpec:
    return AlertSpec.model_validate(fields)


def test_a_runbook_of_ones_own_is_linked_from_all_alerts() -> None:
    group = rules_for(a_check(alert={"runbookURL": "https://wiki.example.org/front-page"}))

    assert {rule.annotations["runbook_url"] for rule in group.rules} == {
        "https://wiki.example.org/front-page"
    }


def test_severity_is_that_of_the_alerts_that_page_and_raises_no_other() -> None:
    group = rules_for(a_check(objective="99.9", alert={"severity": "page"}))

    assert {rule.variant for rule in group.rules if rule.labels["severity"] == "page"} == {
        "CheckDown",
        "CheckErrorBudgetBurn fast",
    }
    assert {rule.labels["severity"] for rule in group.rules} == {"page", "warning"}


def test_alerts_that_are_off_and_a_check_that_is_suspended_have_no_rules() -> None:
    off = merge(AlertDefaults(), alert(enabled=False))

    assert rules_of_check(a_check(suspend=True), AlertDefaults()) is None
    assert rules_of_check(a_check(alert={"enabled": False}), AlertDefaults()) is None
    assert rules_of_check(a_check(), off) is None
    assert rules_of_check(a_check(alert={"enabled": True}), off) is not None


@pytest.mark.parametrize(
    ("spec", "has"),
    [
        ({"http": {"url": "https://www.example.org/"}}, True),
        ({"http": {"url": "HTTPS://www.example.org/", "followRedirects": False}}, True),
        ({"http": {"url": "http://www.example.org/"}}, True),
        ({"http": {"url": "http://www.example.org/", "followRedirects": False}}, False),
        ({"tcp": {"address": "db.example.org:5432"}}, False),
        ({"tcp": {"address": "db.example.org:5432", "tls": {}}}, True),
    ],
)
def test_only_what_can_have_a_certificate_has_an_alert_about_it(spec: dict[str, Any], *, has: bool) -> None:
    names = {rule.name for rule in rules_for(a_check(**spec)).rules}

    assert ("CheckCertificateExpiring" in names) is has


@pytest.mark.parametrize(
    ("period", "objective", "variants"),
    [
        (30, None, {"CheckFailing"}),
        (86_400, None, set()),
        (30, "99.9", {"CheckErrorBudgetBurn fast", "CheckErrorBudgetBurn slow"}),
        (3_600, "99.9", {"CheckErrorBudgetBurn slow"}),
        (86_400, "99.9", set()),
        (30, "50", {"CheckErrorBudgetBurn slow"}),
    ],
)
def test_a_share_is_judged_only_where_there_are_probes_enough_and_it_can_be_reached(
    period: int, objective: str | None, variants: set[str]
) -> None:
    group = rules_for(a_check(periodSeconds=period, objective=objective))
    shares = ("CheckFailing", "CheckErrorBudgetBurn")

    assert {rule.variant for rule in group.rules if rule.name in shares} == variants


def test_the_pool_is_a_label_where_it_is_one_and_known() -> None:
    pooled = AlertDefaults(default_pool="default")

    def pool(check: Check, defaults: AlertDefaults) -> str | None:
        return rules_for(check, defaults).rules[0].labels.get("pool")

    assert pool(a_check(), AlertDefaults()) is None
    assert pool(a_check(), pooled) == "default"
    assert pool(a_check(pool="east"), pooled) == "east"
    assert pool(a_check(pools=["east", "west"]), pooled) is None


def test_each_alert_links_to_the_page_about_it_in_the_documentation(request: pytest.FixtureRequest) -> None:
    runbooks = request.config.rootpath / "docs" / "runbooks"
    groups = [rules_for(a_check()), rules_for(a_check(objective="99.9")), self_rules(AlertDefaults())]
    alerts = {rule.name for group in groups for rule in group.rules}

    assert {file.stem for file in runbooks.glob("*.md")} - {"README"} == alerts
    for group in groups:
        for rule in group.rules:
            assert rule.annotations["runbook_url"] == f"https://pollwatch.dev/runbooks/{rule.name}/"


@given(st.integers(0, 10_000_000))
def test_a_duration_is_read_as_it_was_written(seconds: int) -> None:
    assert seconds_of(duration(seconds)) == seconds
