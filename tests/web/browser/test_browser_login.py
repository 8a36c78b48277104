"""Logging in, acting and logging out in a real browser."""

from __future__ import annotations

import re

import pytest

from tests.web.pages import contrast
from tests.web.site import PASSWORD
from triage.values import Outcome, Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect


def log_in(page, name="anna", password=PASSWORD):
    """Fill the form in with the keyboard, as it stands focused."""
    page.wait_for_selector("input:focus")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def test_a_reader_logs_in_by_keyboard_and_sees_the_study_asked_for(
    morning, serve, open_page, add_user
):
    add_user()
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    running = serve()
    page = open_page(f"{running.url}/studies/{uid}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    log_in(page, password="a wrong guess")  # noqa: S106  wrong on purpose
    expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
    log_in(page)
    page.wait_for_url(f"**/studies/{uid}")
    expect(page.get_by_text("anna reader")).to_be_visible()


def test_a_page_of_a_log_in_that_has_ended_shows_no_patient_any_more(
    morning, serve, open_page, add_user
):
    add_user()
    morning.study_with(Outcome.ABNORMAL, patient_name="Quixworth^Zebulon")
    running = serve()
    page = open_page(running.url)
    log_in(page)
    expect(page.get_by_role("link", name="Quixworth")).to_be_visible()
    morning.store.set_user_disabled("anna", disabled=True)
    morning.receive()
    page.wait_for_url(re.compile("/login"))
    expect(page.get_by_text("Quixworth")).to_have_count(0)


def test_logging_out_leaves_nothing_behind_the_back_button(morning, serve, open_page, add_user):
    add_user()
    morning.study_with(Outcome.ABNORMAL, patient_name="Quixworth^Zebulon")
    page = open_page(serve().url)
    log_in(page)
    expect(page.get_by_role("link", name="Quixworth")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile("/login"))
    page.go_back()
    page.wait_for_url(re.compile("/login"))
    expect(page.get_by_text("Quixworth")).to_have_count(0)


def test_a_script_on_the_page_can_say_what_the_reader_thinks(morning, serve, open_page, add_user):
    add_user()
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    page = open_page(serve().url)
    log_in(page)
    page.wait_for_selector("tr.study")
    status = page.evaluate(
        """async (uid) => (await fetch(`/studies/${uid}/disagree`, {
             method: "POST", body: new URLSearchParams({decision: 1}),
             headers: {"X-CSRF-Token": document.querySelector("[name=csrf_token]").value},
           })).status""",
        uid,
    )
    assert status == 200
    (said,) = morning.store.study_feedback(study)
    assert (said.user_name, said.verdict) == ("anna", Verdict.DISAGREE)


def test_another_sites_page_can_do_nothing_in_the_readers_name(morning, serve, open_page, add_user):
    add_user()
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    running = serve()
    page = open_page(running.url)
    log_in(page)
    page.wait_for_selector("tr.study")
    elsewhere = running.url.replace("127.0.0.1", "localhost")  # another site to a browser
    page.route(
        "**/evil",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{running.url}/studies/{uid}/agree">'
            '<input name="decision" value="1"><button>win</button></form>',
        ),
    )
    page.goto(f"{elsewhere}/evil")
    page.get_by_role("button").click()
    page.wait_for_url("**/agree")
    expect(page.get_by_text("the page of another site")).to_be_visible()
    assert morning.store.study_feedback(study) == ()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_log_in_is_readable_and_stays_within_the_page(serve, open_page, add_user, scheme):
    add_user()
    page = open_page(serve().url, color_scheme=scheme, viewport={"width": 1280, "height": 800})
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_attribute("autocomplete", "current-password")
    colours = page.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), button')].map((e) =>"
        " [getComputedStyle(e).color, getComputedStyle(e).backgroundColor])"
    )
    assert len(colours) == 3
    assert not [pair for pair in colours if contrast(*pair) < 4.5]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
