"""The operators' page: who may see it, what it tells, and the brake."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.web.outside import (
    hl7_answers,
    hl7_is_away,
    receiver_is_away,
    receiver_refuses,
    receiver_takes,
)
from triage.settings import DecisionSettings, Destination, FindingMode, Hl7Receiver, SiteMode
from triage.values import ImageState, Mode, Outcome, ReadingClass, UserRole
from triage.vision.manifest import Certificate, FindingCertificate

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

OPERATOR = {"user": "otto", "roles": (UserRole.OPERATOR,)}


def test_the_page_tells_queues_gates_models_and_what_went_wrong(
    morning, serve, open_page, algorithm
):
    morning.study_with(Outcome.ABNORMAL)
    morning.receive()
    morning.analyse(0.0, passed=False, reason="the image is blurred")
    morning.receive(state=ImageState.QUEUED)
    (image,) = morning.store.claim_images("worker", 1, 60)
    undecodable = "the pixel data cannot be decoded"
    morning.store.fail_image(image.instance_id, "worker", undecodable, maximum_attempts=1)
    (delivery,) = morning.store.claim_deliveries("courier", "pacs", 5, 60)
    refused = "the destination refused the report"
    morning.store.delivery_failed(delivery.delivery_id, "courier", refused, next_attempt_at=None)
    proof = FindingCertificate(0.01, 602, 1, -2.0, 0.5, (-2.3, -2.0))
    certified = replace(
        algorithm,
        certificate=Certificate(0.01, 0.05, "ab" * 32, "cd" * 32, {"spondylosis": proof}, ()),
    )
    pacs = Destination("pacs", "ARCHIVE", "10.1.2.3", 104)
    page = open_page(f"{serve(algorithm=certified, destinations=(pacs,)).url}/operator", **OPERATOR)
    for words in (
        "No sign of life from: listener, worker, clock, courier.",
        "pixels.blur",
        "the pixel data cannot be decoded",
        refused,
        "ARCHIVE",
        "10.1.2.3:104",
        algorithm.identity.digest,
        "Ruling out is certified at 95 % confidence",
        "at most 1 %",
        "602",
        "In force, in demote mode.",
    ):
        expect(page.locator("#main")).to_contain_text(words)
    blur = page.get_by_role("row", name=re.compile("pixels.blur"))
    expect(blur.locator("td")).to_have_text(["1", "1"])


def test_the_brake_asks_for_a_reason_and_puts_every_priority_back(morning, serve, open_page):
    study = morning.study_with(Outcome.ABNORMAL)
    running = serve()
    page = open_page(f"{running.url}/operator", **OPERATOR)
    page.get_by_role("button", name="Pause all effect").click()
    dialog = page.get_by_role("dialog", name="Pause all effect")
    dialog.get_by_role("button", name="Pause now").click()
    assert not morning.store.paused()
    dialog.get_by_label("Reason").fill("the model\tis doubted")
    dialog.get_by_role("button", name="Pause now").click()
    expect(page.locator("#toast")).to_have_text("Paused: 1 study went back.")
    expect(page.locator(".banner-paused")).to_contain_text("Paused.")
    assert morning.store.paused()
    last = morning.store.study(study).priority_changes[-1]
    assert last.class_after is ReadingClass.ROUTINE
    assert last.reason == "the model is doubted (otto)"
    page.get_by_role("button", name="Resume effect").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("it was right")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("Resumed: 1 study moved.")
    expect(page.locator(".banner-paused")).to_have_count(0)
    assert not morning.store.paused()


def test_a_dialog_that_is_open_is_not_taken_away_by_news(morning, serve, open_page):
    page = open_page(f"{serve().url}/operator", **OPERATOR)
    page.get_by_role("button", name="Pause all effect").click()
    page.keyboard.type("half a rea")
    with page.expect_response("**/operator/fragment"):
        morning.receive()
    page.keyboard.type("son")
    expect(page.get_by_label("Reason")).to_have_value("half a reason")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not morning.store.paused()


def test_who_only_reads_has_neither_the_page_nor_the_brake(morning, serve, open_page):
    running = serve()
    page = open_page(running.url, user="anna")
    expect(page.get_by_role("link", name="Operator")).to_have_count(0)
    answer = page.goto(f"{running.url}/operator")
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("operator")


def test_every_use_of_the_brake_stands_on_the_page_with_its_reason(morning, serve, open_page):
    study = morning.study_with(Outcome.ABNORMAL)
    page = open_page(f"{serve().url}/operator", **OPERATOR)
    for button, reason in (("Pause", "two misses"), ("Resume", "they were none")):
        page.get_by_role("button", name=f"{button} ").click()
        page.get_by_role("dialog").get_by_label("Reason").fill(reason)
        page.keyboard.press("Enter")
        expect(page.locator(".effect")).to_contain_text(f"{reason} (otto)")
    ledger = [change.reason for change in morning.store.study(study).priority_changes]
    assert ledger[-2:] == ["two misses (otto)", "they were none (otto)"]
    assert [(one.paused, one.moved) for one in morning.store.brake_changes(9)] == [
        (False, 1),
        (True, 1),
    ]


def test_what_has_a_mode_of_its_own_is_named(morning, serve, open_page):
    modes = DecisionSettings(
        mode=Mode.PROMOTE,
        sites=(SiteMode("GENERAL", Mode.SHADOW),),
        findings=(FindingMode("spondylosis", Mode.SHADOW),),
    )
    page = open_page(f"{serve(decision=modes).url}/operator", **OPERATOR)
    effect = page.get_by_role("region", name="Effect on the reading list")
    expect(effect).to_contain_text("Studies from GENERAL: shadow")
    expect(effect).to_contain_text("Cervical spondylosis: shadow")
    expect(page.locator(".mode")).to_contain_text("with exceptions")


def test_hl7_receivers_are_told_of_like_other_queues(morning, serve, open_page):
    ris = Hl7Receiver(name="ris", address="10.9.8.7", port=2576)
    page = open_page(f"{serve(hl7_receivers=(ris,)).url}/operator", **OPERATOR)
    expect(page.get_by_role("row", name=re.compile("ris"))).to_contain_text("10.9.8.7:2576")


def test_what_was_opened_stays_open_when_news_comes(morning, serve, open_page):
    morning.study_with(Outcome.ABNORMAL)
    page = open_page(f"{serve().url}/operator", **OPERATOR)
    page.get_by_text("gates that stopped none").click()
    passed = page.get_by_role("row", name=re.compile("pixels.blur"))
    expect(passed).to_be_visible()
    with page.expect_response("**/operator/fragment"):
        morning.receive()
    expect(page.locator(".counts").first).to_contain_text("Waiting for analysis1")
    expect(passed).to_be_visible()


def test_a_receiver_that_is_away_or_does_not_move_the_study_is_told_of_with_its_reason(
    morning, serve, open_page
):
    morning.store.know_receivers(["orthanc", "manager", "archive"])
    for receiver in ("ris", "engine"):
        morning.store.open_result_feed(receiver)
    morning.study_with(Outcome.ABNORMAL)
    receiver_takes(morning, "orthanc", shows=False)
    receiver_refuses(morning, "manager", "0124: not authorised")
    receiver_is_away(morning, "archive", "10.1.2.3 does not answer")
    hl7_answers(morning, "ris", "AR: application reject")
    hl7_is_away(morning, "engine", "10.9.8.7 refuses the connection")
    page = open_page(f"{serve().url}/operator", **OPERATOR)
    troubles = page.get_by_role("region", name="What went wrong").get_by_role("listitem")
    expect(troubles).to_have_text(
        [
            re.compile("manager.*Priority given up.*0124: not authorised"),
            re.compile("orthanc.*Priority taken, and not shown.*it shows none and not HIGH"),
            re.compile("archive.*Priority waits to be sent.*10.1.2.3 does not answer"),
            re.compile("engine.*Waiting to be sent.*10.9.8.7 refuses the connection"),
            re.compile("ris.*Given up.*AR: application reject"),
        ]
    )
    alarms = page.get_by_role("row", name=re.compile("^(archive|manager|orthanc)")).locator("td")
    assert [alarms.nth(number).inner_text() for number in (3, 8, 13)] == ["0", "1", "1"]
