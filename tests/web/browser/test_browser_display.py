"""The list where it is not shown as by default: enlarged, in the system's colours, on paper."""

from __future__ import annotations

import pytest

from tests.web.pages import ROWS
from tests.web.site import mixed_list
from triage.values import Outcome

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

# Whether an element stands within its line.
WITHIN = """(e) => {
  const line = e.closest("tr").getBoundingClientRect();
  const box = e.getBoundingClientRect();
  return box.top >= line.top && box.bottom <= line.bottom;
}"""


def test_no_long_identifier_pushes_a_name_out_of_its_line(morning, serve, open_page):
    morning.study_with(
        Outcome.ABNORMAL,
        patient_name="Featherstonehaugh-Cholmondeley^Maximiliana^^Prof. Dr.",
        patient_id="1234567890" * 6 + "1234",
        patient_sex="F",
    )
    page = open_page(serve().url)
    name = page.locator(f"{ROWS} a.open")
    for width in (1366, 1000, 2560, 800):
        page.set_viewport_size({"width": width, "height": 900})
        assert name.evaluate(WITHIN), width


def test_at_twice_the_size_the_line_in_hand_and_its_buttons_can_be_seen(morning, serve, open_page):
    mixed_list(morning)
    page = open_page(serve().url, user="anna", viewport={"width": 683, "height": 384})
    for _ in range(4):
        page.keyboard.press("j")
        expect(page.locator("tr.study:focus-within a.open")).to_be_in_viewport(ratio=1)
    expect(page.locator("#viewer .name")).to_contain_text("Normal, Ann")
    agree = page.locator("#viewer [data-key=agree]")
    agree.scroll_into_view_if_needed()
    expect(agree).to_be_in_viewport(ratio=1)


def test_where_colours_are_forced_what_is_pressed_and_in_hand_is_seen(morning, serve, open_page):
    mixed_list(morning)
    page = open_page(serve().url, forced_colors="active")
    page.keyboard.press("j")
    pressed, other = page.evaluate(
        """["true", "false"].map((on) => getComputedStyle(
             document.querySelector(`.chips [aria-pressed=${on}]`)).backgroundColor)"""
    )
    assert pressed != other
    expect(page.locator("tr.study:focus-within")).to_have_css("outline-style", "solid")


def test_paper_says_of_which_day_it_is_and_how_much_of_the_list(morning, serve, open_page):
    morning.copy_study(120)
    page = open_page(serve().url, color_scheme="dark")
    page.emulate_media(media="print")
    expect(page.locator("#more-lines")).to_contain_text("The first 60 of 120 studies")
    day = "getComputedStyle(document.querySelector('.as-of'), '::before').content"
    assert page.evaluate(day) == f'"{morning.now.astimezone():%Y-%m-%d} "'
    for hidden in (".filters", ".keys", "#viewer", ".when-live"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 29, 34)"


def test_a_filter_without_a_match_is_not_called_an_empty_list(morning, serve, open_page):
    morning.study_with(Outcome.ABNORMAL)
    page = open_page(serve().url)
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.keyboard.press("2")
    for place in ("#no-lines", "#viewer"):
        expect(page.locator(place)).to_have_text("No study matches the filter.")
    page.keyboard.press("x")
    expect(page.locator("#viewer .name")).to_be_visible()
