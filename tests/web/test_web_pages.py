"""The web role over real sockets: page, JSON, headers, health, metrics, and what goes wrong."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
import time
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from triage.errors import TriageError
from triage.presence import sign
from triage.values import ImageState, OperatingPoint, Outcome
from triage.web.events import STALE_SECONDS, ChangeFeed, stream
from triage.web.server import listen, run
from triage.web.study import study_view

if TYPE_CHECKING:
    import httpx

ROLES = ("listener", "worker", "clock", "courier")
PATIENT = {
    "patient_name": "Quixworth^Zebulon",
    "patient_id": "PID-77123",
    "patient_birth_date": "19440511",
}
PATIENT_WORDS = ("Quixworth", "Zebulon", "PID-77123", "1944-05-11", "19440511")


def order_of(html: str) -> list[str]:
    """Return the work item UIDs of a list page, from top to bottom."""
    return re.findall(r'<tr id="w-([0-9.]+)"', html)


def busy_morning(morning) -> None:
    """Receive one study of each kind, in an order that is not the reading order."""
    morning.study_with(Outcome.LIKELY_NORMAL)
    morning.later(5)
    morning.study_with(Outcome.NOT_ASSESSABLE)
    morning.later(5)
    morning.study_with(Outcome.ABNORMAL)
    morning.later(5)
    morning.receive()
    morning.later(5)
    morning.stat_order()


def test_the_page_shows_every_study_once_in_the_order_of_the_api(morning, serve):
    busy_morning(morning)
    with serve().client() as client:
        entries = client.get("/api/worklist").json()["entries"]
        shown = order_of(client.get("/").text)
    assert [entry["position"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["reading_class"] for entry in entries] == [
        "urgent-order",
        "suspected-abnormal",
        "routine",
        "routine",
        "likely-normal",
    ]
    assert shown == [entry["work_item_uid"] for entry in entries]


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
def test_every_answer_is_guarded(serve, method, path, status):
    with serve().client() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    kept = "no-cache" if path.startswith("/static/list") else "no-"
    assert answer.headers["cache-control"].startswith(kept)
    assert "server" not in answer.headers
    if status == 405:
        assert "can only be read" in answer.text


def test_pages_need_nothing_from_elsewhere_and_no_inline_code(morning, serve):
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    with serve().client() as client:
        text = client.get("/").text + client.get(f"/studies/{uid}").text
        text += client.get("/static/triage.css").text + client.get("/static/list.js").text
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=", text)


def test_a_store_that_cannot_be_read_is_a_sentence_and_not_a_list(morning, serve):
    morning.receive()
    running = serve()
    with sqlite3.connect(morning.folder / "triage.db") as broken:
        broken.execute("ALTER TABLE work_items RENAME TO lost")
    broken.close()
    with running.client() as client:
        for path in ("/", "/list", "/api/worklist"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert "cannot be used" in answer.text
        assert client.get("/health/live").status_code == 200


def test_readiness_names_the_roles_that_are_silent(morning, serve):
    for role in ROLES:
        sign(morning.folder, role)
    with serve().client() as client:
        assert client.get("/health/ready").json() == {"status": "ready", "reasons": []}
        long_ago = time.time() - 3600
        os.utime(morning.folder / "roles" / "worker.json", (long_ago, long_ago))
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the worker gives no sign of life"]


def test_readiness_says_that_the_store_cannot_be_read(morning, serve):
    for role in ROLES:
        sign(morning.folder, role)
    running = serve()
    with sqlite3.connect(morning.folder / "triage.db") as broken:
        broken.execute("ALTER TABLE instances RENAME TO lost")
    broken.close()
    with running.client() as client:
        answer = client.get("/health/ready")
        assert client.get("/metrics").status_code == 503
    assert answer.status_code == 503
    assert "cannot be used" in answer.json()["reasons"][0]


def test_metrics_count_without_naming_anybody(morning, serve):
    morning.study_with(Outcome.ABNORMAL, **PATIENT)
    morning.receive(**PATIENT)
    morning.later(2)
    with serve().client() as client:
        text = client.get("/metrics").text
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["triage_images", "queued"] == 1
    assert samples["triage_images", "analysed"] == 1
    assert samples["triage_studies", "decided"] == 1
    assert samples["triage_deliveries", "pacs", "pending"] == 1
    assert samples["triage_deliveries", "dead", "pacs"] == 0
    assert samples["triage_oldest_queued_image_seconds",] == 120
    assert samples["triage_paused",] == 0
    assert not [word for word in PATIENT_WORDS if word in text]


def test_the_brake_shows(morning, serve):
    morning.study_with(Outcome.ABNORMAL)
    running = serve()
    with running.client() as client:
        assert "Paused." not in client.get("/").text
        morning.store.pause("paused")
        assert client.get("/api/worklist").json()["paused"]
        assert "triage_paused 1.0" in client.get("/metrics").text
    with serve().client() as client:
        assert "Paused." in client.get("/").text


def test_thumbnails_come_from_their_folder_and_from_nowhere_else(morning, serve):
    study = morning.study_with(Outcome.ABNORMAL)
    uid = morning.store.study(study).entry.work_item_uid
    with serve().client() as client:
        for path in (f"/studies/{uid}/thumbnail", f"/studies/{uid}/thumbnails/0"):
            answer = client.get(path)
            assert answer.headers["content-type"] == "image/png"
            assert answer.content.startswith(b"\x89PNG")
        assert client.get(f"/studies/{uid}/thumbnails/7").status_code == 404
        with sqlite3.connect(morning.folder / "triage.db") as moved:
            moved.execute("UPDATE instances SET thumbnail = 'thumbnails/../triage.db'")
        moved.close()
        assert client.get(f"/studies/{uid}/thumbnail").status_code == 404


def test_a_study_page_tells_the_whole_history(morning, serve):
    study = morning.study_with(Outcome.ABNORMAL, "spondylosis suspected", **PATIENT)
    morning.receive(study, state=ImageState.HEADER_ONLY, modality="PR")
    uid = morning.store.study(study).entry.work_item_uid
    (delivery,) = morning.store.claim_deliveries("courier", "pacs", 5, 60)
    morning.store.delivery_failed(
        delivery.delivery_id, "courier", "connection refused", next_attempt_at=None
    )
    with serve().client() as client:
        page = client.get(f"/studies/{uid}").text
        record = client.get(f"/api/studies/{uid}").json()
    for words in (
        "Quixworth, Zebulon",
        "Image 1 received",
        "DX from MODALITY1",
        "Decision 1: suspected abnormal",
        "Moved from Routine to Suspected abnormal",
        "Report written",
        "Given up",
        "connection refused",
        "Cervical spondylosis",
        "Suspected</td>",
        "pixels.blur",
        "PR from MODALITY1",
    ):
        assert words in page, words
    assert record["decisions"][0]["decision"]["outcome"] == "abnormal"
    assert record["deliveries"][0]["state"] == "dead"
    assert record["instances"][0]["analysis"]["scores"][0]["finding"] == "spondylosis"


@pytest.mark.parametrize(
    ("logit", "verdict"),
    [
        (2.0, "Suspected"),
        (1.1, "Suspected"),  # by the mean: one of the two models stays below the threshold
        (-0.5, "Undecided"),
        (-2.1, "Undecided"),  # only one of the two models rules it out
        (-3.0, "Ruled out"),
    ],
)
def test_scores_are_judged_by_the_thresholds_of_the_bundle(morning, serve, logit, verdict):
    study = morning.receive()
    morning.analyse(logit)
    uid = morning.store.study(study).entry.work_item_uid
    with serve().client() as client:
        page = client.get(f"/studies/{uid}").text
    assert f">{verdict}</td>" in page


def test_a_finding_that_only_describes_another_one_is_seen_or_not_seen(morning, algorithm):
    point = OperatingPoint("spondylosis", 1.0, None, 0.73, None, decides=False)
    algorithm = replace(algorithm, points=(point,))
    verdicts = []
    for logit in (2.0, 0.0):
        study = morning.receive()
        morning.analyse(logit)
        view = study_view(morning.store.study(study), algorithm)
        verdicts += [finding.verdict for film in view.films for finding in film.findings]
    assert verdicts == ["seen", "not-seen"]


def test_a_failed_gate_stands_first_and_its_scores_do_not_count(morning, serve):
    study = morning.receive()
    morning.analyse(9.0, passed=False, reason="the image is blurred")
    uid = morning.store.study(study).entry.work_item_uid
    with serve().client() as client:
        page = client.get(f"/studies/{uid}").text
    assert page.index("the image is blurred") < page.index("header.view")
    assert "Not counted: a gate failed</td>" in page
    assert "Suspected</td>" not in page


def test_an_open_page_is_told_at_once_of_every_commit(morning, serve, monkeypatch):
    monkeypatch.setattr("triage.web.events.BEAT_SECONDS", 0.2)
    running = serve()
    with running.client() as client, client.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line.startswith("event:"))
        assert next(lines) == "event: changed"
        quiet = next(line for line in lines if line == "event: beat")
        assert quiet
        morning.receive()
        assert "event: changed" in (next(lines), next(lines), next(lines))


def test_no_beat_is_sent_while_the_store_cannot_be_watched(morning, monkeypatch):
    monkeypatch.setattr("triage.web.events.BEAT_SECONDS", 0.01)
    now = [0.0]

    async def heard(feed: ChangeFeed) -> list[str]:
        """Return what a page hears until the first beat, at most for the time given."""
        events: list[str] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(0.6), aclosing(stream(feed)) as told:
                async for event in told:
                    events.append(event.partition("\n")[0])
                    if events[-1] == "event: beat":
                        break
        return events

    async def listen_twice() -> tuple[list[str], list[str]]:
        feed = ChangeFeed(morning.store, monotonic=lambda: now[0])
        watched = await heard(feed)
        now[0] = STALE_SECONDS
        return watched, await heard(feed)

    watched, unwatched = asyncio.run(listen_twice())
    assert watched[-1] == "event: beat"
    assert unwatched == ["retry: 2000", "event: changed"]


def test_stopping_closes_open_streams_within_seconds(serve):
    running = serve()
    with running.client() as client, client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.monotonic()
        running.stop()
        list(lines)
    assert time.monotonic() - began < 4
    assert running.failure is None
    assert running.beats > 0


def test_a_port_that_is_taken_is_a_sentence_that_names_the_key(morning):
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with taken, pytest.raises(TriageError, match=rf"127\.0\.0\.1 port {port} .*web\.port"):
        run(morning.settings(port=port), threading.Event(), lambda: None)


def test_a_bundle_that_cannot_be_read_leaves_the_page_without_its_name(morning, serve):
    morning.receive()
    with serve(algorithm=None).client() as client:
        answer = client.get("/")
    assert answer.status_code == 200
    assert "Not for diagnosis" in answer.text


def test_a_fault_of_the_program_itself_is_a_plain_page(morning, serve, monkeypatch):
    running = serve()
    monkeypatch.setattr("triage.web.listing.pages.lines_of", lambda *_, **__: 1 / 0)
    with running.client() as client:
        answer = client.get("/")
    assert answer.status_code == 500
    assert "Read from the PACS" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_many_readers_at_once_get_the_same_list(morning, serve):
    busy_morning(morning)
    running = serve()
    answers: list[httpx.Response] = []

    def read() -> None:
        with running.client() as client:
            answers.append(client.get("/"))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len({tuple(order_of(answer.text)) for answer in answers}) == 1
