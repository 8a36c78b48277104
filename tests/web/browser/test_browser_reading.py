"""A reader at work in a real browser: live arrival, verdicts, opening, a long list."""

from __future__ import annotations

import re

import pytest

from tests.web.pages import ROWS, focused, row_of, shown, take_in_hand, work_item
from tests.web.site import mixed_list
from triage.store import StepChange
from triage.values import Outcome, StepState, Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

VIEWER = "#viewer"


def test_only_the_lines_that_changed_travel_and_the_others_stay_the_same_elements(
    morning, serve, open_page
):
    for _ in range(6):
        morning.study_with(Outcome.INDETERMINATE)
    page = open_page(serve().url)
    expect(page.locator(ROWS)).to_have_count(6)
    page.evaluate("document.querySelectorAll('tr.study').forEach((row) => { row.kept = true; })")
    told = []
    page.on("response", lambda answer: told.append(answer) if "/list" in answer.url else None)
    newest = morning.study_with(Outcome.ABNORMAL)
    expect(row_of(page, morning, newest)).to_contain_text("Suspected abnormal")
    assert shown(page)[0] == work_item(morning, newest)
    assert (
        page.evaluate("[...document.querySelectorAll('tr.study')].filter((r) => r.kept).length")
        == 6
    )
    lines = [line for answer in told for line in answer.json()["altered"] if line.startswith("w-")]
    assert set(lines) == {f"w-{work_item(morning, newest)}"}


def test_a_reader_disagrees_and_takes_it_back_by_keyboard(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, studies["abnormal"])
    row = row_of(page, morning, studies["abnormal"])
    page.keyboard.press("d")
    expect(page.locator("#toast")).to_have_text("Noted: you disagree with the result.")
    expect(row.locator(".mark-disagree")).to_have_text("Disagreed")
    assert focused(page) == work_item(morning, studies["abnormal"])
    (said,) = morning.store.study_feedback(studies["abnormal"])
    assert (said.user_name, said.verdict, said.decision_number) == ("anna", Verdict.DISAGREE, 1)
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_have_text("Taken back.")
    expect(row.locator(".mark-disagree")).to_have_count(0)
    page.keyboard.press("a")
    expect(row.locator(".mark-agree")).to_have_text("Agreed")
    verdicts = [one.verdict for one in morning.store.study_feedback(studies["abnormal"])]
    assert verdicts == [Verdict.DISAGREE, Verdict.UNDO, Verdict.AGREE]


def test_what_one_reader_says_is_not_shown_as_said_by_another(morning, serve, open_page):
    studies = mixed_list(morning)
    running = serve()
    morning.store.give_feedback(studies["abnormal"], "bob", Verdict.DISAGREE, 1)
    page = open_page(running.url, user="anna")
    expect(row_of(page, morning, studies["abnormal"]).locator(".mark-disagree")).to_have_count(0)


def test_a_study_that_a_reader_opens_is_marked_for_all_and_can_be_released(
    morning, serve, open_page
):
    studies = mixed_list(morning)
    running = serve()
    page = open_page(running.url, user="anna")
    other = open_page(running.url, user="bob")
    take_in_hand(page, morning, studies["routine"])
    page.keyboard.press("o")
    for each in (page, other):
        expect(row_of(each, morning, studies["routine"])).to_contain_text("Open: anna")
    entry = morning.store.study(studies["routine"]).entry
    assert (entry.claimed_by, entry.opened) == ("anna", True)
    take_in_hand(other, morning, studies["routine"])
    expect(other.locator(VIEWER)).to_contain_text("Open: anna")
    expect(other.locator(f"{VIEWER} form[data-verb=release]")).to_have_count(0)
    page.keyboard.press("m")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(VIEWER).get_by_role("button", name="Release")).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator("#toast")).to_have_text("Released.")
    expect(page.locator(ROWS)).to_have_count(1)
    assert not morning.store.study(studies["routine"]).entry.opened


def test_a_study_that_was_read_elsewhere_leaves_the_list_and_its_key_finds_no_other(
    morning, serve, open_page
):
    outcomes = (Outcome.ABNORMAL, Outcome.INDETERMINATE, Outcome.INDETERMINATE)
    read, *others = [morning.study_with(outcome) for outcome in outcomes]
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, read)
    uid = work_item(morning, read)
    ended = StepChange("PACS", state=StepState.COMPLETED)
    assert morning.store.change_step(uid, morning.store.step(uid).version, ended)
    expect(page.locator(ROWS)).to_have_count(2)
    assert shown(page) == [work_item(morning, study) for study in others]
    expect(page.locator("#lines")).not_to_contain_text("Suspected abnormal")
    page.keyboard.press("d")
    expect(page.locator("#toast")).to_be_visible()
    assert [morning.store.study_feedback(study) for study in (read, *others)] == [(), (), ()]


def test_a_verdict_on_a_decision_that_stands_no_more_is_refused_in_words(morning, serve, open_page):
    study = morning.study_with(Outcome.ABNORMAL)
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, study)
    expect(page.locator(f"{VIEWER} form[data-verb=agree]")).to_be_visible()
    page.route("**/view", lambda route: route.abort())
    morning.receive(study)
    morning.analyse(-3.0)
    morning.decide(study, Outcome.LIKELY_NORMAL)
    expect(row_of(page, morning, study)).to_contain_text("Likely normal")
    page.locator(f"{VIEWER} form[data-verb=agree] button").click()
    expect(page.locator("#toast")).to_have_text(re.compile("nothing was recorded"))
    assert morning.store.study_feedback(study) == ()


def test_the_overlay_names_every_key_and_takes_the_keyboard(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, studies["abnormal"])
    page.keyboard.press("?")
    overlay = page.get_by_role("dialog", name="Keyboard")
    expect(overlay).to_be_visible()
    page.keyboard.press("d")
    page.keyboard.press("Escape")
    expect(overlay).to_be_hidden()
    assert morning.store.study_feedback(studies["abnormal"]) == ()


def test_a_thousand_studies_come_by_windows_and_stay_in_order(morning, serve, open_page):
    morning.copy_study(1000)
    window = morning.store.reading_window(morning.now, 14_400, limit=1000)
    uids = [item.entry.work_item_uid for item in window.entries]
    page = open_page(serve().url)
    expect(page.locator(ROWS)).to_have_count(60)
    expect(page.locator(".tally")).to_contain_text("1000 studies")
    expect(page.get_by_role("button", name=re.compile("Routine"))).to_contain_text("1000")
    while page.locator("#more-lines").is_visible():
        loaded = page.locator(ROWS).count()
        page.keyboard.press("End")
        expect(page.locator(ROWS)).not_to_have_count(loaded)
    assert shown(page) == uids
    middle = page.locator(ROWS).nth(500)
    middle.locator("a.open").focus()
    held = focused(page)
    before = page.evaluate("document.activeElement.getBoundingClientRect().top")
    newest = morning.stat_order()
    expect(page.locator(ROWS).first).to_have_attribute("id", f"w-{work_item(morning, newest)}")
    assert focused(page) == held
    assert abs(page.evaluate("document.activeElement.getBoundingClientRect().top") - before) < 2
    expect(page.locator(f"[id='w-{held}'] .c-position")).to_have_text("502")
