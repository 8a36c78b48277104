"""A real Orthanc as receiver, by metadata; and the labels of later versions, by a stand-in."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.peers import Orthanc as OrthancPeer
from tests.peers import free_port, start_orthanc
from triage.delivery.association import PeerError, Trouble
from triage.receivers.orthanc import Orthanc
from triage.receivers.receiver import NotTakenError
from triage.settings import OrthancReceiver
from triage.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUDY = "1.2.1"
METADATA = 4200


def film(study: str = STUDY, patient: str = "P1") -> bytes:
    """Return a small image of a study."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    image.SOPInstanceUID = f"{study}.1.{len(patient)}"
    image.StudyInstanceUID, image.SeriesInstanceUID = study, f"{study}.9"
    image.PatientID, image.PatientName, image.Modality = patient, "Roe^Jane", "OT"
    return as_file(image)


def as_file(image: Dataset) -> bytes:
    """Return a data set as a DICOM file."""
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def adapter(peer: OrthancPeer, **options: object) -> Orthanc:
    """Return the adapter of an Orthanc."""
    url = f"http://127.0.0.1:{peer.http_port}"
    return Orthanc(OrthancReceiver("orthanc", url, **options), timeout_seconds=10.0)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    """Return a running Orthanc."""
    with start_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def shown(peer: OrthancPeer):
    """Return what a person sees, and a person's hand: the metadata of a study."""
    peer._request("POST", "/instances", film())
    (study,) = peer._json("GET", "/studies")
    path = f"/studies/{study}/metadata/{METADATA}"

    def metadata(value: str | None = None) -> str:
        if value is not None:
            peer._request("PUT", path, value)
        return peer._request("GET", path).decode()

    yield metadata
    peer._request("DELETE", f"/studies/{study}")


def test_a_study_is_raised_and_put_back_as_metadata_of_a_real_orthanc(make_site, peer, shown):
    orthanc = adapter(peer)
    site = make_site(orthanc)
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("orthanc")
    assert shown() == "HIGH"
    (change,) = site.changes(name="orthanc")
    assert (change.state.value, change.acknowledgement) == ("confirmed", "HTTP 200")
    site.revert()
    site.carry("orthanc")
    assert site.states(name="orthanc") == ["confirmed", "confirmed"]
    with pytest.raises(AssertionError, match="404"):
        shown()


def test_a_person_s_priority_in_orthanc_is_put_back_as_it_was(make_site, peer, shown):
    shown("ROUTINE")
    site = make_site(adapter(peer))
    site.study(STUDY, Outcome.LIKELY_NORMAL)
    site.carry("orthanc")
    assert shown() == "LOW"
    site.revert()
    site.carry("orthanc")
    assert shown() == "ROUTINE"


def test_a_person_s_later_edit_in_orthanc_wins(make_site, peer, shown):
    site = make_site(adapter(peer))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("orthanc")
    shown("STAT")
    site.revert()
    site.carry("orthanc")
    assert shown() == "STAT"
    assert site.states(name="orthanc") == ["confirmed", "left"]


def test_a_study_that_orthanc_does_not_have_is_waited_for(make_site, peer):
    site = make_site(adapter(peer))
    site.study("1.2.99", Outcome.ABNORMAL)
    site.carry("orthanc")
    (change,) = site.changes("1.2.99", "orthanc")
    assert change.state.value == "pending"
    assert "does not have this study" in change.problem


def test_what_an_old_orthanc_is_and_how_it_takes_priorities_is_told(peer):
    assert "metadata 4200" in adapter(peer).describe()


def test_an_orthanc_that_is_away_says_so_without_the_study(make_site):
    site = make_site(Orthanc(OrthancReceiver("orthanc", f"http://127.0.0.1:{free_port()}"), 2.0))
    site.study(STUDY, Outcome.ABNORMAL)
    assert site.carry("orthanc") is None
    (change,) = site.changes(name="orthanc")
    assert change.attempts == 0
    assert "gives no answer" in change.problem
    assert STUDY not in change.problem


def test_a_locked_orthanc_is_opened_by_user_and_password(tmp_path, peer):
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"triage": "secret"}}
    with LockedOrthanc(tmp_path, options) as locked:
        with pytest.raises(PeerError, match="user and password_file") as refused:
            adapter(locked).describe()
        assert refused.value.kind is Trouble.UNWELCOME
        (tmp_path / "password").write_text("secret\n")
        known = adapter(locked, user="triage", password_file=tmp_path / "password")
        assert known.describe().startswith("Orthanc 1.")


def LockedOrthanc(folder: Path, options: dict[str, object]) -> OrthancPeer:  # noqa: N802 - read as a class
    return start_orthanc(folder, options=options)


class LabelsHandler(BaseHTTPRequestHandler):
    """The labels of Orthanc 1.12, as its REST documentation has them."""

    def do_GET(self) -> None:
        if self.path == "/system":
            self._send(json.dumps({"Version": self.server.version}))
        else:
            self._send(json.dumps(sorted(self.server.labels)))

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        known = [{"ID": "abc", "Path": "/studies/abc", "Type": "Study"}] * self.server.copies
        self._send(json.dumps(known if asked == STUDY else []))

    def do_PUT(self) -> None:
        self.server.labels.add(self.path.rpartition("/")[2])
        self._send("")

    def do_DELETE(self) -> None:
        self.server.labels.discard(self.path.rpartition("/")[2])
        self._send("")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, text: str) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def later() -> Iterator[ThreadingHTTPServer]:
    """Return what answers as an Orthanc with labels does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), LabelsHandler)
    server.labels, server.version, server.copies, server.status = {"teaching"}, "1.12.4", 1, 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def labelled(server: ThreadingHTTPServer) -> Orthanc:
    return Orthanc(OrthancReceiver("orthanc", f"http://127.0.0.1:{server.server_port}"), 5.0)


@pytest.mark.parametrize("version", ["1.12.0", "1.12.4", "2.0.1", "mainline"])
def test_an_orthanc_with_labels_shows_priorities_as_labels_and_keeps_those_of_others(
    make_site, later, version
):
    later.version = version
    site = make_site(labelled(later))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("orthanc")
    assert later.labels == {"teaching", "priority-high"}
    site.study(STUDY, instance="1.2.1.2")
    site.decide(STUDY, Outcome.LIKELY_NORMAL)
    site.carry("orthanc")
    assert later.labels == {"teaching", "priority-low"}
    site.revert()
    site.carry("orthanc")
    assert later.labels == {"teaching"}
    assert set(site.states(name="orthanc")) <= {"confirmed", "superseded"}


def test_a_label_that_a_person_took_away_stays_away(make_site, later):
    site = make_site(labelled(later))
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("orthanc")
    later.labels.discard("priority-high")
    site.revert()
    site.resume()
    site.carry("orthanc")
    assert later.labels == {"teaching"}
    assert site.states(name="orthanc")[-1] == "left"


def test_a_study_under_two_patients_is_left_to_a_person(make_site, later):
    later.copies = 2
    orthanc = labelled(later)
    site = make_site(orthanc)
    site.study(STUDY, Outcome.ABNORMAL)
    site.carry("orthanc")
    assert "under 2 patients; merge them" in site.changes(name="orthanc")[0].problem


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, PeerError),
        (403, PeerError),
        (400, NotTakenError),
        (409, NotTakenError),
        (500, NotTakenError),
    ],
)
def test_every_answer_of_orthanc_is_told_apart(later, status, error):
    later.status = status
    with pytest.raises(error) as raised:
        labelled(later).describe()
    if status in (400, 409, 500):
        assert raised.value.refused is (status == 400)


def test_a_password_file_that_cannot_be_read_is_named(later, tmp_path):
    orthanc = labelled(later)
    settings = replace(orthanc.settings, user="triage", password_file=tmp_path / "none")
    with pytest.raises(Exception, match=r"password_file: .*none cannot be read"):
        Orthanc(settings, 5.0).describe()
