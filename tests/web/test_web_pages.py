"""The list over real sockets: its lines, its order, its headers, and what it keeps to itself."""

from __future__ import annotations

import re
import threading

import httpx
import pytest

from tests.web.site import trusted
from triage.values import Outcome

PATIENT = {
    "patient_name": "Quixworth^Zebulon",
    "patient_id": "PID-77123",
    "patient_birth_date": "19440511",
}
PATIENT_WORDS = ("Quixworth", "Zebulon", "PID-77123", "1944-05-11", "19440511")


def order_of(html: str) -> list[str]:
    """Return the work item UIDs of a list page, from top to bottom."""
    return re.findall(r'<tr id="w-([0-9.]+)"', html)


def test_the_page_shows_every_study_once_in_the_order_of_the_api(looked_at):
    entries = looked_at.get("/api/worklist").json()["entries"]
    shown = order_of(looked_at.get("/").text)
    assert [entry["position"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["reading_class"] for entry in entries] == [
        "urgent-order",
        "suspected-abnormal",
        "routine",
        "routine",
        "likely-normal",
    ]
    assert shown == [entry["work_item_uid"] for entry in entries]


def test_the_json_of_a_long_list_comes_in_pages_that_name_the_next(morning, serve):
    for _ in range(5):
        morning.receive()
        morning.later(1)
    morning.stat_order()
    with serve().client() as client:
        whole = client.get("/api/worklist").json()
        assert (whole["total"], len(whole["entries"]), whole["next"]) == (6, 6, None)
        found, address = [], "/api/worklist?limit=2"
        while address:
            answer = client.get(address)
            page = answer.json()
            assert (page["total"], len(page["entries"])) == (6, 2)
            assert answer.headers.get("link", "") == (
                f'<{page["next"]}>; rel="next"' if page["next"] else ""
            )
            found += page["entries"]
            address = page["next"]
        assert [(one["position"], one["work_item_uid"]) for one in found] == [
            (one["position"], one["work_item_uid"]) for one in whole["entries"]
        ]
        for wrong in ("limit=many", "limit=-1", "after=1", "after=7_1_2.25.1", "after=2_x_2.25.1"):
            refused = client.get(f"/api/worklist?{wrong}")
            assert refused.status_code == 400, wrong
            assert "1 to 1000 entries" in refused.json()["error"]


def test_a_line_tells_what_a_reader_needs(morning, serve):
    study = morning.stat_order(**PATIENT, accession_number="ACC-9")
    morning.analyse(2.0)
    morning.decide(study, Outcome.ABNORMAL, "spondylosis suspected", "flag at 73 %")
    morning.later(65)
    with serve().client() as client:
        page = client.get("/").text
    for words in (
        "Quixworth, Zebulon",
        "PID-77123",
        "1944-05-11",
        "F 80 y",
        "ACC-9",
        "HIGH",
        "STAT",
        "Suspected abnormal",
        "spondylosis suspected; flag at 73 %",
        "1 h 05 min",
        "C-spine lateral",
        "Urgent orders",
        "Not for diagnosis",
        "Trained on a phantom",
        "Demote mode",
    ):
        assert words in page, words


def test_a_study_that_reached_the_cap_is_marked_and_says_why_it_was_raised(morning, serve):
    morning.study_with(Outcome.LIKELY_NORMAL)
    morning.later(240)
    with serve().client() as client:
        page = client.get("/").text
        (entry,) = client.get("/api/worklist").json()["entries"]
    assert "raised by the waiting cap" in page
    assert "Waiting too long" in page
    assert "Suspected abnormal</" not in page
    assert (entry["overdue"], entry["priority"]) == (True, "HIGH")


def test_text_from_a_header_stays_text(morning, serve):
    morning.receive(
        patient_name="<script>alert(1)</script>^A", study_description='"><img src=x onerror=y>'
    )
    with serve().client() as client:
        page = client.get("/").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_a_site_may_hide_who_the_patient_is(morning, serve):
    study = morning.study_with(Outcome.ABNORMAL, **PATIENT)
    uid = morning.store.study(study).entry.work_item_uid
    with serve(show_patient=False).client() as client:
        pages = [
            client.get(path).text
            for path in (
                "/",
                "/list",
                f"/studies/{uid}",
                f"/studies/{uid}/fragment",
                "/api/worklist",
                f"/api/studies/{uid}",
                "/metrics",
                "/health/ready",
            )
        ]
    for page in pages:
        assert not [word for word in PATIENT_WORDS if word in page]
    assert "Hidden" in pages[0]


def test_no_address_on_the_pages_names_a_patient(morning, serve):
    study = morning.study_with(Outcome.ABNORMAL, **PATIENT, accession_number="ACC-9")
    uid = morning.store.study(study).entry.work_item_uid
    with serve().client() as client:
        text = client.get("/").text + client.get(f"/studies/{uid}").text
    addresses = re.findall(r'(?:href|src|data-fragment|data-events)="([^"]+)"', text)
    assert len(addresses) > 8
    for address in addresses:
        assert not [word for word in (*PATIENT_WORDS, "ACC-9") if word in address]
        assert address.startswith(("/", "#"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/list", 200),
        ("GET", "/api/worklist", 200),
        ("GET", "/metrics", 200),
        ("GET", "/static/list.js", 200),
        ("GET", "/studies/9.9.9", 404),
        ("GET", "/studies/9.9.9/thumbnail", 404),
        ("GET", "/api/studies/9.9.9", 404),
        ("GET", "/static/../server.py", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("DELETE", "/api/worklist", 405),
    ],
)
def test_every_answer_is_guarded(looked_at, method, path, status):
    answer = looked_at.request(method, path)
    assert answer.status_code == status
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    kept = "no-cache" if path.startswith("/static/list") else "no-"
    assert answer.headers["cache-control"].startswith(kept)
    assert "server" not in answer.headers
    if status == 405:
        assert "can only be read" in answer.text


def test_pages_need_nothing_from_elsewhere_and_no_inline_code(looked_at):
    text = looked_at.get("/").text
    text += looked_at.get(f"/studies/{order_of(text)[0]}").text + looked_at.get("/operator").text
    text += looked_at.get("/static/triage.css").text + looked_at.get("/static/list.js").text
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=", text)


def test_many_readers_at_once_get_the_same_list(looked_at):
    answers: list[httpx.Response] = []

    def read() -> None:
        with httpx.Client(base_url=looked_at.base_url, verify=trusted()) as client:
            answers.append(client.get("/"))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len({tuple(order_of(answer.text)) for answer in answers}) == 1
