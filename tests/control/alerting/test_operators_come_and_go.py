"""Other people's operators are installed while ours runs, and taken away."""

from pollwatch.control.alerting.apis import GRAFANA_RULE_GROUPS, PROMETHEUS_RULES
from tests.control.alerting.conftest import Objects, Operators
from tests.control.conftest import Checks, StartOperator
from tests.support.sites import Site


def test_operators_that_are_installed_later_are_found_without_a_restart(
    operators: Operators, start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    operator = start()
    checks.create("front-page", http={"url": site.url})
    condition = checks.wait_reason("front-page", "AlertsRendered", "NoRuleApi")
    assert condition["status"] == "False"
    assert checks.wait_verdict("front-page", "Up")
    assert checks.condition("front-page", "Ready")["status"] == "True"

    operators.install("prometheus-operator")
    assert objects.wait(PROMETHEUS_RULES)
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    operators.install("grafana-operator")
    assert objects.wait(GRAFANA_RULE_GROUPS)

    operators.uninstall()
    checks.wait_reason("front-page", "AlertsRendered", "NoRuleApi")
    (missing, *_) = operator.entries("alert rules are not rendered: the cluster knows none of these kinds")
    assert missing["kinds"] == ["PrometheusRule", "GrafanaAlertRuleGroup"]
    assert operator.series("pollwatch_operator_reconcile_errors_total") == {
        "pollwatch_operator_reconcile_errors_total": 0.0
    }
