"""Filing a report: read the headers of the study's images, build the SR, make it durable."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from triage.intake.spool import write_durably
from triage.report import PredecessorReference, ReportRequest, build_report, write_part10
from triage.store import ReportRecord
from triage.uids import report_series_uid, report_uid
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from triage.settings import Settings
    from triage.store import Store, StudySnapshot
    from triage.values import Decision, HeaderFacts, Mode
    from triage.vision.bundle import Bundle

SERIES_NUMBER = 9901  # far from what modalities and viewers number
DEFERRED_BYTES = 4096  # a longer value of a source header is never needed, and never loaded
# What pydicom raises on data sets that a tolerant walk still gets through.
UNREADABLE = (
    InvalidDicomError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
COPIED_FROM_FACTS = {
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "PatientBirthDate": "patient_birth_date",
    "PatientSex": "patient_sex",
    "AccessionNumber": "accession_number",
    "StudyID": "study_id",
    "StudyDate": "study_date",
    "StudyTime": "study_time",
}


def file_report(
    store: Store,
    settings: Settings,
    bundle: Bundle,
    snapshot: StudySnapshot,
    decision: Decision,
    mode: Mode,
) -> ReportRecord:
    """Build the report of a decision and write it durably, before any row names it.

    Raises:
        ReportError: No report can be made of this study.
        OSError: The file cannot be written now.
    """
    request = _request(bundle, snapshot, decision, mode, store.clock())
    sources = list(_sources(settings.state_folder, snapshot))
    report = build_report(request, sources)
    name = f"{request.sop_instance_uid}.dcm"
    path = settings.state_folder / "reports" / name
    write_durably(path, write_part10(report))
    return ReportRecord(
        sop_instance_uid=request.sop_instance_uid,
        sop_class_uid=str(report.SOPClassUID),
        series_instance_uid=request.series_instance_uid,
        path=f"reports/{name}",
        created_at=request.created_at,
    )


def _request(
    bundle: Bundle, snapshot: StudySnapshot, decision: Decision, mode: Mode, now: datetime
) -> ReportRequest:
    uid = snapshot.evidence.study_instance_uid
    number = snapshot.decisions + 1
    return ReportRequest(
        study_instance_uid=uid,
        decision=decision,
        images=tuple(
            image for image in snapshot.evidence.images if image.state is not ImageState.HEADER_ONLY
        ),
        findings=bundle.findings,
        operating_points=bundle.operating_points,
        algorithm=bundle.identity,
        sop_instance_uid=report_uid(uid, number, now),
        series_instance_uid=report_series_uid(uid),
        series_number=SERIES_NUMBER,
        instance_number=number,
        created_at=now,
        mode=mode,
        predecessor=_predecessor(uid, snapshot.last_report),
    )


def _predecessor(
    study_instance_uid: str, report: ReportRecord | None
) -> PredecessorReference | None:
    if report is None:
        return None
    return PredecessorReference(
        sop_class_uid=report.sop_class_uid,
        sop_instance_uid=report.sop_instance_uid,
        series_instance_uid=report.series_instance_uid,
        study_instance_uid=study_instance_uid,
    )


def _sources(state_folder: Path, snapshot: StudySnapshot) -> Iterator[Dataset]:
    """Yield the header of every image that the report refers to."""
    for image in snapshot.evidence.images:
        if image.state is not ImageState.HEADER_ONLY:
            uid = image.sop_instance_uid
            yield _header(state_folder / snapshot.paths[uid], snapshot.facts[uid])


def _header(path: Path, facts: HeaderFacts) -> Dataset:
    """Return a source's header; of a file that pydicom cannot read, what intake could read."""
    try:
        return dcmread(path, stop_before_pixels=True, defer_size=DEFERRED_BYTES, force=True)
    except UNREADABLE:
        return _from_facts(facts)


def _from_facts(facts: HeaderFacts) -> Dataset:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = facts.sop_class_uid
    header.SOPInstanceUID = facts.sop_instance_uid
    header.StudyInstanceUID = facts.study_instance_uid
    header.SeriesInstanceUID = facts.series_instance_uid
    for keyword, name in COPIED_FROM_FACTS.items():
        setattr(header, keyword, getattr(facts, name))
    return header
