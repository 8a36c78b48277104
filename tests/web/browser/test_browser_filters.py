"""Filters and sorting in a real browser: no urgent order is ever left out."""

from __future__ import annotations

import pytest

from tests.web.pages import ROWS, row_of, shown, take_in_hand, work_item
from tests.web.site import mixed_list
from triage.store import OrderedStudies, OrderWord

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect


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


def test_the_text_finds_a_study_by_name_id_or_accession_number(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url)
    facts = morning.store.study(studies["abnormal"]).entry
    number = facts.accession_number.lower()
    for text in ("abno", "Abnormal, ann", "ann abnormal", facts.patient_id, number):
        page.keyboard.press("/")
        page.keyboard.type(text)
        expect(page.locator(ROWS)).to_have_count(2)
        assert shown(page)[1] == work_item(morning, studies["abnormal"]), text
        page.keyboard.press("Escape")
        expect(page.locator(ROWS)).to_have_count(4)


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
