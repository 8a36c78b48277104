"""Filing a report: read the headers of the study's images, build the SR, make it durable."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from triage.errors import TransientError
from triage.intake.spool import write_durably
from triage.report import PredecessorReference, ReportRequest, build_report, write_part10
from triage.store import ReportRecord
from triage.uids import report_series_uid, report_uid
from triage.values import ImageState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from triage.settings import Settings
    from triage.store import Store, StudySnapshot
    from triage.values import Decision, HeaderFacts, Mode, StudyEvidence
    from triage.vision.bundle import Bundle

SERIES_NUMBER = 9901  # far from what modalities and viewers number
DEFERRED_BYTES = 4096  # a longer value of a source header is never needed, and never loaded
# What pydicom raises on data sets that a tolerant walk still gets through.
UNREADABLE = (
    InvalidDicomError,
    ArithmeticError,
    AttributeError,
    EOFError,
    FileNotFoundError,
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
        TransientError: The file cannot be written now.
    """
    now = store.clock()
    sources = {
        uid: (settings.state_folder / path, snapshot.facts[uid])
        for uid, path in snapshot.paths.items()
    }
    report = build_study_report(
        bundle,
        snapshot.evidence,
        decision,
        mode,
        sources,
        now,
        number=snapshot.decisions + 1,
        predecessor=_predecessor(snapshot),
    )
    name = f"reports/{report.SOPInstanceUID}.dcm"
    try:
        write_durably(settings.state_folder / name, write_part10(report))
    except OSError as error:
        raise TransientError(
            f"a report cannot be written to {settings.state_folder}: {error.strerror}; free space"
            " or mend the folder's owner, the study is decided then"
        ) from error
    return ReportRecord(
        sop_instance_uid=str(report.SOPInstanceUID),
        sop_class_uid=str(report.SOPClassUID),
        series_instance_uid=str(report.SeriesInstanceUID),
        path=name,
        created_at=now,
    )


def build_study_report(
    bundle: Bundle,
    evidence: StudyEvidence,
    decision: Decision,
    mode: Mode,
    sources: Mapping[str, tuple[Path, HeaderFacts]],
    now: datetime,
    *,
    number: int = 1,
    predecessor: PredecessorReference | None = None,
) -> Dataset:
    """Build the report of a decision from the headers of the study's images.

    Args:
        bundle: The bundle that the analyses are of.
        evidence: What the decision was made from.
        decision: The decision.
        mode: The mode it was made under.
        sources: File and header facts of each image, by SOP Instance UID.
        now: When the decision was made.
        number: 1 for the study's first decision.
        predecessor: The report that this one replaces.

    Returns:
        A Comprehensive 3D SR.

    Raises:
        ReportError: No report can be made of this study.
    """
    uid = evidence.study_instance_uid
    images = tuple(one for one in evidence.images if one.state is not ImageState.HEADER_ONLY)
    request = ReportRequest(
        study_instance_uid=uid,
        decision=decision,
        images=images,
        findings=bundle.findings,
        operating_points=bundle.operating_points,
        algorithm=bundle.identity,
        sop_instance_uid=report_uid(uid, number, now),
        series_instance_uid=report_series_uid(uid),
        series_number=SERIES_NUMBER,
        instance_number=number,
        created_at=now.astimezone(),  # dates in reports are read in the hospital's own time
        mode=mode,
        predecessor=predecessor,
    )
    return build_report(request, [_header(*sources[one.sop_instance_uid]) for one in images])


def _predecessor(snapshot: StudySnapshot) -> PredecessorReference | None:
    report = snapshot.last_report
    if report is None:
        return None
    return PredecessorReference(
        sop_class_uid=report.sop_class_uid,
        sop_instance_uid=report.sop_instance_uid,
        series_instance_uid=report.series_instance_uid,
        study_instance_uid=snapshot.evidence.study_instance_uid,
    )


def _header(path: Path, facts: HeaderFacts) -> Dataset:
    """Return a source's header; of a file that pydicom cannot read, what intake could read."""
    try:
        return dcmread(path, stop_before_pixels=True, defer_size=DEFERRED_BYTES, force=True)
    except UNREADABLE:
        return _from_facts(facts)
    except OSError as error:
        raise TransientError(
            f"a received file cannot be read: {error.strerror}; mend the disk of the state folder,"
            " the study is decided then"
        ) from error


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
