from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.alertmanager import notifying
from tests.cluster.lamps import LAMP_IS_OUT
from tests.cluster.process import ProgramError
from tests.cluster.prometheus import alerting_to, scraping
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from tests.cluster.alertmanager import WebhookReceiver
    from tests.cluster.fixtures import StartAlertmanager, StartPrometheus
    from tests.cluster.lamps import Lamp


def test_a_webhook_is_told_when_an_alert_fires_and_when_it_is_over(
    start_alertmanager: StartAlertmanager,
    start_prometheus: StartPrometheus,
    webhook: WebhookReceiver,
    lamp: Lamp,
) -> None:
    alertmanager = start_alertmanager(notifying(webhook.url))
    start_prometheus(
        {**scraping(lamp.address), "alerting": alerting_to(alertmanager.url)},
        LAMP_IS_OUT,
    )
    wait_until(lambda: webhook.states("LampIsOut") == ["firing"], what="the alert", within_seconds=60)
    (alert,) = alertmanager.alerts()
    assert alert["annotations"]["summary"] == "louisbourg is out"

    lamp.lit = True

    wait_until(
        lambda: webhook.states("LampIsOut", lamp="louisbourg", severity="page") == ["firing", "resolved"],
        what="the end of the alert",
        within_seconds=60,
    )
    assert webhook.states("LampIsOut", lamp="lizard-point") == []


def test_a_faulty_configuration_keeps_alertmanager_from_starting_and_the_log_says_why(
    start_alertmanager: StartAlertmanager,
) -> None:
    with pytest.raises(ProgramError, match="undefined receiver"):
        start_alertmanager({"route": {"receiver": "nobody"}, "receivers": []})
