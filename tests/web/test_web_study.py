"""A study's page and pictures over real sockets."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from triage.values import ImageState, OperatingPoint, Outcome
from triage.web.history import Past
from triage.web.study import study_view

PATIENT = {
    "patient_name": "Quixworth^Zebulon",
    "patient_id": "PID-77123",
    "patient_birth_date": "19440511",
}


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
        view = study_view(Past(morning.store.study(study)), algorithm)
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


def test_other_studies_of_a_patient_are_those_under_the_very_same_id(morning, serve):
    """A Patient ID may look like a pattern, or be missing: neither makes two people one."""
    films = {"A*": "quince", "AB": "medlar", "A?": "sloe", "": "rowan", "A": "bullace"}
    described = {f"{film}-{number}": film for film in films.values() for number in (1, 2)}
    patient_of = {film: patient for patient, film in films.items()}
    for words, film in described.items():
        morning.study_with(Outcome.ABNORMAL, patient_id=patient_of[film], study_description=words)
    with serve().client() as client:
        lines = client.get("/api/worklist").json()["entries"]
        assert len(lines) == len(described)
        for line in lines:
            own = line["study_description"]
            page = client.get(f"/studies/{line['work_item_uid']}/fragment").text
            same = {one for one in described if described[one] == described[own]}
            expected = {own} if described[own] == "rowan" else same
            assert {one for one in described if one in page} == expected
