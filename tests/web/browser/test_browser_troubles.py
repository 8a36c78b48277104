"""What went wrong with messages and subscribers stands on the operators' page, with its remedy."""

from __future__ import annotations

import re

import pytest

from tests.hl7.samples import oru
from triage.clock import drop_absent
from triage.hl7.desk import Desk
from triage.settings import Peer
from triage.store import Channel
from triage.uids import work_item_uid
from triage.ups.service import StepService
from triage.ups.subscriptions import GLOBAL_SUBSCRIPTION
from triage.values import UserRole

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

OPERATOR = {"user": "otto", "roles": (UserRole.OPERATOR,)}
COURIER = "courier"
DAY_MINUTES = 24 * 60


def test_a_report_of_another_patient_and_subscribers_who_hear_nothing_are_told_of(
    morning, serve, open_page
):
    peers = (Peer("viewer", "VIEWER", "127.0.0.1", 104), Peer("wall", "WALL", "127.0.0.1", 105))
    settings = morning.settings(peers=peers)
    service = StepService(morning.store, settings)
    for title, channel in (
        ("VIEWER", Channel.DIMSE),
        ("WALL", Channel.DIMSE),
        ("TABLET", Channel.WEBSOCKET),
    ):
        service.subscribe(GLOBAL_SUBSCRIPTION, title, deletion_lock=False, channel=channel)
    study = morning.receive(patient_id="P1")
    morning.receive()
    morning.later(8 * DAY_MINUTES)
    drop_absent(morning.store, settings)
    for event in morning.store.claim_events(COURIER, "VIEWER", Channel.DIMSE, 9, 60):
        refused = "the receiver answered status 0110"
        morning.store.event_failed(event.event_id, COURIER, refused, next_attempt_at=None)
    (event, _) = morning.store.claim_events(COURIER, "WALL", Channel.DIMSE, 9, 60)
    away, later = "WALL takes no connection", morning.now
    morning.store.event_failed(event.event_id, COURIER, away, next_attempt_at=later, counts=False)
    Desk(morning.store, settings).answer(oru(study=study, patient="P2^^^HOSP"))
    page = open_page(f"{serve(peers=peers).url}/operator", **OPERATOR)
    troubles = page.get_by_role("region", name="What went wrong").get_by_role("listitem")
    expect(troubles).to_have_text(
        [
            re.compile("Final report of another patient, not taken.*complete the study.*by hand"),
            re.compile("viewer.*2 event reports given up.*status 0110.*triage retry viewer"),
            re.compile("wall.*1 event report waits for another try.*WALL takes no connection"),
            re.compile("Subscriber TABLET unsubscribed.*2 event reports waited for it"),
        ]
    )
    expect(troubles.first).not_to_contain_text("P2")
    line = troubles.first.get_by_role("link")
    assert line.get_attribute("href") == f"/studies/{work_item_uid(study)}"
    expect(troubles.nth(1).get_by_role("link")).to_have_count(0)
