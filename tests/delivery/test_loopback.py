"""The small PACS of the demonstration, sent to by DCMTK and by our own courier's edge."""

from __future__ import annotations

import subprocess
import threading

import pydicom
import pytest

from tests.delivery.helpers import report_uid, study_uid, write_report
from tests.peers import program
from triage.delivery.answers import Answer
from triage.delivery.storage import send
from triage.errors import PermanentError
from triage.loopback import LoopbackPacs


@pytest.fixture
def pacs(tmp_path):
    with LoopbackPacs(tmp_path / "pacs") as running:
        yield running


def test_it_answers_an_echo_whatever_it_is_called(pacs):
    echo = [program("echoscu"), "-aec", "ANYTHING", "127.0.0.1", str(pacs.port)]
    assert subprocess.run(echo, check=False).returncode == 0


def test_it_holds_what_was_sent_by_study_as_it_was_sent(pacs, reports, destination):
    first, second = reports(2)
    send(destination(pacs), "TRIAGE", [first, second], 5)
    (held,) = pacs.received(study_uid(2))
    assert (held.sop_instance_uid, held.study_instance_uid) == (report_uid(2), study_uid(2))
    assert held.path == pacs.folder / study_uid(2) / f"{report_uid(2)}.dcm"
    assert pydicom.dcmread(held.path) == pydicom.dcmread(second)
    assert len(pacs.received()) == 2


def test_an_object_that_comes_again_is_counted_and_held_once(pacs, reports, destination):
    for _ in range(2):
        send(destination(pacs), "TRIAGE", reports(1), 5)
    assert pacs.stores == 2
    assert len(pacs.received()) == 1


def test_real_films_in_several_transfer_syntaxes_arrive_as_they_were(pacs, test_data, destination):
    films = sorted((test_data / "cspine_dx").glob("*.dcm"))
    transfer = send(destination(pacs), "TRIAGE", films, 20)
    assert [result.answer for result in transfer.results] == [Answer.STORED] * 6
    for film, held in zip(films, pacs.received(), strict=True):
        sent, kept = pydicom.dcmread(film), pydicom.dcmread(held.path)
        assert kept.PixelData == sent.PixelData
        if sent.file_meta.TransferSyntaxUID.is_compressed:
            assert kept.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def test_a_waiter_is_woken_when_its_study_has_come(pacs, reports, destination):
    came = []
    waiting = threading.Thread(
        target=lambda: came.append(pacs.wait_until(lambda held: len(held) == 2, 20))
    )
    waiting.start()
    send(destination(pacs), "TRIAGE", reports(2), 5)
    waiting.join(20)
    assert came == [True]


def test_a_wait_for_what_never_comes_ends(pacs):
    assert pacs.wait_until(bool, 0.05) is False


def test_an_object_without_a_usable_study_uid_is_not_understood(pacs, tmp_path, destination):
    report = write_report(tmp_path / "report.dcm")
    dataset = pydicom.dcmread(report)
    del dataset.StudyInstanceUID
    dataset.save_as(report)
    (result,) = send(destination(pacs), "TRIAGE", [report], 5).results
    assert (result.answer, result.status) == (Answer.REFUSED, 0xC000)
    assert pacs.received() == ()


def test_a_taken_port_is_told_with_its_remedy(pacs, tmp_path):
    with pytest.raises(PermanentError, match=f"port {pacs.port}.*choose another"):
        LoopbackPacs(tmp_path / "second", port=pacs.port).start()
