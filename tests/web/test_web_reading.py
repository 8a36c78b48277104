"""A reader at work in a real browser: live arrival, filters, verdicts, opening, the larger view."""

from __future__ import annotations

import re

import pytest

from tests.web.pages import ROWS, focused, row_of, shown, take_in_hand, work_item
from triage.store import OrderedStudies, OrderWord
from triage.values import Outcome, Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

VIEWER = "#viewer"


def mixed_list(morning) -> dict[str, str]:
    """Receive a study of each kind and return them by name."""
    studies = {}
    for name, outcome in (
        ("normal", Outcome.LIKELY_NORMAL),
        ("routine", Outcome.INDETERMINATE),
        ("abnormal", Outcome.ABNORMAL),
    ):
        studies[name] = morning.study_with(outcome, patient_name=f"{name.title()}^Ann")
        morning.later(10)
    studies["stat"] = morning.stat_order(patient_name="Urgent^Ursula")
    return studies


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


def test_a_filter_leaves_out_what_does_not_match_and_never_an_urgent_order(
    morning, serve, open_page
):
    studies = mixed_list(morning)
    page = open_page(serve().url)
    page.keyboard.press("4")
    expect(page.locator(ROWS)).to_have_count(2)
    assert shown(page) == [work_item(morning, studies[name]) for name in ("stat", "normal")]
    expect(row_of(page, morning, studies["stat"])).to_contain_text("outside the filter")
    expect(page.locator("#filtered")).to_contain_text("2 of 4 studies are shown. 1 urgent order")
    expect(row_of(page, morning, studies["normal"]).locator(".c-position")).to_have_text("4")
    expect(page.get_by_role("button", name="Normal 1", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("x")
    expect(page.locator(ROWS)).to_have_count(4)
    expect(page.locator("#filtered")).to_be_hidden()


def test_a_stat_order_that_comes_while_a_filter_is_on_is_shown(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url)
    page.keyboard.press("/")
    page.keyboard.type("normal, a")
    expect(page.locator(ROWS)).to_have_count(2)
    page.keyboard.press("Enter")
    newest = morning.stat_order(patient_name="Later^Stat")
    expect(page.locator(ROWS)).to_have_count(3)
    assert shown(page)[:2] == [work_item(morning, one) for one in (studies["stat"], newest)]


@pytest.mark.parametrize("text", ["abno", "Abnormal, ann", "ann abnormal", "P0003", "a00003"])
def test_the_text_finds_a_study_by_name_id_or_accession_number(morning, serve, open_page, text):
    studies = mixed_list(morning)
    page = open_page(serve().url)
    page.keyboard.press("/")
    facts = morning.store.study(studies["abnormal"]).entry
    page.keyboard.type(
        {"P0003": facts.patient_id, "a00003": facts.accession_number.lower()}.get(text, text)
    )
    expect(page.locator(ROWS)).to_have_count(2)
    assert shown(page)[1] == work_item(morning, studies["abnormal"])


def test_filters_by_waiting_time_and_by_location(morning, serve, open_page):
    studies = mixed_list(morning)
    morning.later(25)
    ward = OrderedStudies(study_instance_uid=studies["routine"])
    morning.store.set_order(ward, OrderWord(patient_location="Ward 3"), lambda _: None)
    page = open_page(serve().url)
    page.locator("[name=waiting_minutes]").select_option(label="over 30 min")
    expect(page.locator(ROWS)).to_have_count(4)
    morning.later(-5)
    page.locator("[name=waiting_minutes]").select_option(label="over 30 min")
    page.locator("[name=location]").select_option("Ward 3")
    expect(page.locator(ROWS)).to_have_count(2)
    assert shown(page)[1] == work_item(morning, studies["routine"])
    expect(row_of(page, morning, studies["routine"])).to_contain_text("Ward 3")


def test_another_order_says_loudly_that_it_is_not_the_reading_order(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url)
    reading = shown(page)
    banner = page.locator("#not-reading-order")
    expect(banner).to_be_hidden()
    page.locator("[name=sort]").select_option("patient")
    expect(banner).to_contain_text("Not the reading order. The list is sorted by patient name")
    names = ("stat", "abnormal", "normal", "routine")
    expect(page.locator(".c-position:not(th)")).to_have_text(["1", "2", "4", "3"])
    assert shown(page) == [work_item(morning, studies[name]) for name in names]
    page.locator("#main").focus()
    page.keyboard.press("r")
    expect(banner).to_be_hidden()
    expect(page.locator(".c-position:not(th)")).to_have_text(["1", "2", "3", "4"])
    assert shown(page) == reading


def test_a_filter_is_kept_for_the_way_back_and_stands_in_no_address(morning, serve, open_page):
    mixed_list(morning)
    running = serve()
    page = open_page(running.url)
    asked = []
    page.on("request", lambda request: asked.append(request.url + (request.post_data or "")))
    page.keyboard.press("/")
    page.keyboard.type("abnormal")
    expect(page.locator(ROWS)).to_have_count(2)
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    page.keyboard.press("Escape")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator("[name=text]")).to_have_value("abnormal")
    assert not [one for one in asked if "abnormal" in one.lower()]


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


def test_the_larger_view_follows_the_focus_and_the_pointer(morning, serve, open_page):
    first = morning.study_with(Outcome.ABNORMAL, "spondylosis suspected", patient_name="First^A")
    second = morning.study_with(Outcome.ABNORMAL, patient_name="Second^B")
    page = open_page(serve().url)
    name = page.locator(f"{VIEWER} .name")
    expect(name).to_contain_text("First, A")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(name).to_contain_text("Second, B")
    row_of(page, morning, first).hover()
    expect(name).to_contain_text("First, A")
    expect(page.locator(f"{VIEWER} .film-picture")).to_be_visible()
    expect(page.locator(VIEWER)).to_contain_text("spondylosis suspected")
    page.mouse.move(5, 5)
    expect(name).to_contain_text("Second, B")
    page.keyboard.press("v")
    expect(page.locator(VIEWER)).to_be_hidden()
    assert focused(page) == work_item(morning, second)


def test_other_studies_of_the_patient_stand_beside_the_film(morning, serve, open_page):
    morning.study_with(
        Outcome.LIKELY_NORMAL,
        patient_id="SAME",
        study_date="20240105",
        study_description="Old film",
    )
    morning.study_with(
        Outcome.LIKELY_NORMAL,
        patient_id="SAME",
        study_date="20200105",
        patient_birth_date="20010101",
    )
    morning.study_with(Outcome.LIKELY_NORMAL, patient_id="OTHER", study_description="Not this one")
    morning.study_with(Outcome.ABNORMAL, patient_id="SAME")
    page = open_page(serve().url)
    page.keyboard.press("j")
    priors = page.locator(f"{VIEWER} .priors li")
    expect(priors).to_have_count(2)
    expect(priors.nth(0)).to_contain_text("2024-01-05 Old film")
    expect(priors.nth(0)).not_to_contain_text("perhaps not the same person")
    expect(priors.nth(1)).to_contain_text("perhaps not the same person")


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


def test_keys_that_are_typed_into_the_filter_do_nothing_else(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, studies["abnormal"])
    page.keyboard.press("/")
    page.keyboard.type("adumo?")
    expect(page.locator("[name=text]")).to_have_value("adumo?")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator(ROWS)).to_have_count(4)
    assert morning.store.study_feedback(studies["abnormal"]) == ()


def test_a_reader_who_may_only_look_gets_no_buttons(morning, serve, open_page):
    study = morning.study_with(Outcome.ABNORMAL)
    page = open_page(serve().url)
    take_in_hand(page, morning, study)
    expect(page.locator(VIEWER)).to_contain_text("Whole history")
    expect(page.locator(f"{VIEWER} form")).to_have_count(0)


def test_the_study_page_takes_the_same_keys_and_tells_what_was_said(morning, serve, open_page):
    study = morning.study_with(Outcome.ABNORMAL)
    page = open_page(f"{serve().url}/studies/{work_item(morning, study)}", user="anna")
    page.keyboard.press("d")
    expect(page.get_by_text("anna disagrees")).to_be_visible()
    expect(page.locator(".summary .mark-disagree")).to_be_visible()
    page.keyboard.press("o")
    expect(page.get_by_text("Opened by anna")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_text("anna took back what they said")).to_be_visible()
    expect(page.locator(".summary .mark-disagree")).to_have_count(0)


def test_a_thousand_studies_come_by_windows_and_stay_in_order(morning, serve, open_page):
    uids = many_studies(morning, 1000)
    page = open_page(serve().url)
    expect(page.locator(ROWS)).to_have_count(200)
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


def many_studies(morning, count: int) -> list[str]:
    """Receive so many studies, one after the other; return their work items in that order."""
    studies = []
    for _ in range(count):
        studies.append(morning.receive())
        morning.later(0.01)
    window = morning.store.reading_window(morning.now, 14_400, limit=count)
    assert [item.entry.study_instance_uid for item in window.entries] == studies
    return [item.entry.work_item_uid for item in window.entries]
