"""UPS-RS with the clients that others wrote: dicomweb-client and curl."""

from __future__ import annotations

import json
import subprocess

import pytest
import requests
from dicomweb_client.web import DICOMwebClient
from pydicom.dataset import Dataset

from tests.web.dicomweb.items import DICOM_JSON, performed, pushed, state, value

JSON_HEADERS = {"Content-Type": DICOM_JSON}


@pytest.fixture
def dicomweb_client(ups):
    """A dicomweb-client; it names no transaction of UPS-RS, so its HTTP verbs are used."""
    return DICOMwebClient(ups.url, headers={"Authorization": f"Bearer {ups.token}"})


def test_dicomweb_client_creates_searches_claims_completes_and_pages(dicomweb_client, ups):
    client, workitems = dicomweb_client, f"{ups.url}/workitems"
    for number in range(1, 6):
        created = client._http_post(
            workitems, json.dumps(pushed(number)).encode(), {**JSON_HEADERS}
        )
        assert created.status_code == 201
    found = client._http_get_application_json(
        workitems,
        params={"ScheduledProcedureStepPriority": "MEDIUM", "limit": 2},
        get_remaining=True,
    )
    assert [item.PatientID for item in map(Dataset.from_json, found)] == [
        f"Q{number}" for number in range(1, 6)
    ]
    uid = Dataset.from_json(found[0]).SOPInstanceUID
    claim = client._session.put(
        f"{workitems}/{uid}/state",
        data=json.dumps(state("IN PROGRESS", "1.2.3")),
        headers=JSON_HEADERS,
    )
    assert claim.status_code == 200
    changed = client._http_post(
        f"{workitems}/{uid}?1.2.3", json.dumps(performed()).encode(), {**JSON_HEADERS}
    )
    assert changed.status_code == 200
    client._session.put(
        f"{workitems}/{uid}/state",
        data=json.dumps(state("COMPLETED", "1.2.3")),
        headers=JSON_HEADERS,
    ).raise_for_status()
    (item,) = client._http_get_application_json(f"{workitems}/{uid}")
    assert Dataset.from_json(item).ProcedureStepState == "COMPLETED"


def test_dicomweb_client_is_told_of_errors_and_unsubscribes(dicomweb_client, ups):
    with pytest.raises(requests.HTTPError, match="404"):
        dicomweb_client._http_get_application_json(f"{ups.url}/workitems/1.2.3.999")
    uid = ups.create()
    ups.subscribe(uid, "READER7").raise_for_status()
    left = dicomweb_client._http_delete(f"{ups.url}/workitems/{uid}/subscribers/READER7")
    assert left.status_code == 200


def test_a_large_payload_of_dicomweb_client_comes_in_chunks(dicomweb_client, ups):
    dicomweb_client.set_chunk_size(1_000)
    created = dicomweb_client._http_post(
        f"{ups.url}/workitems", json.dumps(pushed(1), indent=8).encode(), {**JSON_HEADERS}
    )
    assert created.status_code == 201
    assert value(ups.retrieve("1.2.826.0.1.1"), "00100020") == "Q1"


@pytest.fixture
def curl(ups, require_program, tmp_path):
    """Return a function that runs curl as a shell would, and returns status and content."""
    program = require_program("curl")
    secret = tmp_path / "token"
    secret.write_text(f"Authorization: Bearer {ups.token}\n")

    def run(*arguments, data=None):
        payload = (
            [] if data is None else ["-H", f"Content-Type: {DICOM_JSON}", "-d", json.dumps(data)]
        )
        done = subprocess.run(
            [program, "--silent", "--show-error", "--noproxy", "*", "-H", f"@{secret}",
             "--write-out", "\n%{http_code}", *payload, *arguments],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        content, _, status = done.stdout.rpartition("\n")
        return int(status), content

    return run


def test_curl_pushes_claims_and_cancels(ups, curl):
    workitems = f"{ups.url}/workitems"
    assert curl(f"{workitems}?1.2.3", data=_without_uid(pushed()))[0] == 201
    status, content = curl("-G", workitems, "-d", "PatientID=Q1", "-d", "includefield=all")
    (item,) = json.loads(content)
    assert (status, value(item, "00080018")) == (200, "1.2.3")
    status, content = curl(f"{workitems}/1.2.3")
    assert (status, len(json.loads(content))) == (200, 1)
    claim = state("IN PROGRESS", "1.2.3.4")
    assert curl("-X", "PUT", f"{workitems}/1.2.3/state", data=claim) == (200, "")
    status, content = curl("-X", "PUT", f"{workitems}/1.2.3/state", data=claim)
    assert (status, json.loads(content)["status"]) == (409, "C302")
    assert curl("-X", "POST", f"{workitems}/1.2.3/subscribers/READER7")[0] == 201
    assert curl("-X", "POST", f"{workitems}/1.2.3/cancelrequest")[0] == 202
    assert curl("-X", "DELETE", f"{workitems}/1.2.3/subscribers/READER7")[0] == 200


def test_curl_reads_a_warning(ups, curl):
    headers = curl("-D", "-", "-o", "-", f"{ups.url}/workitems?fuzzymatching=true")[1].lower()
    assert "warning: 299 http://" in headers
    assert "the fuzzymatching parameter is not supported." in headers


def _without_uid(item):
    return {tag: each for tag, each in item.items() if tag != "00080018"}
