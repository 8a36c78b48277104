"""The study in hand stays in hand, whether the reader works with the keyboard or the pointer."""

from __future__ import annotations

import re

import pytest

from tests.web.pages import focused, row_of, take_in_hand, work_item
from triage.values import Outcome, Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

VIEWER = "#viewer"


@pytest.fixture
def three(morning):
    """Three abnormal studies, in their order."""
    studies = []
    for name in ("First^A", "Second^B", "Third^C"):
        studies.append(morning.study_with(Outcome.ABNORMAL, patient_name=name))
        morning.later(1)
    return studies


def button(page, name):
    """Return a button of the larger view."""
    return page.locator(VIEWER).get_by_role("button", name=re.compile(f"^{name}"))


def shown_name(page):
    """Return where the larger view says whose study it is."""
    return page.locator(f"{VIEWER} .name")


def verdicts(morning, study):
    """Return what was said about a study."""
    return [one.verdict for one in morning.store.study_feedback(study)]


def test_a_click_in_the_larger_view_leaves_its_study_in_hand(morning, serve, open_page, three):
    page = open_page(serve().url, user="anna")
    row_of(page, morning, three[2]).locator(".c-finding").click()
    expect(shown_name(page)).to_contain_text("Third, C")
    button(page, "Disagree").click()
    expect(row_of(page, morning, three[2]).locator(".mark-disagree")).to_be_visible()
    expect(button(page, "Undo")).to_be_visible()
    expect(shown_name(page)).to_contain_text("Third, C")
    assert focused(page) == work_item(morning, three[2])
    button(page, "Undo").click()
    expect(page.locator("#toast")).to_have_text("Taken back.")
    assert verdicts(morning, three[2]) == [Verdict.DISAGREE, Verdict.UNDO]
    assert verdicts(morning, three[0]) == []


def test_who_goes_into_the_larger_view_by_keyboard_stays_with_its_study(
    morning, serve, open_page, three
):
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, three[2])
    expect(shown_name(page)).to_contain_text("Third, C")
    page.keyboard.press("Tab")
    expect(button(page, "Agree")).to_be_focused()
    page.keyboard.press("d")
    expect(row_of(page, morning, three[2]).locator(".mark-disagree")).to_be_visible()
    expect(button(page, "Undo")).to_be_visible()
    expect(button(page, "Agree")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row_of(page, morning, three[2]).locator(".mark-agree")).to_be_visible()
    expect(shown_name(page)).to_contain_text("Third, C")
    expect(row_of(page, morning, three[2]).locator("a.open")).to_be_focused()
    page.keyboard.press("k")
    assert focused(page) == work_item(morning, three[1])


def test_what_is_shown_without_a_line_in_hand_stays_while_the_pointer_goes_over_to_it(
    morning, serve, open_page, three
):
    page = open_page(serve().url, user="anna")
    row_of(page, morning, three[1]).hover()
    expect(shown_name(page)).to_contain_text("Second, B")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    button(page, "Agree").hover()
    with page.expect_response("**/list"):
        morning.receive()
    button(page, "Agree").click()
    expect(row_of(page, morning, three[1]).locator(".mark-agree")).to_be_visible()
    assert not [url for url in asked if work_item(morning, three[0]) in url]
    assert verdicts(morning, three[1]) == [Verdict.AGREE]


def test_no_button_of_another_study_gets_the_focus(morning, serve, open_page, three):
    page = open_page(serve().url, user="anna")
    take_in_hand(page, morning, three[2])
    expect(shown_name(page)).to_contain_text("Third, C")
    button(page, "Agree").focus()
    row_of(page, morning, three[0]).hover()
    expect(shown_name(page)).to_contain_text("First, A")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Enter")
    assert verdicts(morning, three[0]) == []
