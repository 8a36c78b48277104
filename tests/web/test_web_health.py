"""Health, metrics, and what is answered when something is wrong."""

from __future__ import annotations

import os
import sqlite3
import time

from prometheus_client.parser import text_string_to_metric_families

from triage.presence import sign
from triage.values import Outcome

ROLES = ("listener", "worker", "clock", "courier")
PATIENT = {
    "patient_name": "Quixworth^Zebulon",
    "patient_id": "PID-77123",
    "patient_birth_date": "19440511",
}
PATIENT_WORDS = ("Quixworth", "Zebulon", "PID-77123", "1944-05-11", "19440511")


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
