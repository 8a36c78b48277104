"""The edge to storage peers, against Orthanc, DCMTK, and peers that misbehave."""

from __future__ import annotations

import socket
import threading
import time

import pydicom
import pytest
from pynetdicom import AE, build_context
from pynetdicom.sop_class import Verification

from tests.delivery.helpers import (
    COMPREHENSIVE_3D_SR,
    COMPREHENSIVE_SR,
    read_uid,
    report_uid,
    study_uid,
    write_report,
)
from tests.peers import DeafPeer, start_orthanc, start_scripted, start_storescp
from triage.delivery.answers import Answer
from triage.delivery.association import Trouble
from triage.delivery.storage import send
from triage.settings import Destination
from triage.uids import comprehensive_report_uid

SR_CLASSES = [COMPREHENSIVE_3D_SR, COMPREHENSIVE_SR]

# pynetdicom drops the socket of a refused connection without closing it; it is freed at once.
refused_connection = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


def answers(transfer):
    return [result.answer for result in transfer.results]


def test_reports_reach_orthanc_in_their_studies_under_their_uids(tmp_path, reports, destination):
    with start_orthanc(tmp_path) as orthanc:
        transfer = send(destination(orthanc), "TRIAGE", reports(3), 5)
        found = orthanc.find_in_study(study_uid(2))
    assert answers(transfer) == [Answer.STORED] * 3
    assert [result.status for result in transfer.results] == [0, 0, 0]
    assert transfer.results[1].sop_instance_uid == report_uid(2)
    assert transfer.trouble is None
    assert [(i["SOPClassUID"], i["SOPInstanceUID"]) for i in found] == [
        (COMPREHENSIVE_3D_SR, report_uid(2))
    ]


def test_several_reports_share_one_association(reports, destination):
    with start_scripted(lambda _: 0, SR_CLASSES) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(5), 5)
    assert answers(transfer) == [Answer.STORED] * 5
    assert peer.associations == 1


def test_a_report_that_is_sent_again_is_no_second_report(tmp_path, reports, destination):
    with start_orthanc(tmp_path) as orthanc:
        for _ in range(2):
            transfer = send(destination(orthanc), "TRIAGE", reports(1), 5)
            assert answers(transfer) == [Answer.STORED]
        assert len(orthanc.instances()) == 1


def test_a_peer_without_3d_reports_gets_the_same_content_as_comprehensive_sr(
    tmp_path, reports, destination
):
    (report,) = reports(1)
    with start_storescp(tmp_path, sop_classes=[COMPREHENSIVE_SR]) as peer:
        first = send(destination(peer), "TRIAGE", [report], 5)
        second = send(destination(peer), "TRIAGE", [report], 5)
        (stored,) = peer.files()
        received = pydicom.dcmread(stored)
    assert answers(first) == answers(second) == [Answer.STORED]
    fallback = comprehensive_report_uid(report_uid(1))
    assert first.results[0].sop_instance_uid == second.results[0].sop_instance_uid == fallback
    assert (received.SOPClassUID, received.SOPInstanceUID) == (COMPREHENSIVE_SR, fallback)
    original = pydicom.dcmread(report)
    for changed in ("SOPClassUID", "SOPInstanceUID"):
        del original[changed], received[changed]
    assert received == original


def test_a_peer_that_accepts_the_3d_class_and_then_refuses_it_gets_the_fallback(
    reports, destination
):
    def no_3d(event):
        return 0x0122 if event.request.AffectedSOPClassUID == COMPREHENSIVE_3D_SR else 0

    with start_scripted(no_3d, SR_CLASSES) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(1), 5)
    assert answers(transfer) == [Answer.STORED]
    assert transfer.results[0].sop_instance_uid == comprehensive_report_uid(report_uid(1))


def test_a_peer_that_takes_no_reports_refuses_them_without_being_in_trouble(reports, destination):
    with start_scripted(lambda _: 0, ["1.2.840.10008.5.1.4.1.1.7"]) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(2), 5)
    assert answers(transfer) == [Answer.REFUSED] * 2
    assert "Comprehensive 3D SR" in transfer.results[0].problem
    assert transfer.trouble is None


def test_a_peer_that_only_takes_implicit_vr_gets_it(tmp_path, reports, destination):
    with start_storescp(tmp_path, arguments=["+xi"]) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(1), 5)
    assert answers(transfer) == [Answer.STORED]


@pytest.mark.parametrize(
    ("status", "expected", "stored_as"),
    [
        (0xA700, Answer.BUSY, ""),
        (0xB000, Answer.STORED, report_uid(1)),
        (0xC000, Answer.REFUSED, ""),
        (0x0111, Answer.STORED, report_uid(1)),
    ],
)
def test_the_peers_status_is_read(status, expected, stored_as, reports, destination):
    with start_scripted(lambda _: status, SR_CLASSES) as peer:
        (result,) = send(destination(peer), "TRIAGE", reports(1), 5).results
    assert (result.answer, result.status, result.sop_instance_uid) == (expected, status, stored_as)
    assert f"{status:04X}" in result.problem


def test_an_object_on_which_the_peer_hangs_up_does_not_stop_the_others(reports, destination):
    def hang_up(event):
        if event.request.AffectedSOPInstanceUID == report_uid(2):
            event.assoc.abort()
        return 0

    with start_scripted(hang_up, SR_CLASSES) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(4), 5)
    assert answers(transfer) == [Answer.STORED, Answer.BUSY, Answer.STORED, Answer.STORED]
    assert transfer.trouble is None


def test_an_object_that_is_never_answered_does_not_stop_the_others(reports, destination):
    never = threading.Event()

    def fall_silent(event):
        if event.request.AffectedSOPInstanceUID == report_uid(1):
            never.wait(20)
        return 0

    with start_scripted(fall_silent, SR_CLASSES) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(2), 0.5)
        never.set()
    assert answers(transfer) == [Answer.BUSY, Answer.STORED]


def test_a_peer_that_hangs_up_on_every_object_is_itself_in_trouble(reports, destination):
    def hang_up(event):
        event.assoc.abort()
        return 0

    with start_scripted(hang_up, SR_CLASSES) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(5), 5)
    assert answers(transfer) == [Answer.BUSY, Answer.BUSY, *[Answer.UNSENT] * 3]
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.BROKEN


def test_no_object_is_blamed_when_the_peer_answers_no_echo_either(reports, destination):
    never = threading.Event()

    def fall_silent(_):
        never.wait(20)
        return 0

    with start_scripted(fall_silent, SR_CLASSES, echo=fall_silent) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(1), 0.5)
        never.set()
    assert answers(transfer) == [Answer.UNSENT]
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.BROKEN


@refused_connection
def test_a_peer_that_is_down_is_away_and_nothing_was_tried(reports, destination, unused_port):
    transfer = send(destination(unused_port), "TRIAGE", reports(2), 5)
    assert answers(transfer) == [Answer.UNSENT] * 2
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.AWAY
    assert f"pacs (127.0.0.1:{unused_port})" in str(transfer.trouble)


def test_a_host_name_that_does_not_resolve_is_away(reports):
    nowhere = Destination("pacs", "PACS", "pacs.invalid", 104)
    transfer = send(nowhere, "TRIAGE", reports(1), 5)
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.AWAY


def test_a_port_that_answers_nothing_is_away_after_the_timeout(reports, destination):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        transfer = send(destination(port), "TRIAGE", reports(1), 0.5)
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.AWAY
    assert "0.5 s" in str(transfer.trouble)


def test_a_peer_that_stops_reading_does_not_hold_us_for_ever(tmp_path, destination):
    """More than the sockets can buffer is sent to a peer that accepts and then never reads."""
    report = write_report(tmp_path / "large.dcm")
    dataset = pydicom.dcmread(report)
    dataset.add_new(0x00420011, "OB", bytes(32 * 2**20))
    dataset.save_as(report)
    began = time.monotonic()
    with DeafPeer() as peer:
        transfer = send(destination(peer.port), "TRIAGE", [report], 0.5)
    assert answers(transfer) == [Answer.UNSENT]
    assert transfer.trouble is not None
    assert time.monotonic() - began < 10


def test_a_wrong_called_ae_title_is_told_with_its_remedy(reports, destination):
    with start_scripted(lambda _: 0, SR_CLASSES, require_called=True) as peer:
        transfer = send(destination(peer, ae_title="OTHER"), "TRIAGE", reports(1), 5)
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.UNWELCOME
    assert "ae_title of this destination, now OTHER" in str(transfer.trouble)


def test_a_calling_ae_title_that_the_peer_does_not_know_is_told_with_its_remedy(
    reports, destination
):
    with start_scripted(lambda _: 0, SR_CLASSES, require_calling=["SOMEONE"]) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(1), 5)
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.UNWELCOME
    assert "register TRIAGE with the peer" in str(transfer.trouble)


def test_a_peer_with_too_many_associations_is_crowded(reports, destination):
    with start_scripted(lambda _: 0, SR_CLASSES, maximum_associations=1) as peer:
        held = AE().associate("127.0.0.1", peer.port, contexts=[build_context(Verification)])
        transfer = send(destination(peer), "TRIAGE", reports(1), 5)
        held.release()
    assert transfer.trouble is not None
    assert transfer.trouble.kind is Trouble.CROWDED


def test_files_that_are_gone_or_broken_do_not_stop_the_others(tmp_path, reports, destination):
    good = reports(1)
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(good[0].read_bytes()[:200])
    noise = tmp_path / "noise.dcm"
    noise.write_bytes(b"no DICOM file at all")
    with start_scripted(lambda _: 0, SR_CLASSES) as peer:
        paths = [tmp_path / "gone.dcm", broken, noise, *good]
        transfer = send(destination(peer), "TRIAGE", paths, 5)
    assert answers(transfer) == [Answer.REFUSED] * 3 + [Answer.STORED]
    assert [result.path for result in transfer.results] == paths


def test_nothing_is_sent_to_a_peer_when_nothing_can_be(tmp_path, destination, unused_port):
    transfer = send(destination(unused_port), "TRIAGE", [tmp_path / "gone.dcm"], 5)
    assert answers(transfer) == [Answer.REFUSED]
    assert transfer.trouble is None


def test_sending_stops_between_objects_when_asked(reports, destination):
    stop = threading.Event()

    def stop_after_the_second(event):
        if event.request.AffectedSOPInstanceUID == report_uid(2):
            stop.set()
        return 0

    with start_scripted(stop_after_the_second, SR_CLASSES) as peer:
        keep_going = lambda: not stop.is_set()  # noqa: E731 - named for the reader
        transfer = send(destination(peer), "TRIAGE", reports(4), 5, keep_going)
    assert answers(transfer) == [Answer.STORED, Answer.STORED, Answer.UNSENT, Answer.UNSENT]
    assert transfer.trouble is None


def test_storescp_of_dcmtk_keeps_what_was_sent(tmp_path, reports, destination):
    with start_storescp(tmp_path, arguments=["--accept-all"]) as peer:
        transfer = send(destination(peer), "TRIAGE", reports(2), 5)
        assert {read_uid(file) for file in peer.files()} == {report_uid(1), report_uid(2)}
    assert answers(transfer) == [Answer.STORED] * 2
