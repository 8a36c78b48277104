"""The JSON of one study: the history of its page, and the records that it is told from."""

from __future__ import annotations

import html
import re

import pytest

from tests.web.outside import hl7_answers, receiver_takes
from triage.store import NewStep, StepSubject
from triage.uids import new_uid
from triage.ups.service import StepService
from triage.values import Outcome, ReadingClass, Verdict

PATIENT = {"patient_name": "Quixworth^Zebulon", "patient_id": "PID-77123"}
EVENT = re.compile(
    r'<li class="(\w*)"><time datetime="([^"]+)".*?<span class="what">(.*?)</span>'
    r'(?:<span class="detail">(.*?)</span>)?</div></li>',
    re.DOTALL,
)


def history_of(page: str) -> list[dict[str, object]]:
    """Return the lines of the history on a study's page, as its JSON tells them."""
    section = page[page.index(">History</h2>") :].split("</ol>", 1)[0]
    return [
        {
            "at": at,
            "what": html.unescape(what),
            "detail": html.unescape(detail),
            "trouble": trouble == "trouble",
        }
        for trouble, at, what, detail in EVENT.findall(section)
    ]


@pytest.fixture
def study(morning):
    """A study of which everybody has said something."""
    morning.store.know_receivers(["orthanc", "manager"])
    for receiver in ("ris", "archive"):
        morning.store.open_result_feed(receiver)
    study = morning.study_with(Outcome.ABNORMAL, "spondylosis suspected", **PATIENT)
    morning.later(1)
    hl7_answers(morning, "ris", "")
    hl7_answers(morning, "archive", "AR: application reject")
    morning.later(1)
    receiver_takes(morning, "orthanc")
    receiver_takes(morning, "manager", shows=False)
    morning.later(1)
    morning.store.give_feedback(study, "bert", Verdict.DISAGREE, 1)
    morning.later(1)
    steps = StepService(morning.store, morning.settings())
    item = morning.store.study(study).entry.work_item_uid
    steps.change_state(item, "IN PROGRESS", new_uid(), "bert")
    return study


@pytest.fixture
def item(morning, study):
    """The work item of the study."""
    return morning.store.study(study).entry.work_item_uid


def test_the_json_of_a_study_tells_the_history_of_its_page(serve, item):
    with serve().client() as client:
        told = client.get(f"/api/studies/{item}").json()["history"]
        page = client.get(f"/studies/{item}").text
    assert told == history_of(page)
    assert {one["what"]: one["trouble"] for one in told}.items() >= {
        "Opened by bert": False,
        "bert disagrees": False,
        "Priority shown at orthanc": False,
        "Priority taken, and not shown at manager": True,
        "Message acknowledged by ris": False,
        "Moved from Routine to Suspected abnormal": False,
        "Image 1 received": False,
    }.items()


def test_the_json_of_a_study_has_the_records_behind_its_history(serve, item):
    with serve().client() as client:
        told = client.get(f"/api/studies/{item}").json()
    assert [(one["receiver"], one["state"], one["problem"]) for one in told["messages"]] == [
        ("ris", "stored", ""),
        ("archive", "dead", "AR: application reject"),
    ]
    changes = {one["receiver"]: one for one in told["receiver_changes"]}
    assert {name: one["state"] for name, one in changes.items()} == {
        "manager": "not-moved",
        "orthanc": "confirmed",
    }
    assert changes["orthanc"]["acknowledgement"] == "200 OK"
    assert [(one["user_name"], one["verdict"], one["stands"]) for one in told["feedback"]] == [
        ("bert", "disagree", True)
    ]
    assert [one["state_after"] for one in told["step_changes"]] == ["SCHEDULED", "IN PROGRESS"]


def test_a_work_item_without_images_tells_who_has_opened_it(morning, serve):
    item = "1.2.840.99.1"
    subject = StepSubject(patient_name="Pushed^Paula")
    ready = {"00404041": {"vr": "CS", "Value": ["READY"]}}  # Input Readiness State
    morning.store.create_step(NewStep(item, ReadingClass.ROUTINE, ready, subject, by="OTHER"))
    steps = StepService(morning.store, morning.settings())
    steps.change_state(item, "IN PROGRESS", new_uid(), "bert")
    with serve().client() as client:
        told = client.get(f"/api/studies/{item}").json()["history"]
        page = client.get(f"/studies/{item}").text
    assert told == history_of(page)
    assert [one["what"] for one in told] == ["Opened by bert"]


def test_the_json_of_a_study_names_no_patient_where_the_site_hides_them(serve, item):
    with serve(show_patient=False).client() as client:
        answer = client.get(f"/api/studies/{item}")
    assert answer.json()["entry"]["patient"] is None
    assert answer.json()["history"]
    assert not re.search("quixworth|zebulon|PID-77123", answer.text, re.IGNORECASE)


def test_a_study_that_nobody_knows_is_refused_in_json(serve):
    with serve().client() as client:
        answer = client.get("/api/studies/1.2.3")
    assert (answer.status_code, answer.json()) == (404, {"error": "This study is not on the list."})
