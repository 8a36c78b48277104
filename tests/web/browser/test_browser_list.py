"""The page in a real browser: live order, keyboard, staleness, light and dark."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.web.pages import ROWS, contrast, focused, luminance, shown, texts_of, work_item
from triage.values import Outcome

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect


def test_the_order_on_the_page_is_the_order_of_the_api(morning, serve, open_page):
    for outcome in (Outcome.LIKELY_NORMAL, Outcome.INDETERMINATE, Outcome.ABNORMAL):
        morning.study_with(outcome)
        morning.later(3)
    morning.stat_order()
    running = serve()
    page = open_page(running.url)
    with running.client() as client:
        entries = client.get("/api/worklist").json()["entries"]
    assert shown(page) == [entry["work_item_uid"] for entry in entries]
    positions = [cell.inner_text() for cell in page.locator(f"{ROWS} .c-position").all()]
    assert positions == ["1", "2", "3", "4"]


def test_a_new_abnormal_study_moves_to_the_top_without_a_reload(morning, serve, open_page):
    older = [morning.study_with(Outcome.INDETERMINATE) for _ in range(3)]
    page = open_page(serve().url)
    expect(page.locator(ROWS)).to_have_count(3)
    page.evaluate("window.never_reloaded = true")
    morning.later(1)
    newest = morning.receive()
    expect(page.locator(ROWS)).to_have_count(4)
    assert shown(page)[-1] == work_item(morning, newest)
    morning.analyse(2.0)
    morning.decide(newest, Outcome.ABNORMAL, "spondylosis suspected")
    top = page.locator(ROWS).first
    expect(top).to_have_attribute("id", f"w-{work_item(morning, newest)}")
    expect(top).to_contain_text("Suspected abnormal")
    expect(top).to_have_class(re.compile("fresh"))
    expect(page.locator("#announcement")).to_contain_text("Suspected abnormal")
    assert shown(page)[1:] == [work_item(morning, study) for study in older]
    assert page.evaluate("window.never_reloaded") is True


def test_the_line_in_hand_stays_in_hand_when_the_list_moves(morning, serve, open_page):
    held = [morning.study_with(Outcome.INDETERMINATE) for _ in range(12)][6]
    page = open_page(serve().url, viewport={"width": 1200, "height": 500})
    page.locator(f"[id='w-{work_item(morning, held)}'] a.open").focus()
    where = "document.activeElement.getBoundingClientRect().top"
    before = page.evaluate(where)
    morning.study_with(Outcome.ABNORMAL)
    expect(page.locator(ROWS)).to_have_count(13)
    assert focused(page) == work_item(morning, held)
    assert abs(page.evaluate(where) - before) < 2


def test_the_keyboard_moves_opens_and_returns(morning, serve, open_page):
    for _ in range(4):
        morning.study_with(Outcome.INDETERMINATE)
        morning.later(1)
    running = serve()
    page = open_page(running.url)
    order = shown(page)
    for key, place in (
        ("j", 0),
        ("ArrowDown", 1),
        ("j", 2),
        ("k", 1),
        ("End", 3),
        ("j", 3),
        ("Home", 0),
        ("ArrowUp", 0),
        ("j", 1),
    ):
        page.keyboard.press(key)
        assert focused(page) == order[place], key
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/studies/{order[1]}")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.keyboard.press("j")
    page.wait_for_url(f"**/studies/{order[2]}")
    page.keyboard.press("Escape")
    page.wait_for_url(running.url + "/")
    expect(page.locator(f"[id='w-{order[2]}'] a.open")).to_be_focused()
    page.keyboard.press("k")
    assert focused(page) == order[1]


def test_the_focused_line_is_seen_and_said(morning, serve, open_page):
    morning.stat_order(patient_name="Doe^Jane")
    page = open_page(serve().url)
    page.keyboard.press("j")
    name = "1 Doe, Jane, high priority, STAT order, Receiving images, waiting <1 min"
    link = page.get_by_role("link", name=name)
    expect(link).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.get_by_role("row").count() == 3
    expect(page.get_by_role("columnheader", name="Priority")).to_be_visible()


def test_a_study_page_follows_what_happens_to_the_study(morning, serve, open_page):
    study = morning.receive()
    page = open_page(f"{serve().url}/studies/{work_item(morning, study)}")
    expect(page.get_by_text("Waiting for analysis")).to_be_visible()
    morning.analyse(2.0)
    expect(page.get_by_text("Analysed", exact=True)).to_be_visible()
    morning.decide(study, Outcome.ABNORMAL, "spondylosis suspected")
    expect(page.get_by_text("Decision 1: suspected abnormal")).to_be_visible()


def test_a_list_that_is_no_longer_live_says_so_until_it_is_again(morning, serve, open_page):
    morning.receive()
    running = serve()
    page = open_page(running.url)
    banner = page.locator("#connection")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(banner).to_be_hidden()
    running.stop()
    expect(banner).to_be_visible(timeout=15_000)
    expect(banner).to_contain_text("Not up to date")
    expect(page.get_by_text("Live", exact=True)).to_be_hidden()
    expect(page.locator(ROWS)).to_have_count(1)
    morning.receive()
    serve(port=running.port)
    expect(banner).to_be_hidden(timeout=15_000)
    expect(page.locator(ROWS)).to_have_count(2)


def test_a_service_that_falls_silent_turns_the_page_stale(morning, serve, open_page, monkeypatch):
    monkeypatch.setattr("triage.web.render.STALE_SECONDS", 1.5)
    monkeypatch.setattr("triage.web.events.BEAT_SECONDS", 600.0)
    morning.receive()
    page = open_page(serve().url)
    expect(page.locator("#connection")).to_be_visible(timeout=10_000)


def test_waiting_times_run_on_by_themselves(morning, serve, open_page):
    morning.receive()
    morning.later(59 / 60)
    page = open_page(serve().url)
    expect(page.locator(".c-waiting .waited")).to_have_text("1 min")


def test_no_request_names_a_patient_or_leaves_the_house(morning, serve, open_page):
    study = morning.study_with(
        Outcome.ABNORMAL, patient_name="Quixworth^Zebulon", patient_id="PID-77123"
    )
    running = serve()
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(running.url)
    page.goto(f"{running.url}/studies/{work_item(morning, study)}")
    expect(page.locator(".shot img").first).to_be_visible()
    assert len(asked) > 6
    for url in asked:
        assert urlsplit(url).netloc == f"127.0.0.1:{running.port}"
        assert not re.search("quixworth|zebulon|PID-77123", url, re.IGNORECASE)


def test_every_page_is_readable_in_light_and_in_dark(morning, serve, open_page):
    morning.study_with(Outcome.LIKELY_NORMAL)
    morning.later(250)
    for outcome in (Outcome.ABNORMAL, Outcome.LIKELY_NORMAL, Outcome.INDETERMINATE):
        morning.study_with(outcome)
    urgent = morning.stat_order()
    running = serve()
    page = open_page(running.url, reduced_motion="reduce")
    for path in ("/", f"/studies/{work_item(morning, urgent)}", "/operator"):
        page.goto(running.url + path)
        for scheme, dark in (("light", False), ("dark", True)):
            page.emulate_media(color_scheme=scheme)
            texts = texts_of(page)
            assert len(texts) > 20
            faint = [text for text, ink, ground in texts if contrast(ink, ground) < 4.5]
            assert faint == [], (path, scheme)
            ink, ground = page.evaluate(
                "((s) => [s.color, s.backgroundColor])(getComputedStyle(document.body))"
            )
            assert (luminance(ground) < luminance(ink)) is dark


def test_nothing_that_matters_is_cut_off(morning, serve, open_page):
    long_words = {
        "patient_name": "Featherstonehaugh-Cholmondeley^Maximiliana",
        "patient_id": "12345678901234",
        "study_description": "XR CERVICAL SPINE TRAUMA SERIES, THREE VIEWS",
    }
    morning.study_with(Outcome.LIKELY_NORMAL)
    morning.later(245)
    morning.study_with(Outcome.ABNORMAL, "at or above the flag threshold: abnormal", **long_words)
    morning.stat_order(**long_words)
    page = open_page(serve().url, user="anna")
    page.keyboard.press("4")
    expect(page.locator(".mark-outside")).to_have_count(1)
    for width, height in ((1280, 800), (1366, 768), (2560, 1440)):
        page.set_viewport_size({"width": width, "height": height})
        cut = page.evaluate(CUT_OFF)
        assert cut == [], width
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("x")
    page.set_viewport_size({"width": 1366, "height": 768})
    expect(page.locator(ROWS)).to_have_count(3)
    assert page.evaluate(CUT_OFF) == []
    page.evaluate("document.querySelectorAll('.c-position').forEach((e) => e.textContent = '1000')")
    assert page.evaluate(CUT_OFF) == []


# Texts of a line that are wider than their cell, or stand above or below their line.
CUT_OFF = """() => [...document.querySelectorAll(
     ".c-position, .c-priority, .c-waiting, .c-waiting .late, .c-images, .c-report, .mark,"
     + ".accession, .study .detail, .c-patient .fact, .outcome")]
   .filter((e) => e.closest("tr") && e.checkVisibility({contentVisibilityAuto: true}))
   .filter((e) => {
     const line = e.closest("tr").getBoundingClientRect();
     const box = e.getBoundingClientRect();
     const outside = box.top < line.top - 1 || box.bottom > line.bottom + 1;
     return outside || (e.clientWidth && e.scrollWidth > e.clientWidth);
   }).map((e) => e.className + ": " + e.textContent.trim())"""
