"""The larger view and the study's page in a real browser."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.web.pages import focused, row_of, take_in_hand, work_item
from triage.store import FilmView, Landmark
from triage.values import Outcome

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

VIEWER = "#viewer"


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


def test_every_layer_lies_exactly_over_the_film(morning, serve, open_page):
    study = morning.receive()
    morning.analyse(2.0, picture=Image.new("L", (88, 104), 90))
    points = tuple(Landmark(x, y, 0.9) for x, y in [(0, 0), (1599, 0), (0, 1999)] * 7)
    Image.new("RGBA", (88, 104), (255, 190, 60, 90)).save(morning.folder / "thumbnails" / "s.png")
    kept = FilmView("5d" * 32, 2000, 1600, points, "spondylosis", "thumbnails/s.png")
    morning.store.keep_film_views([(1, kept)])
    running = serve()
    page = open_page(running.url)
    for address in (running.url, f"{running.url}/studies/{work_item(morning, study)}"):
        page.goto(address)
        expect(page.locator(".film-landmarks circle").first).to_be_visible()
        for width, height in ((1366, 768), (2560, 1440)):
            page.set_viewport_size({"width": width, "height": height})
            boxes = page.evaluate(
                "[...document.querySelectorAll('.film-stack > :not([hidden])')].map((e) =>"
                " [e.getBoundingClientRect().toJSON(), getComputedStyle(e).objectFit])"
            )
            assert len(boxes) >= 3
            assert all(box == boxes[0] for box in boxes), boxes
            assert boxes[0][1] == "contain"
            # As pictures are fitted, so are the landmarks: both ways by the same scale.
            scales = page.evaluate(
                "((m) => [m.a, m.d])(document.querySelector('.film-landmarks').getScreenCTM())"
            )
            assert scales[0] == pytest.approx(scales[1])


def test_layers_are_switched_by_key_and_stay_so_from_film_to_film(morning, serve, open_page):
    morning.study_with(Outcome.ABNORMAL)
    points = tuple(Landmark(600.0 + n, 300.0, 0.9) for n in range(23))
    kept = FilmView("5d" * 32, 2000, 1600, points, "", "")
    morning.store.keep_film_views([(1, kept)])
    page = open_page(serve().url)
    drawn = page.locator(".film-landmarks")
    switch = page.get_by_role("button", name="Landmarks")
    expect(drawn).to_be_visible()
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("l")
    expect(drawn).to_be_hidden()
    expect(switch).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(drawn).to_be_hidden()


def test_a_film_without_a_larger_view_is_shown_small_however_late_the_script_comes(
    morning, serve, open_page
):
    study = morning.study_with(Outcome.ABNORMAL)
    page = open_page("about:blank")
    scripts = []

    def keep_waiting(route):
        scripts.append(route)

    page.route("**/static/page.js", keep_waiting)
    with page.expect_response("**/films/0/view?*") as refused:
        uid = work_item(morning, study)
        page.goto(f"{serve().url}/studies/{uid}", wait_until="commit")
    assert not refused.value.ok
    page.wait_for_function("document.querySelectorAll('.film-stack img')[1].complete")
    scripts[0].continue_()
    expect(page.locator(".film-stack img").nth(1)).to_be_hidden()
    expect(page.locator(".film-picture")).to_be_visible()


def test_an_open_prior_tells_its_place_on_the_list(morning, serve, open_page):
    morning.study_with(Outcome.LIKELY_NORMAL, patient_id="SAME")
    study = morning.study_with(Outcome.ABNORMAL, patient_id="SAME")
    page = open_page(f"{serve().url}/studies/{work_item(morning, study)}")
    expect(page.locator(".priors li")).to_contain_text("number 2 on the list")
