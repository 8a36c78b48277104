"""The listener with real peers: what comes in is durable before it is acknowledged."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, MRImageStorage, generate_uid
from pynetdicom.sop_class import (
    BasicTextSRStorage,
    DigitalXRayImageStorageForPresentation,
    Verification,
)

from triage.errors import TransientError
from triage.intake import gate, listener, storing
from triage.intake.store_command import store_response
from triage.settings import UnknownSopClasses
from triage.values import ImageState, StudyState

DX = DigitalXRayImageStorageForPresentation


@pytest.fixture
def logged(monkeypatch):
    """Return the events that the listener logs, in order."""
    events = []

    def take(event, **keys):
        events.append({"event": event, **keys})

    log = SimpleNamespace(info=take, warning=take, exception=take)
    monkeypatch.setattr(storing, "_log", log)
    monkeypatch.setattr(listener, "_log", log)
    monkeypatch.setattr(gate, "_log", log)
    return events


def test_an_echo_is_answered(start_listener, associate):
    association = associate(start_listener().port, Verification)
    assert association.send_c_echo().Status == 0x0000


def test_a_film_is_in_the_spool_and_recorded_when_it_is_acknowledged(
    start_listener, associate, radiograph
):
    running, film = start_listener(), radiograph()
    status = associate(running.port, DX).send_c_store(film)

    assert status.Status == 0x0000
    (record,) = running.instances(film.StudyInstanceUID)
    path = running.settings.state_folder / record.path
    assert record.state is ImageState.QUEUED
    assert record.calling_ae_title == "MODALITY"
    assert record.size_bytes == path.stat().st_size
    assert dcmread(path) == film
    assert running.unfinished() == []
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_and_its_folder_are_flushed_before_the_row_is_written(
    start_listener, associate, radiograph, monkeypatch
):
    done = []
    flush, record, answer = os.fsync, listener.Store.record_instances, store_response

    def note(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        done.append(path.parts[path.parts.index("state") + 1 :])
        flush(handle)

    def record_and_note(store, arrivals):
        done.append("row")
        return record(store, arrivals)

    def answer_and_note(*arguments):
        done.append("answer")
        return answer(*arguments)

    monkeypatch.setattr("triage.intake.spool.os.fsync", note)
    monkeypatch.setattr(listener.Store, "record_instances", record_and_note)
    monkeypatch.setattr("triage.intake.association.store_response", answer_and_note)
    assert associate(start_listener().port, DX).send_c_store(radiograph()).Status == 0x0000
    (incoming, _), spool, (also_spool, _hour) = done[:3]
    assert (incoming, spool, also_spool) == ("incoming", ("spool",), "spool")
    assert done[3:] == ["row", "answer"]


def test_dcmtk_sends_the_real_films_and_compressed_ones_stay_as_they_are(
    start_listener, test_data, require_program
):
    running = start_listener()
    films = sorted((test_data / "cspine_dx").glob("*.dcm"))
    command = [require_program("dcmsend"), "-aec", "TRIAGE", "127.0.0.1", str(running.port)]
    subprocess.run([*command, *map(str, films)], check=True, capture_output=True, timeout=60)

    kept_as_they_are = 0
    for film in films:
        header = dcmread(film)
        (record,) = running.instances(header.StudyInstanceUID)
        assert record.state is ImageState.QUEUED
        if header.file_meta.TransferSyntaxUID.is_compressed:
            kept = dcmread(running.settings.state_folder / record.path)
            assert record.facts.transfer_syntax_uid == header.file_meta.TransferSyntaxUID
            assert kept.PixelData == header.PixelData
            kept_as_they_are += 1
    assert kept_as_they_are >= 3


def test_the_same_bytes_again_are_acknowledged_and_change_nothing(
    start_listener, associate, radiograph, logged
):
    running, film = start_listener(), radiograph()
    for _ in range(2):
        assert associate(running.port, DX).send_c_store(film).Status == 0x0000
    assert len(running.instances(film.StudyInstanceUID)) == 1
    assert len(running.spooled()) == 1
    assert [one["action"] for one in logged if "received" in one["action"]] == [
        "duplicate_received"
    ]


def test_other_bytes_under_a_known_uid_are_the_next_version_and_logged(
    start_listener, associate, radiograph, logged
):
    running, film = start_listener(), radiograph()
    associate(running.port, DX).send_c_store(film)
    film.PixelData = b"\1" * len(film.PixelData)
    assert associate(running.port, DX).send_c_store(film).Status == 0x0000

    first, second = running.instances(film.StudyInstanceUID)
    assert (first.version, first.superseded) == (1, True)
    assert (second.version, second.superseded) == (2, False)
    assert len(running.spooled()) == 2
    assert [one["kind"] for one in logged if one["action"] == "instance_stored"] == [
        "new",
        "new-version",
    ]


def test_two_associations_that_deliver_the_same_object_at_once_leave_one(
    start_listener, associate, radiograph
):
    running, film = start_listener(), radiograph()
    associations = [associate(running.port, DX) for _ in range(4)]
    statuses = []
    senders = [
        threading.Thread(target=lambda one=one: statuses.append(one.send_c_store(film).Status))
        for one in associations
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert statuses == [0] * 4
    assert len(running.instances(film.StudyInstanceUID)) == 1
    assert len(running.spooled()) == 1


def test_an_own_report_that_comes_back_is_acknowledged_and_left_alone(
    start_listener, associate, radiograph, monkeypatch, logged
):
    monkeypatch.setattr("triage.store.intake._is_own_report", lambda _connection, _facts: True)
    running, report = start_listener(), radiograph(SOPClassUID=BasicTextSRStorage, Modality="SR")
    del report.PixelData
    assert associate(running.port, BasicTextSRStorage).send_c_store(report).Status == 0x0000
    assert running.spooled() == []
    assert logged[-1]["action"] == "own_report_received"


def test_an_object_of_another_class_is_kept_with_its_header_only(
    start_listener, associate, radiograph
):
    running = start_listener()
    report = radiograph(SOPClassUID=BasicTextSRStorage, Modality="SR")
    del report.PixelData
    private = radiograph(SOPClassUID="1.2.3.4.5.6.7")
    del private.PixelData
    association = associate(running.port, BasicTextSRStorage, "1.2.3.4.5.6.7")
    assert association.send_c_store(report).Status == 0x0000
    assert association.send_c_store(private).Status == 0x0000
    assert len(running.spooled()) == 2
    with running.store() as store:
        assert store.counts().images[ImageState.HEADER_ONLY] == 2
        assert store.worklist_entries() == ()


def test_an_image_of_another_modality_is_stored_as_not_eligible(
    start_listener, associate, radiograph
):
    running, image = start_listener(), radiograph(SOPClassUID=MRImageStorage, Modality="MR")
    assert associate(running.port, MRImageStorage).send_c_store(image).Status == 0x0000
    (record,) = running.instances(image.StudyInstanceUID)
    assert record.state is ImageState.NOT_ELIGIBLE
    assert record.problem


def test_an_unknown_sop_class_is_refused_where_the_site_says_so(start_listener, associate):
    association = associate(
        start_listener(unknown_sop_classes=UnknownSopClasses.REFUSE).port,
        "1.2.3.4.5.6.7",
        Verification,
    )
    assert [cx.abstract_syntax for cx in association.rejected_contexts] == ["1.2.3.4.5.6.7"]
    assert association.rejected_contexts[0].result == 0x03


def test_each_context_gets_the_first_transfer_syntax_that_it_proposes(start_listener, associate):
    running = start_listener()
    implicit, explicit = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
    for proposed in (
        (JPEG2000Lossless, explicit),
        (explicit, implicit, JPEG2000Lossless),
        ("1.2.3.99", implicit),
    ):
        association = associate(running.port, DX, syntaxes=proposed)
        (context,) = association.accepted_contexts
        expected = proposed[1] if proposed[0] == "1.2.3.99" else proposed[0]
        assert context.transfer_syntax == [expected]
    association = associate(running.port, DX, Verification, syntaxes=("1.2.3.99", implicit)[:1])
    assert not association.is_established


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"SOPInstanceUID": generate_uid()}, 0xA900, "SOP Instance UID"),
        ({"SOPClassUID": MRImageStorage}, 0xA900, "SOP Class UID"),
    ],
)
def test_an_object_that_is_not_what_the_request_says_is_refused(
    start_listener, associate, radiograph, encode_dataset, send_raw, logged, changed, status, reason
):
    running, film = start_listener(), radiograph()
    said = film.SOPInstanceUID
    for keyword, value in changed.items():
        setattr(film, keyword, value)
    association = associate(running.port, DX)
    answer = send_raw(association, DX, said, encode_dataset(film))
    assert answer.Status == status
    assert reason in answer.ErrorComment
    assert running.spooled() == running.unfinished() == []
    assert [one["status"] for one in logged if one["action"] == "object_refused"] == [status]


def test_bytes_that_are_no_data_set_are_refused_and_the_association_goes_on(
    start_listener, associate, radiograph, send_raw
):
    running, film = start_listener(), radiograph()
    association = associate(running.port, DX)
    answer = send_raw(association, DX, film.SOPInstanceUID, b"\xff" * 999)
    assert answer.Status == 0xC000
    assert running.unfinished() == []
    assert association.send_c_store(film).Status == 0x0000


@pytest.mark.parametrize(
    ("asked", "diagnostic"),
    [({"called": "OTHER"}, 0x07), ({"calling": "STRANGER"}, 0x03)],
)
def test_a_wrong_ae_title_is_rejected_and_logged(
    start_listener, associate, logged, asked, diagnostic
):
    running = start_listener(calling_ae_titles=("MODALITY",))
    association = associate(running.port, Verification, **asked)
    assert association.is_rejected
    assert association.acceptor.primitive.diagnostic == diagnostic
    assert logged[-1]["action"] == "association_refused"
    assert associate(running.port, Verification).is_established


def test_an_address_outside_the_list_is_rejected(start_listener, associate, logged):
    running = start_listener(calling_addresses=(ip_network("192.0.2.0/24"),))
    assert associate(running.port, Verification).is_rejected
    assert "calling_addresses" in logged[-1]["reason"]


def test_more_associations_than_allowed_are_rejected_for_now(start_listener, associate):
    running = start_listener(maximum_associations=2)
    welcome = [associate(running.port, Verification) for _ in range(2)]
    refused = associate(running.port, Verification)
    assert all(one.is_established for one in welcome)
    assert refused.is_rejected
    assert refused.acceptor.primitive.result == 0x02


def test_a_released_association_completes_its_studies_where_the_site_says_so(
    start_listener, settings_for, associate, radiograph
):
    settings = settings_for()
    object.__setattr__(settings.studies, "complete_on_release", True)
    running, film = start_listener(settings), radiograph()
    association = associate(running.port, DX)
    association.send_c_store(film)
    association.release()
    running.end()
    with running.store() as store:
        (entry,) = store.worklist_entries()
    assert entry.study_state is StudyState.COMPLETE


def test_a_port_that_is_taken_is_told_in_a_sentence(start_listener, settings_for):
    running = start_listener()
    settings = settings_for(port=running.port)
    with pytest.raises(TransientError, match=rf"cannot open 127.0.0.1:{running.port}.*stop the"):
        listener.run(settings, threading.Event(), lambda: None)


def test_a_listener_that_is_stopped_cuts_off_what_does_not_end_in_time(
    start_listener, associate, logged
):
    running = start_listener(options={"drain_seconds": 0.1})
    association = associate(running.port, Verification)
    assert association.is_established
    running.end()
    assert logged[-1] == {
        "event": "stopped",
        "action": "stopped",
        "associations": 1,
        "count": 1,
    }


def test_a_listener_that_is_stopped_lets_an_open_association_end(
    start_listener, associate, radiograph, logged
):
    running = start_listener()
    association = associate(running.port, DX)
    running.stop.set()
    assert association.send_c_store(radiograph()).Status == 0x0000
    association.release()
    running.end()
    assert logged[-1]["count"] == 0
