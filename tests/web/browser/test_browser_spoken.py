"""What a screen reader gets of the pages, and what is seen where colours are forced."""

from __future__ import annotations

import pytest

from tests.web.pages import ROWS, take_in_hand, work_item
from tests.web.site import mixed_list
from triage.conclude import place_standing
from triage.values import Outcome, UserRole

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

EVERY_ROLE = (UserRole.READER, UserRole.OPERATOR)
# Roles that mean nothing without a name.
NAMED = {
    "button",
    "link",
    "textbox",
    "searchbox",
    "combobox",
    "checkbox",
    "dialog",
    "img",
    "table",
    "region",
    "navigation",
    "search",
    "complementary",
    "columnheader",
}


def accessible(page):
    """Return what Chromium tells a screen reader of a page: role and name of every node."""
    told = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in told["nodes"]
        if not node["ignored"]
    ]


def test_everything_that_can_be_used_has_a_name(morning, serve, open_page):
    studies = mixed_list(morning)
    morning.receive()
    running = serve()
    page = open_page(running.url, user="olga", roles=EVERY_ROLE)
    uid = work_item(morning, studies["abnormal"])
    for path in ("/", f"/studies/{uid}", "/operator", "/login"):
        page.goto(running.url + path)
        expect(page.get_by_role("main")).to_be_visible()
        if path == "/":
            page.keyboard.press("j")
            expect(page.locator("#viewer .name")).to_be_visible()
        told = accessible(page)
        roles = [role for role, _ in told]
        assert roles.count("main") == 1, path
        assert "heading" in roles, path
        assert [role for role, name in told if role in NAMED and not name.strip()] == [], path


def test_what_was_done_and_what_is_shown_is_read_out(morning, serve, open_page):
    studies = mixed_list(morning)
    page = open_page(serve().url, user="anna")
    spoken = page.locator("#announcement")
    take_in_hand(page, morning, studies["abnormal"])
    page.keyboard.press("d")
    expect(spoken).to_have_text("Noted: you disagree with the result.")
    page.keyboard.press("4")
    expect(spoken).to_contain_text("2 of 4 studies are shown. 1 urgent order outside the filter")
    page.keyboard.press("x")
    expect(spoken).to_have_text("4 studies")


def test_the_brake_is_read_out_to_whoever_reads(morning, serve, open_page):
    morning.study_with(Outcome.ABNORMAL)
    page = open_page(serve().url, user="anna")
    spoken = page.locator("#announcement")
    expect(page.locator(ROWS)).to_have_count(1)
    morning.store.pause("two misses")
    expect(spoken).to_contain_text("Paused. Re-ordering is switched off")
    settings = morning.settings()
    morning.store.resume(lambda stands: place_standing(settings, stands), "they were none")
    expect(spoken).to_contain_text("Demote mode suspected abnormal studies are raised")
