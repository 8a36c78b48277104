"""The main job with real parts: DCMTK sends real films, Orthanc gets the reports."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from tests.end_to_end.sending import storescu
from tests.sr_validators import quick_problems
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from triage.demo.stage import Daemon

SR = "1.2.840.10008.5.1.4.1.1.88.34"
pytestmark = pytest.mark.slow


def ups_order(daemon: Daemon, folder: Path) -> list[tuple[str, str]]:
    """Ask for the reading list by pynetdicom's findscu over a UPS context (DCMTK's has none).

    Returns:
        Study and priority, in the order of the answers.
    """
    folder.mkdir()
    listener = daemon.settings.listener
    where = ["-aec", listener.ae_title, listener.address, str(listener.port)]
    keys = ["-k", "StudyInstanceUID", "-k", "ScheduledProcedureStepPriority"]
    subprocess.run(
        [sys.executable, "-m", "pynetdicom", "findscu", "-U", "-w", *keys, *where],
        check=True,
        capture_output=True,
        cwd=folder,
        timeout=60,
    )
    answers = [dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]
    return [(str(one.StudyInstanceUID), str(one.ScheduledProcedureStepPriority)) for one in answers]


def test_six_real_films_come_back_as_reports_and_stand_on_one_list(
    start, orthanc, test_data, tmp_path
):
    daemon = start(orthanc.ae_title, orthanc.dicom_port)
    films = sorted((test_data / "cspine_dx").glob("*.dcm"))
    assert len(films) == 6
    headers = [dcmread(film, stop_before_pixels=True) for film in films]
    for film in films:
        storescu(daemon, [film])
    studies = [str(header.StudyInstanceUID) for header in headers]
    until(lambda: sorted(orthanc.studies()) == sorted(studies), "six studies", 120)

    for header in headers:
        (report,) = orthanc.find_in_study(str(header.StudyInstanceUID))
        assert report["SOPClassUID"] == SR
        path = tmp_path / f"{header.AccessionNumber}.dcm"
        path.write_bytes(orthanc.download(report))
        assert quick_problems(path) == []
        written = dcmread(path)
        assert (written.PatientID, written.PatientName) == (header.PatientID, header.PatientName)
        assert written.AccessionNumber == header.AccessionNumber
        (evidence,) = written.CurrentRequestedProcedureEvidenceSequence
        (series,) = evidence.ReferencedSeriesSequence
        assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [
            header.SOPInstanceUID
        ]

    page = [
        (line["study_instance_uid"], line["priority"])
        for line in daemon.ask("api/worklist")["entries"]
    ]
    assert sorted(study for study, _ in page) == sorted(studies)
    assert ups_order(daemon, tmp_path / "ups") == page
    # Real films are outside what the phantom's bundle is for: nothing may be lowered.
    assert all(priority != "LOW" for _, priority in page)


def test_a_late_image_leads_to_a_second_report_that_names_the_first(
    start, orthanc, test_data, tmp_path
):
    daemon = start(orthanc.ae_title, orthanc.dicom_port)
    first = dcmread(test_data / "cspine_dx" / "0001035.dcm")
    study = str(first.StudyInstanceUID)
    storescu(daemon, [test_data / "cspine_dx" / "0001035.dcm"])
    until(lambda: len(orthanc.find_in_study(study)) == 1, "the first report", 120)
    (before,) = orthanc.find_in_study(study)
    late = tmp_path / "late.dcm"
    first.SOPInstanceUID = first.file_meta.MediaStorageSOPInstanceUID = "2.25.4711"
    first.save_as(late)
    storescu(daemon, [late])
    until(lambda: len(orthanc.find_in_study(study)) == 2, "the second report", 120)
    (after,) = [one for one in orthanc.find_in_study(study) if one["ID"] != before["ID"]]
    path = tmp_path / "second.dcm"
    path.write_bytes(orthanc.download(after))
    (predecessor,) = dcmread(path).PredecessorDocumentsSequence
    (series,) = predecessor.ReferencedSeriesSequence
    (named,) = series.ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == before["SOPInstanceUID"]
    assert quick_problems(path) == []
