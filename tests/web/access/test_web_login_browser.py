"""Logging in, acting and logging out in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.web.access.conftest import PASSWORD
from triage.values import Outcome, Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Return a function that opens an address; what the page complains about fails the test."""
    contexts = []
    complaints: list[str] = []

    def open_address(url: str, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
        )
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert complaints == []


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


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two CSS rgb() colours (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a CSS rgb() colour (WCAG 2.2)."""
    channels = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
