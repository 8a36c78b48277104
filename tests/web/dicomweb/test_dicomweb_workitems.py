"""UPS-RS over real sockets: every transaction on work items, and every way it can be refused."""

from __future__ import annotations

import json
import socket

import pytest

from tests.web.dicomweb.items import DICOM_JSON, attribute, performed, pushed, value
from triage.values import UserRole
from triage.web.access.tokens import new_token, token_hash
from triage.web.dicomweb import requests as payloads
from triage.web.dicomweb.requests import MAXIMUM_PAYLOAD_BYTES

NOWHERE = "1.2.3.999"
INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."


def warning_of(answer):
    """Return the text of the Warning header field, without its code and agent."""
    code, agent, text = answer.headers["Warning"].split(" ", 2)
    assert code == "299"
    assert agent.startswith("http://")
    assert agent.endswith("/dicomweb:")
    return text


def test_a_study_is_found_and_retrieved_as_a_work_item(morning, ups):
    morning.stat_order(patient_id="P77", accession_number="ACC77")
    (found,) = ups.search(PatientID="P77")
    item = ups.retrieve(value(found, "00080018"))
    assert value(item, "00741000") == "SCHEDULED"
    assert value(item, "00741200") == "HIGH"
    assert value(item["0040A370"]["Value"][0], "00080050") == "ACC77"
    assert len(item["00404021"]["Value"]) == 1
    assert "00081195" not in item


def test_the_answer_is_the_json_model_under_the_name_that_was_asked_for(morning, ups):
    morning.receive()
    assert ups.get().headers["content-type"] == DICOM_JSON
    older = ups.get(headers={"Accept": "application/json"})
    assert older.headers["content-type"] == "application/json"
    assert older.headers["cache-control"] == "no-store"
    named = ups.get(params={"accept": DICOM_JSON}, headers={"Accept": "application/dicom+xml"})
    assert named.status_code == 200
    (found,) = named.json()
    assert list(found) == sorted(found)


def test_a_pushed_item_is_created_once(ups):
    created = ups.send("POST", "/workitems", pushed(1))
    place = created.headers["Location"]
    assert (created.status_code, created.content) == (201, b"")
    assert place == f"{ups.url}/workitems/1.2.826.0.1.1"
    assert ups.http.get(place).status_code == 200
    again = ups.send("POST", "/workitems", pushed(1))
    assert again.status_code == 409
    assert again.json()["status"] == "0111"


@pytest.mark.parametrize(
    "query", ["?1.2.3.4", "?workitem=1.2.3.4", "?AffectedSOPInstanceUID=1.2.3.4"]
)
def test_the_uid_of_a_new_item_may_stand_in_the_address(ups, query):
    item = pushed(1)
    del item["00080018"]
    answer = ups.send("POST", f"/workitems{query}", [item])
    assert answer.status_code == 201, answer.text
    assert value(ups.retrieve("1.2.3.4"), "00100020") == "Q1"


def test_an_item_that_is_not_scheduled_is_not_created(ups):
    answer = ups.send("POST", "/workitems", pushed(**{"00741000": attribute("CS", "IN PROGRESS")}))
    assert (answer.status_code, answer.json()["status"]) == (400, "C309")


def test_an_item_without_what_must_be_there_is_not_created(ups):
    item = pushed()
    del item["00741204"]
    answer = ups.send("POST", "/workitems", item)
    assert answer.status_code == 400
    assert answer.json()["at_fault"] == "ProcedureStepLabel"
    assert ups.get("/workitems/1.2.826.0.1.1").status_code == 404


def test_two_uids_for_one_new_item_are_refused(ups):
    answer = ups.send("POST", "/workitems?1.2.3.4", pushed(1))
    assert answer.status_code == 400
    assert "name two work items" in answer.json()["error"]


def test_what_cannot_be_kept_of_a_new_item_is_told_by_a_warning(ups):
    answer = ups.send("POST", "/workitems", pushed(**{"00090010": attribute("LO", "ACME")}))
    assert answer.status_code == 201
    assert warning_of(answer) == "The Workitem was created with modifications."
    assert "00090010" not in ups.retrieve("1.2.826.0.1.1")


def test_a_reader_claims_updates_and_completes(morning, ups):
    study = morning.receive()
    (found,) = ups.search(StudyInstanceUID=study)
    uid = value(found, "00080018")
    transaction = ups.claim(uid)
    assert value(ups.retrieve(uid), "00741000") == "IN PROGRESS"
    unmet = ups.change(uid, "COMPLETED", transaction)
    assert (unmet.status_code, unmet.json()["status"]) == (409, "C304")
    assert warning_of(unmet) == INCONSISTENT
    updated = ups.send("POST", f"/workitems/{uid}?{transaction}", performed())
    assert updated.status_code == 200, updated.text
    assert ups.change(uid, "COMPLETED", transaction).status_code == 200
    assert value(ups.retrieve(uid), "00741000") == "COMPLETED"
    again = ups.change(uid, "COMPLETED", transaction)
    assert again.status_code == 200
    assert warning_of(again) == "The UPS is already in the requested state of COMPLETED."


@pytest.mark.parametrize("name", ["transaction-uid", "transaction", ""])
def test_the_lock_of_an_update_may_be_named_or_stand_alone(ups, name):
    uid = ups.create()
    transaction = ups.claim(uid)
    query = f"{name}={transaction}" if name else transaction
    answer = ups.send("POST", f"/workitems/{uid}?{query}", performed())
    assert answer.status_code == 200, answer.text


def test_of_two_readers_one_claims(ups):
    uid = ups.create()
    transaction = ups.claim(uid)
    second = ups.change(uid, "IN PROGRESS", "1.2.3.4.5")
    assert (second.status_code, second.json()["status"]) == (409, "C302")
    assert warning_of(second) == INCONSISTENT
    stolen = ups.change(uid, "COMPLETED", "1.2.3.4.5")
    assert (stolen.status_code, stolen.json()["status"]) == (400, "C301")
    assert warning_of(stolen) == "The Transaction UID is incorrect."
    assert transaction not in json.dumps(ups.retrieve(uid)) + stolen.text


def test_a_claim_without_a_lock_is_told_that_it_is_missing(ups):
    answer = ups.change(ups.create(), "IN PROGRESS")
    assert answer.status_code == 400
    assert warning_of(answer) == "The Transaction UID is missing."


def test_what_is_claimed_is_updated_only_with_its_lock(ups):
    uid = ups.create()
    early = ups.send("POST", f"/workitems/{uid}?1.2.3", performed())
    assert (early.status_code, early.json()["status"]) == (409, "C310")
    assert warning_of(early) == "The target URI did not reference a claimed Workitem."
    ups.claim(uid)
    for query in ("", "?1.2.3"):
        answer = ups.send("POST", f"/workitems/{uid}{query}", performed())
        assert (answer.status_code, answer.json()["status"]) == (400, "C301")


def test_an_item_in_its_final_state_no_longer_changes(ups):
    uid = ups.create()
    ups.complete(uid)
    updated = ups.send("POST", f"/workitems/{uid}?1.2.3", performed())
    assert (updated.status_code, updated.json()["status"]) == (400, "C300")
    claimed = ups.change(uid, "IN PROGRESS", "1.2.3")
    assert (claimed.status_code, claimed.json()["status"]) == (409, "C300")


def test_a_state_that_is_none_is_refused(ups):
    uid = ups.create()
    assert ups.change(uid, "SCHEDULED", "1.2.3").json()["status"] == "C303"
    assert ups.change(uid, "DONE", "1.2.3").status_code == 400
    empty = ups.send("PUT", f"/workitems/{uid}/state", {})
    assert "ProcedureStepState" in empty.json()["error"]
    early = ups.change(uid, "COMPLETED", "1.2.3")
    assert (early.status_code, early.json()["status"]) == (409, "C310")


def test_an_item_that_nobody_has_claimed_is_cancelled_at_once(ups):
    uid = ups.create()
    reason = {"00741238": attribute("LT", "double order")}
    assert ups.send("POST", f"/workitems/{uid}/cancelrequest", reason).status_code == 202
    assert value(ups.retrieve(uid), "00741000") == "CANCELED"
    again = ups.send("POST", f"/workitems/{uid}/cancelrequest")
    assert again.status_code == 202
    assert warning_of(again) == "The UPS is already in the requested state of CANCELED."


def test_a_request_to_cancel_what_is_claimed_needs_somebody_who_hears_it(ups):
    uid = ups.create()
    transaction = ups.claim(uid)
    unheard = ups.send("POST", f"/workitems/{uid}/cancelrequest")
    assert (unheard.status_code, unheard.json()["status"]) == (409, "C312")
    assert warning_of(unheard) == "The performer cannot be contacted."
    ups.subscribe(uid, "READER7").raise_for_status()
    assert ups.send("POST", f"/workitems/{uid}/cancelrequest").status_code == 202
    ups.send("POST", f"/workitems/{uid}?{transaction}", performed()).raise_for_status()
    ups.change(uid, "COMPLETED", transaction).raise_for_status()
    late = ups.send("POST", f"/workitems/{uid}/cancelrequest")
    assert (late.status_code, late.json()["status"]) == (409, "C311")
    assert warning_of(late) == "The UPS is already COMPLETED."


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", f"/workitems/{NOWHERE}", None),
        ("POST", f"/workitems/{NOWHERE}", {}),
        ("PUT", f"/workitems/{NOWHERE}/state", {"00741000": attribute("CS", "COMPLETED")}),
        ("POST", f"/workitems/{NOWHERE}/cancelrequest", None),
        ("POST", f"/workitems/{NOWHERE}/subscribers/READER7", None),
        ("DELETE", f"/workitems/{NOWHERE}/subscribers/READER7", None),
    ],
)
def test_what_does_not_exist_is_404(ups, method, path, content):
    answer = ups.send(method, path, content)
    assert (answer.status_code, answer.json()["status"]) == (404, "C307")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/workitems/not-a-uid", None),
        ("GET", "/workitems/1.2.03", None),
        ("GET", f"/workitems/{'1.' * 33}1", None),
        ("POST", "/workitems/1.2.3?transaction=mine", {}),
        ("POST", "/workitems/1.2.3?mine", {}),
        ("POST", "/workitems?limit=3", {}),
        ("PUT", "/workitems/1.2.3/state", {"00081195": attribute("UI", "0.01")}),
        ("GET", "/workitems?limit=many", None),
        ("GET", "/workitems?PatientBirthDate=yesterday", None),
        ("POST", "/workitems/1.2.3/subscribers/TOO-LONG-A-TITLE-IT-IS", None),
        ("POST", "/workitems/1.2.3/subscribers/A%5CB", None),
        ("POST", "/workitems/1.2.3/subscribers/READER7?deletionlock=maybe", None),
    ],
)
def test_what_cannot_be_understood_is_400_with_a_sentence(morning, ups, method, path, content):
    morning.receive()
    answer = ups.send(method, path, content)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].endswith(".")


def test_another_media_type_is_refused(ups):
    uid = ups.create()
    assert ups.get(headers={"Accept": "application/dicom+xml"}).status_code == 406
    xml = {"Content-Type": "application/dicom+xml"}
    path = f"{ups.url}/workitems"
    assert ups.http.post(path, content="<x/>", headers=xml).status_code == 415
    assert ups.http.put(f"{path}/{uid}/state", content="{}").status_code == 415
    assert ups.http.post(f"{path}/{uid}/cancelrequest", content="x").status_code == 415


def test_another_method_is_405_in_json(ups):
    answer = ups.send("PUT", "/workitems")
    assert answer.status_code == 405
    assert answer.json()["error"]


def test_a_payload_is_bounded_in_size_told_and_untold(ups):
    address, kind = f"{ups.url}/workitems", {"Content-Type": DICOM_JSON}
    told = ups.http.post(address, content=b" " * (MAXIMUM_PAYLOAD_BYTES + 1), headers=kind)
    assert told.status_code == 413
    pieces = (b" " * 65_536 for _ in range(MAXIMUM_PAYLOAD_BYTES // 65_536 + 1))
    assert ups.http.post(address, content=pieces, headers=kind).status_code == 413
    deep = ups.http.post(address, content=b"[" * 100_000, headers=kind)
    assert (deep.status_code, deep.json()["error"]) == (400, "The payload is nested too deeply.")
    assert ups.get().status_code == 200


def test_a_payload_that_does_not_come_is_not_waited_for(ups, monkeypatch):
    monkeypatch.setattr(payloads, "PAYLOAD_SECONDS", 0.01)
    host, _, port = ups.url.removeprefix("http://").removesuffix("/dicomweb").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            b"POST /dicomweb/workitems HTTP/1.1\r\nHost: localhost\r\n"
            + f"Authorization: Bearer {ups.token}\r\n".encode()
            + b"Content-Type: application/dicom+json\r\nContent-Length: 100\r\n\r\n{"
        )
        assert connection.recv(4_096).startswith(b"HTTP/1.1 408 ")


def test_a_refusal_and_a_warning_hold_nothing_of_a_patient(ups):
    item = pushed(**{"00100020": attribute("LO", "Quixworth" * 20)})
    answer = ups.send("POST", "/workitems", item)
    assert answer.status_code == 400
    assert "Quixworth" not in answer.text + str(answer.headers)


def test_nobody_reads_or_changes_the_list_without_a_log_in(morning, ups):
    uid = ups.create()
    for method, path in (
        ("GET", "/workitems"),
        ("GET", f"/workitems/{uid}"),
        ("POST", f"/workitems/{uid}/cancelrequest"),
        ("POST", f"/workitems/{uid}/subscribers/READER7"),
    ):
        answer = ups.send(method, path, Authorization="Bearer nonsense")
        assert answer.status_code == 401, path
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        assert answer.json()["error"]
    assert value(ups.retrieve(uid), "00741000") == "SCHEDULED"


def test_a_machine_that_may_only_operate_does_not_change_the_list(morning, ups):
    uid = ups.create()
    text = new_token()
    morning.store.add_user("watchdog", (UserRole.OPERATOR,), "")
    morning.store.set_user_token("watchdog", token_hash(text))
    operator = {"Authorization": f"Bearer {text}"}
    assert ups.get(headers=operator).status_code == 200
    answer = ups.send("POST", f"/workitems/{uid}/cancelrequest", **operator)
    assert answer.status_code == 403
    assert "reader" in answer.json()["error"]


def test_a_change_is_recorded_in_the_name_of_who_asked(morning, ups):
    uid = ups.create()
    ups.claim(uid)
    assert morning.store.step(uid).claimed_by == "viewer"
